/** The dashboards' own queries, on real servers that real runs were written to, against the runs' summaries. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SOURCES, type Source } from "../../dashboards/influxql.ts";
import { FIGURES } from "../../dashboards/results.ts";
import { METRICS, type MetricName } from "../../lib/metrics.ts";
import { resultOf } from "../../lib/result.ts";
import type { MetricSummary } from "../../lib/summary/summary.ts";
import { titleOf } from "../../lib/titles.ts";
import type { Cleanup } from "../k6/run.ts";
import { type Chosen, dashboard, interpolate, type Panel, panelOf, panelsIn } from "./grafana.ts";
import { RUNS, type Stored, store } from "./runs.ts";
import { type InfluxServer, launchInflux, type Major } from "./servers.ts";

const MAJORS: readonly Major[] = [1, 2];

describe("every panel agrees with the summary", () => {
  const servers = new Map<Major, InfluxServer>();
  const runs: Stored[] = [];
  const undo: (() => unknown)[] = [];
  const cleanup: Cleanup = { after: (step) => undo.unshift(step) };

  before(async () => {
    for (const major of MAJORS) {
      const influx = await launchInflux(cleanup, major);
      if (influx) servers.set(major, influx);
    }
    if (servers.size === 0) return;
    for (const run of RUNS) runs.push(await store(cleanup, [...servers.values()], run));
    // What was counted in the last seconds is not drawn until they are stored.
    const drawnFrom = runs.at(-1)!.chosen.to + 3_000;
    while (Date.now() < drawnFrom) await sleep(drawnFrom - Date.now());
  });
  after(async () => {
    for (const step of undo) await step();
  });

  for (const major of MAJORS) {
    const on = (what: string, check: (influx: InfluxServer, stored: Stored) => Promise<void>) =>
      test(`InfluxDB ${major}: ${what}`, async (t) => {
        const influx = servers.get(major);
        if (!influx) return t.skip(`no server of InfluxDB ${major}`);
        assert.equal(runs.length, RUNS.length);
        for (const stored of runs) await check(influx, stored);
        return undefined;
      });
    on("the verdict and its sentence", assertVerdict);
    on("the figures of the whole run", assertFigures);
    on("the runs of a month", assertNights);
    on("the steps of a load that grew", assertSteps);
    on("the figures of a run of stock k6", assertFiguresOfStock);
    for (const source of Object.keys(SOURCES) as Source[]) {
      on(`every metric over time, by ${SOURCES[source]}`, (influx, stored) =>
        assertOverTime(influx, stored, source),
      );
      on(`no query is refused, by ${SOURCES[source]}`, (influx, stored) =>
        assertAllAnswer(influx, stored, source),
      );
    }
    test(`InfluxDB ${major}: the range of the passing runs`, async (t) => {
      const influx = servers.get(major);
      if (!influx) return t.skip(`no server of InfluxDB ${major}`);
      return assertUsualRange(influx, runs);
    });
    test(`InfluxDB ${major}: the pickers offer the latest run first, and each run once`, async (t) => {
      const influx = servers.get(major);
      if (!influx) return t.skip(`no server of InfluxDB ${major}`);
      const offered = await optionsOf(influx, "live.json", "run");
      assert.deepEqual(offered, runs.map(({ chosen }) => chosen.run).reverse());
      assert.deepEqual(
        new Set(await optionsOf(influx, "stock.json", "run")),
        new Set(runs.map(({ chosen }) => chosen.run)),
      );
      assert.deepEqual(
        new Set(await optionsOf(influx, "runs.json", "scenario")),
        new Set(RUNS.map(({ scenario }) => scenario)),
      );
      return undefined;
    });
  }
});

type Cell = string | number | null;
interface Answer {
  readonly alias: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly columns: readonly string[];
  readonly values: readonly (readonly Cell[])[];
}

/** What a panel's queries come to. */
async function ask(influx: InfluxServer, panel: Panel, chosen: Chosen): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const { query, alias = "" } of panel.targets ?? []) {
    for (const { tags = {}, columns, values } of await influx.query(interpolate(query, chosen))) {
      answers.push({ alias, tags, columns, values });
    }
  }
  return answers;
}

