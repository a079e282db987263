/** The dashboards as files: what Grafana makes of them on loading, and what they say where there is nothing to show. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { test } from "node:test";
import { directory, files } from "../../dashboards/generate.ts";
import { METRICS } from "../../lib/metrics.ts";
import { titleOf } from "../../lib/titles.ts";
import { dashboard, loaded, type Panel, panelsIn } from "./grafana.ts";

const ALL = [...files().keys()].flatMap((file) =>
  panelsIn(dashboard(file)).map((panel) => ({ file, panel, where: `${file}: ${panel.title}` })),
);

test("the files are those of the code, and no others", async () => {
  assert.deepEqual((await readdir(directory)).sort(), [...files().keys()].sort());
});

for (const file of ["live.json", "stock.json"]) {
  test(`${file}: every metric has a panel, with a title in plain words and the metric's name and help behind it`, () => {
    const panels = panelsIn(dashboard(file));
    for (const [name, { help }] of Object.entries(METRICS)) {
      const own = panels.filter(
        ({ title, description = "" }) =>
          (title === titleOf(name) || title.startsWith(`${titleOf(name)} (`)) &&
          description.startsWith(`${name}: ${help}`),
      );
      assert.equal(own.length, 1, name);
    }
  });
}

test("Grafana takes every panel as it is: without a version it rewrites the options of an xychart", () => {
  const options = { mapping: "auto", series: [{ x: { matcher: { id: "byName", options: "step" } } }] };
  const xychart = { type: "xychart", title: "", fieldConfig: { defaults: {}, overrides: [] }, options };
  for (const pluginVersion of [undefined, "10.4.2", "11.0.1"]) {
    const of = { ...xychart, ...(pluginVersion && { pluginVersion }) };
    assert.notDeepEqual(loaded(of), of, `a chart of ${pluginVersion} is rewritten`);
  }
  assert.ok(ALL.length > Object.keys(METRICS).length);
  for (const { panel, where } of ALL) {
    assert.match(panel.pluginVersion ?? "", /^1[1-9]\.[1-9]|^1[2-9]\./, where);
    assert.deepEqual(loaded(panel), panel, where);
    // The same panel as an xychart would keep its options, too.
    const drawn = { ...panel, type: "xychart" };
    assert.deepEqual(loaded(drawn), drawn, where);
  }
});

test("a panel without data says why: only kinds of panels that show what they were given to say", () => {
  for (const { panel, where } of ALL) {
    if (panel.type === "text") continue;
    // Others, such as xychart and trend, have words of their own where data is missing.
    assert.ok(["table", "timeseries", "stat"].includes(panel.type), `${where}: ${panel.type}`);
    assert.match(panel.fieldConfig.defaults.noValue ?? "", /^\w+ .{20}/, where);
  }
});

test("a table's unit is that of some of its columns: Grafana would show a run that is called 1234 as 1.23 s", () => {
  for (const { panel, where } of ALL.filter(({ panel }) => panel.type === "table")) {
    assert.equal(panel.fieldConfig.defaults.unit, undefined, where);
  }
});

test("an empty cell of a table does not say that there is no row", () => {
  for (const { panel, where } of ALL.filter(({ panel }) => panel.type === "table")) {
    const words = panel.fieldConfig.overrides.flatMap(({ matcher, properties }) =>
      matches(matcher, "Commit") ? properties.filter(({ id }) => id === "noValue") : [],
    );
    assert.deepEqual(words, [{ id: "noValue", value: "–" }], where);
  }
});

test("a logarithmic axis begins at its lowest value, or at 10 µs where single values are next to 0", () => {
  const logarithmic = ALL.filter(
    ({ panel }) => panel.fieldConfig?.defaults.custom?.scaleDistribution?.type === "log",
  );
  assert.ok(logarithmic.length > 10);
  // Of what takes no way between two processes: one from 0.000001 ms would draw nothing else.
  const nextToZero = /^(ws_connect_phase|ws_fanout_spread|ws_fanout_server_lag|ws_generator_delay|ws_slow)/;
  for (const { panel, where } of logarithmic) {
    const isBounded = panel.fieldConfig.defaults.min === 0.01;
    if (nextToZero.test(panel.description!)) assert.ok(isBounded, where);
    if (/^(Latency|Response time|Fan-out lag \(|Fan-out lag,)/.test(panel.title))
      assert.ok(!isBounded, where);
  }
});

test("limits are told apart by their dashes, and no data is in their colour", () => {
  for (const { panel, where } of ALL.filter(({ panel }) => panel.type === "timeseries")) {
    const limits = (panel.targets ?? []).flatMap(({ query, alias = "" }) =>
      [...query.matchAll(/AS "(limit [^"]+)"/g)].map(([, name]) => alias.replace("$col", name!)),
    );
    const dashes = limits.map((name) => {
      const own = panel.fieldConfig.overrides.filter(({ matcher }) => matches(matcher, name));
      const [dash] = own.flatMap(({ properties }) =>
        properties.filter(({ id }) => id === "custom.lineStyle"),
      );
      assert.ok(dash, `${where}: ${name}`);
      return `${name.replace(/:.*/, "")} ${JSON.stringify(dash.value)}`;
    });
    assert.equal(new Set(dashes).size, dashes.length, `${where}: ${dashes}`);
    for (const { matcher, properties } of panel.fieldConfig.overrides) {
      const { fixedColor = "" } = (properties.find(({ id }) => id === "color")?.value ?? {}) as {
        fixedColor?: string;
      };
      if (/red/.test(fixedColor)) assert.match(matcher.options, /limit|fail/, where);
    }
  }
});

function matches(
  { id, options }: Panel["fieldConfig"]["overrides"][number]["matcher"],
  name: string,
): boolean {
  return id === "byRegexp" ? new RegExp(options.slice(1, -1)).test(name) : options === name;
}

test("a run's dashboard opens on the latest run; the runs of a month on the runs of a month", () => {
  const [, run] = dashboard("live.json").templating.list;
  assert.equal(run!.name, "run");
  assert.match(String(run!.query), /ORDER BY time DESC/);
  assert.ok(!("current" in run!) && !("includeAll" in run! && run.includeAll), "the first of the list");
  assert.equal(dashboard("runs.json").time.from, "now-30d");
});

test("the first screen has no panel that needs a scenario of its own, and begins with the verdict", () => {
  for (const file of ["live.json", "stock.json"]) {
    const { panels } = dashboard(file);
    const closed = panels.findIndex(({ type }) => type === "row");
    assert.deepEqual(
      panels.slice(0, closed).map(({ title }) => title.replace(/[,(].*/, "").trim()),
      [
        ...(file === "live.json"
          ? ["Verdict", "What ran", "Figures of the whole run", "Generator delay"]
          : ["What stock k6 cannot show", "Figures of this time range"]),
        "Load",
        "Latency",
        "What went wrong",
        "Generator delay",
      ],
    );
    assert.ok(panels.slice(closed).every(({ type }) => type === "row"));
  }
});