/** The rows of a table, its columns as the panel orders and names them. */
async function rowsOf(influx: InfluxServer, panel: Panel, chosen: Chosen): Promise<Record<string, Cell>[]> {
  const order = panel.transformations!.find(({ id }) => id === "organize")!.options.indexByName!;
  const rows = (await ask(influx, panel, chosen)).flatMap(({ tags, columns, values }) => {
    for (const column of [
      ...columns.map((name) => (name === "time" ? "Time" : name)),
      ...Object.keys(tags),
    ]) {
      assert.ok(
        Object.hasOwn(order, column),
        `${panel.title}: the place of column ${column} is left to chance`,
      );
    }
    return values.map((row) => ({
      ...tags,
      ...Object.fromEntries(columns.map((name, i) => [name, row[i]!])),
    }));
  });
  return panel.transformations!.some(({ id }) => id === "merge") ? merged(rows) : rows;
}

/** Rows of several queries that are about the same run, as one. */
function merged(rows: readonly Record<string, Cell>[]): Record<string, Cell>[] {
  const all = new Map<string, Record<string, Cell>>();
  for (const row of rows) {
    const key = JSON.stringify([row.time, row.Run]);
    all.set(key, { ...all.get(key), ...row });
  }
  return [...all.values()];
}

async function optionsOf(influx: InfluxServer, file: string, name: string): Promise<string[]> {
  const { query } = dashboard(file).templating.list.find((one) => one.name === name)!;
  const answer = await influx.query(interpolate(String(query), { from: 0, to: Date.now() }));
  // The first column is the time, or the name of a tag.
  return [...new Set(answer.flatMap(({ values }) => values.map((row) => String(row[1]))))];
}

async function assertVerdict(influx: InfluxServer, { summary, code, chosen }: Stored): Promise<void> {
  // Whatever time range is shown.
  const elsewhen = { ...chosen, from: chosen.from - 1e8, to: chosen.from - 1e7 };
  const verdict = await ask(influx, panelOf("live.json", "Verdict"), elsewhen);
  assert.deepEqual(
    verdict.map(({ columns, values }) => [columns[1], values.map((row) => row[1])]),
    [["Verdict", [summary.verdict]]],
  );
  const [row, ...others] = await rowsOf(influx, panelOf("live.json", "What ran"), elsewhen);
  assert.deepEqual(others, [], chosen.run);
  const { Run, Reason, Duration, Scenario, Branch, from, until } = row!;
  assert.deepEqual(
    { Run, Reason, Duration, Scenario, Branch },
    {
      Run: chosen.run,
      Reason: summary.reason,
      Duration: summary.durationMs / 1_000,
      Scenario: summary.scenario,
      Branch: "main",
    },
  );
  assert.ok(
    chosen.from - 1_000 < Number(from) && Number(from) < Number(until) && Number(until) <= chosen.to + 1_000,
    `${from} to ${until}`,
  );
  const processes = await rowsOf(influx, panelOf("live.json", "Processes"), elsewhen);
  assert.deepEqual(
    processes.map((one) => [one.Run, one["Limits, by k6"]]),
    [[chosen.run, code]],
  );
  const events = await influx.query(
    interpolate(dashboard("live.json").annotations.list.at(-1)!.query!, {
      ...chosen,
      // The range that the run's name leads to holds all of its marks.
      from: Number(from),
      to: Number(until),
    }),
  );
  const texts = events.flatMap(({ values }) => values.map(([, text]) => text));
  const isFault = (text: unknown) => FAULTS.some(({ words }) => String(text).endsWith(` ${words}`));
  for (const { metric, words } of FAULTS) {
    const found = summary.metrics[metric];
    assert.equal(
      texts.some((text) => String(text).endsWith(` ${words}`)),
      found?.kind === "counter" && found.count > 0,
      `${chosen.run}: marks of ${words}`,
    );
  }
  assert.deepEqual(
    texts.filter((text) => !isFault(text)),
    [
      "start",
      ...(summary.steps?.curve ?? []).map(({ size }) => `${size} ${summary.steps!.of}`),
      texts.at(-1)!,
    ],
    chosen.run,
  );
  assert.match(String(texts.at(-1)), /^end: finished/);
}

/** What the axis of time marks beside start, end and steps (extension/influxdb/events.go). */
const FAULTS = [
  { metric: "ws_connect_failures", words: "connections could not be opened" },
  { metric: "ws_connection_drops", words: "connections dropped" },
  { metric: "ws_messages_lost", words: "messages lost" },
] as const;

/** Of the tiles, exactly what the summary says: percentiles of the whole run, not of a second. */
async function assertFigures(influx: InfluxServer, { summary, chosen }: Stored): Promise<void> {
  const elsewhen = { ...chosen, from: 0, to: 1 };
  const shown: [title: string, value: Cell][] = [];
  for (const title of ["Figures of the whole run", "Generator delay"]) {
    for (const { alias, tags, values } of await ask(influx, panelOf("live.json", title), elsewhen)) {
      shown.push([alias.replace("$tag_outcome", tags.outcome!), values[0]![1]!]);
    }
  }
  const { fields } = resultOf(summary);
  const expected = FIGURES.flatMap(({ title, metric, of }) => {
    const value = fields[`${metric}_${of}`];
    return value === undefined ? [] : [[title, value]];
  });
  const isOutcome = ([title]: [string, Cell]) => title.startsWith("Outcome: ");
  assert.deepEqual(
    shown.filter((one) => !isOutcome(one)),
    expected,
    chosen.run,
  );
  const outcomes = Object.entries(summary.metrics.ws_outcomes?.by?.outcome ?? {}).flatMap(
    ([outcome, part]) =>
      part.kind === "counter" && part.count > 0 ? [[`Outcome: ${outcome}`, part.count] as const] : [],
  );
  assert.deepEqual(Object.fromEntries(shown.filter(isOutcome)), Object.fromEntries(outcomes), chosen.run);
  assert.ok(shown.length >= 3, `${chosen.run}: ${shown.length} figures`);
  const { ws_msg_rtt_ms: rtt, ws_generator_delay_ms: delay } = summary.metrics;
  const of = Object.fromEntries(shown);
  if (rtt?.kind === "trend" && rtt.count > 0) assert.equal(of["Response, p99"], rtt.p99);
  const send = delay?.by?.side?.send;
  if (send?.kind === "trend") assert.equal(of["Generator send, p99"], send.p99);
}

async function assertNights(influx: InfluxServer, { summary, chosen }: Stored): Promise<void> {
  const rows = await rowsOf(influx, panelOf("runs.json", "Runs"), { ...chosen, run: ".*" });
  const times = rows.map(({ time }) => Number(time));
  assert.deepEqual(
    times,
    [...times].sort((a, b) => b - a),
    "the latest first",
  );
  const row = rows.find(({ Run }) => Run === chosen.run)!;
  assert.equal(row.Verdict, summary.verdict);
  const { fields } = resultOf(summary);
  for (const { title, metric, of } of FIGURES) {
    assert.equal(row[title] ?? undefined, fields[`${metric}_${of}`], `${chosen.run}: ${title}`);
  }
  await assertKinds(influx, summary, chosen);
  let points = 0;
  for (const panel of panelsIn(dashboard("runs.json")).filter(({ type }) => type === "timeseries")) {
    // From the name that is shown to the field that it stands for.
    const names = new Map(
      panel.targets!.flatMap(({ query }) =>
        [...query.matchAll(/"([^"]+)"\)? AS "([^"]+)"/g)].map(([, field, name]) => [
          name!,
          field!.replace(/_limit$/, ""),
        ]),
      ),
    );
    for (const { alias, tags, columns, values } of await ask(influx, panel, chosen)) {
      if (alias.startsWith("passing runs, ")) continue; // below
      const isLimit = alias.startsWith("limit ");
      const isLine = !isLimit && Object.keys(tags).length === 0;
      if (isLine) {
        // Through this run, too.
        const own = fields[names.get(alias)!];
        const drawn = values.map((row) => row[1]!);
        assert.ok(own === undefined || drawn.includes(own), `${chosen.run}: ${panel.title}, ${alias}`);
        continue;
      }
      if (!isLimit && tags.run !== chosen.run) continue;
      if (!isLimit) {
        assert.ok(alias.startsWith(`${summary.verdict}: `), `${alias}: its colour is that of its verdict`);
        assert.ok(tags.from && tags.until, "a point leads to its run");
      }
      for (const [i, name] of columns.entries()) {
        if (name === "time") continue;
        const found = values.map((row) => row[i]).filter((value) => value !== null);
        const own = fields[`${names.get(name)!}${isLimit ? "_limit" : ""}`];
        if (isLimit) assert.ok(own === undefined || found.includes(own), `${chosen.run}: ${panel.title}`);
        else
          assert.deepEqual(found, own === undefined ? [] : [own], `${chosen.run}: ${panel.title}, ${name}`);
        if (!isLimit) points += found.length;
      }
    }
  }
  assert.ok(points >= 3, `${chosen.run}: ${points} points`);
}

/** Failures, drops and outcomes by reason and code. */
async function assertKinds(influx: InfluxServer, summary: Stored["summary"], chosen: Chosen): Promise<void> {
  const answers = await ask(influx, panelOf("runs.json", "By reason, code and outcome"), chosen);
  const shown = answers
    .filter(({ tags }) => tags.run === chosen.run)
    .flatMap(({ columns, values }) => columns.map((name, i) => [name, values.at(-1)![i]] as const))
    .filter(([name, value]) => name !== "time" && Number(value) > 0);
  const expected = Object.entries(KINDS).flatMap(([name, tag]) =>
    Object.entries(summary.metrics[name]?.by?.[tag] ?? {}).flatMap(([value, part]) =>
      part.kind === "counter" && part.count > 0 ? [[`${titleOf(name)}: ${value}`, part.count] as const] : [],
    ),
  );
  assert.deepEqual(Object.fromEntries(shown), Object.fromEntries(expected), chosen.run);
}

/** What each is broken down by in the table of the nights. */
const KINDS = {
  ws_connect_failures: "reason",
  ws_login_failures: "reason",
  ws_connection_drops: "code",
  ws_message_errors: "reason",
  ws_outcomes: "outcome",
};

/** The area of what is usual: from the lowest to the highest of the passing runs, over all of the time range. */
async function assertUsualRange(influx: InfluxServer, runs: readonly Stored[]): Promise<void> {
  const chosen = { from: runs[0]!.chosen.from, to: Date.now(), intervalMs: 10_000 };
  const panel = panelOf("runs.json", "Latency of each run (ms)");
  let areas = 0;
  for (const { alias, columns, values } of await ask(influx, panel, chosen)) {
    const [, end, title] = /^passing runs, (lowest|highest): (.*)$/.exec(alias) ?? [];
    if (!end) continue;
    const metric = Object.keys(METRICS).find((name) => title!.startsWith(`${titleOf(name)}, `))!;
    const of = title!.split(", ").at(-1)!;
    const all = runs.flatMap(({ summary }) =>
      summary.verdict === "pass" ? [Number(resultOf(summary).fields[`${metric}_${of}`])] : [],
    );
    const expected = (end === "lowest" ? Math.min : Math.max)(...all.filter((value) => !Number.isNaN(value)));
    const column = values.map((row) => row[columns.length - 1]);
    assert.ok(column.length >= 2, "from the beginning of the range to its end");
    assert.deepEqual([...new Set(column)], [expected], alias);
    areas += 1;
  }
  assert.equal(areas, 2 * 4, "a range of each latency that a run has");
}

async function assertSteps(influx: InfluxServer, { summary, chosen }: Stored): Promise<void> {
  const rows = await rowsOf(influx, panelOf("live.json", "By the size of the load"), chosen);
  const curve = summary.steps?.curve ?? [];
  assert.deepEqual(
    rows.map(({ Size, Verdict, Reason, p50, p90, p99, max }) => ({
      Size,
      Verdict,
      Reason,
      p50,
      p90,
      p99,
      max,
    })),
    curve.map(({ size, verdict, reason, latency }) => {
      const { p50 = null, p90 = null, p99 = null, max = null } = latency ?? {};
      return { Size: size, Verdict: verdict, Reason: reason, p50, p90, p99, max };
    }),
    chosen.run,
  );
  if (summary.steps) assert.ok(curve.length >= 2, `${chosen.run}: ${summary.reason}`);
  const stock = panelsIn(dashboard("stock.json")).filter(({ title }) =>
    / by (subscribers|pub|connections)/.test(title),
  );
  for (const panel of stock) {
    const sizes = (await ask(influx, panel, chosen))
      .map(({ tags }) => Number(tags.step))
      .sort((a, b) => a - b);
    const metric = curve[0]?.latency?.metric;
    if (summary.steps && panel.title === `${titleOf(metric!)} by ${summary.steps.of}`) {
      assert.deepEqual(
        sizes,
        curve.map(({ size }) => size),
        `${chosen.run}: ${panel.title}`,
      );
    } else if (!panel.title.endsWith(` by ${summary.steps?.of}`)) {
      assert.deepEqual(sizes, [], `${chosen.run}: ${panel.title}`);
    }
  }
}

/** Stock k6's points that share series and nanosecond replace each other: of thousands a few are missing. */
const LOST_BY_STOCK = 0.01;

async function assertFiguresOfStock(influx: InfluxServer, { summary, chosen }: Stored): Promise<void> {
  const answers = await ask(influx, panelOf("stock.json", "Figures of this time range"), chosen);
  const shown = Object.fromEntries(answers.map(({ alias, values }) => [alias, Number(values[0]![1])]));
  let figures = 0;
  for (const { title, metric: name, of } of FIGURES) {
    const metric = summary.metrics[name];
    if (!metric || isEmpty(metric) || of.includes("_")) continue;
    figures += 1;
    const where = `${chosen.run}, ${title}`;
    if (metric.kind === "counter") assertNear(where, shown[title], metric.count, LOST_BY_STOCK);
    else if (metric.kind === "rate") assertNear(where, shown[title], metric.rate!, LOST_BY_STOCK);
    // The nearest rank is the lower one of two, and of few values those may lie far apart.
    else if (metric.kind === "trend")
      assert.ok(shown[title]! >= metric.min! * 0.99 && shown[title]! <= metric.max! * 1.02, where);
  }
  assert.ok(figures >= 1, `${chosen.run}: ${figures} figures`);
}

const FILE = { aggregates: "live.json", value: "stock.json" } as const satisfies { [S in Source]: string };

async function assertOverTime(
  influx: InfluxServer,
  { summary, chosen }: Stored,
  source: Source,
): Promise<void> {
  let panels = 0;
  for (const [name, metric] of Object.entries(summary.metrics)) {
    if (isEmpty(metric)) continue;
    const where = `${chosen.run}, ${name}`;
    const panel = panelsIn(dashboard(FILE[source])).find(
      ({ title, description = "" }) =>
        description.startsWith(`${name}: ${METRICS[name as MetricName].help}`) &&
        (title === titleOf(name) || title.startsWith(`${titleOf(name)} (`)),
    )!;
    const answers = (await ask(influx, panel, chosen)).filter(({ alias }) => !/^\w+: /.test(alias));
    const column = (of: string) =>
      answers.flatMap(({ columns, values }) => {
        const at = columns.indexOf(of);
        return at < 0 ? [] : values.flatMap((row) => (row[at] === null ? [] : [Number(row[at])]));
      });
    panels += 1;
    const missing = source === "value" ? LOST_BY_STOCK : 0;
    if (metric.kind === "counter") {
      const soFar = column("so far").at(-1) ?? 0;
      assertNear(
        where,
        column("per second").reduce((a, b) => a + b, soFar),
        metric.count,
        missing,
      );
    } else if (metric.kind === "gauge") {
      assertNear(where, Math.max(...column("most")), metric.max, 0);
    } else if (metric.kind === "trend") {
      assertNear(where, Math.max(...column("max")), metric.max!, 0.02);
      // Buckets are a thousandth of their value wide.
      if (column("p50").length === 0) continue; // single values, of which there is the largest alone
      // Of few values a second's worst series says little of all of them.
      const lowest = metric.count < 200 ? 0 : Math.min(...column("p50"));
      const [least, most] = [0.999 * lowest, 1.001 * Math.max(...column("p99"))];
      assert.ok(
        least <= metric.p50! && metric.p50! <= most,
        `${where}: ${metric.p50} is not between ${least} and ${most}`,
      );
    } else {
      const shares = column("share");
      assert.ok(Math.min(...shares) <= metric.rate! && metric.rate! <= Math.max(...shares), where);
    }
  }
  assert.ok(panels >= 5, `${chosen.run}: ${panels} panels have data`);
}

/** Every query, whether or not the run has what it asks for; and the charts of the first screen have lines. */
async function assertAllAnswer(
  influx: InfluxServer,
  { chosen, summary }: Stored,
  source: Source,
): Promise<void> {
  for (const panel of panelsIn(dashboard(FILE[source]))) {
    const answers = await ask(influx, panel, chosen);
    if (panel.title === "Load") {
      const most = answers.flatMap(({ alias, values }) =>
        alias === "Open connections" ? values.map((row) => Number(row[1])) : [],
      );
      const { ws_sessions_opened: opened } = summary.metrics as {
        [name: string]: { count: number } | undefined;
      };
      if (source === "aggregates" && opened) {
        assert.ok(Math.max(...most) > 0 && Math.max(...most) <= opened.count, `${chosen.run}: ${most}`);
        assert.equal(most.at(-1), 0, `${chosen.run}: all are closed at the end`);
      } else if (!opened) assert.deepEqual(most, [], `${chosen.run}: it opens no connections to count`);
    }
    if (panel.title === "Latency (ms)") {
      assert.ok(answers.filter(({ alias }) => /p50|p99|\$col/.test(alias)).length > 0, chosen.run);
    }
  }
}

function isEmpty(metric: MetricSummary): boolean {
  if (metric.kind === "rate") return metric.passes + metric.fails === 0;
  return metric.kind === "gauge" ? metric.max === 0 : metric.count === 0;
}

function assertNear(where: string, got: number | undefined, want: number, off: number): void {
  assert.ok(
    got !== undefined && Math.abs(got - want) <= off * want + 1e-9,
    `${where}: ${got}, the summary says ${want}`,
  );
}
