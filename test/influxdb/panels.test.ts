/** The dashboards' own queries, on real servers that real runs were written to, against the runs' summaries. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { directory, files } from "../../dashboards/generate.ts";
import { FIGURES } from "../../dashboards/glance.ts";
import { INSTANCE_TAG, SOURCES, type Source } from "../../dashboards/influxql.ts";
import { METRICS } from "../../lib/metrics.ts";
import type { MetricSummary, StepSummary, Summary } from "../../lib/summary/summary.ts";
import { type FaultSettings, startServer } from "../../server/server.ts";
import { type Cleanup, OUR_K6, runK6 } from "../k6/run.ts";
import { type Chosen, interpolate, panelsIn, panelsOf, type Target } from "./grafana.ts";
import { type InfluxServer, launchInflux, type Major } from "./servers.ts";

test("the files are those of the code, and no others", async () => {
  assert.deepEqual((await readdir(directory)).sort(), [...files().keys()].sort());
});

for (const file of files().keys()) {
  test(`${file}: every metric has a panel, with its own words`, async () => {
    const panels = panelsIn(files().get(file)!);
    for (const [name, { help }] of Object.entries(METRICS)) {
      const found = panels.filter(({ title }) => title === name);
      assert.equal(found.length, 1, name);
      assert.ok(found[0]!.description.startsWith(help), found[0]!.description);
    }
  });
}

test("a table's unit is that of its numbers alone: Grafana would show a run that is called 1234 as 1.23 s", () => {
  const tables = [...files().values()].flatMap(panelsIn).filter(({ type }) => type === "table");
  assert.ok(tables.length > Object.keys(METRICS).length);
  for (const { title, fieldConfig } of tables) assert.equal(fieldConfig.defaults.unit, undefined, title);
});

test("a chart by the size of the load divides the rows of each way in by instance, and not its limits", async () => {
  const charts = panelsIn(files().get("live.json")!).filter(({ type }) => type === "xychart");
  assert.equal(charts.length, 5);
  for (const { title, targets, transformations } of charts) {
    const { filter } = transformations.find(({ id }) => id === "partitionByValues")!;
    const divided = new RegExp(filter!.options.slice(1, -1));
    for (const target of targets) {
      assert.equal(divided.test(target.refId), !isLimit(target), `${title}, ${target.refId}`);
    }
  }
});

const MAJORS: readonly Major[] = [1, 2];

/** A run and what its summary says, stored by both ways in every server. */
interface Stored {
  readonly summary: Summary;
  readonly code: number | null;
  readonly run: string;
  readonly from: number;
  readonly to: number;
}

describe("every panel agrees with the summary", () => {
  const servers = new Map<Major, InfluxServer>();
  const runs: Stored[] = [];
  const climbs: Stored[] = [];
  const undo: (() => unknown)[] = [];
  const cleanup: Cleanup = { after: (step) => undo.unshift(step) };

  before(async () => {
    for (const major of MAJORS) {
      const influx = await launchInflux(cleanup, major);
      if (influx) servers.set(major, influx);
    }
    if (servers.size === 0) return;
    runs.push(
      await store(cleanup, [...servers.values()], "chat-soak", {
        CONNECTIONS: 10,
        RAMP: "500ms",
        DURATION: "5s",
        RAMP_DOWN: "500ms",
        SESSION: "3s",
        PROBE_INTERVAL: "100ms",
        REPLY_TIMEOUT: "1s",
      }),
      await store(
        cleanup,
        [...servers.values()],
        "fan-out",
        {
          CONNECTIONS: 50,
          RATE: 200,
          ROOMS: 1,
          PUBLISH_RATE: 5,
          DURATION: "4s",
          REPLY_TIMEOUT: "1s",
        },
        // In a share of 1 nothing could be missing.
        { loseDeliveries: { every: 50 } },
      ),
    );
    // In another order than their texts.
    const steps = { STEPS: "20,100,200", RATE: 1_000, PROFILE: "dashboard" };
    climbs.push(
      await store(cleanup, [...servers.values()], "fan-out", {
        ...steps,
        ROOMS: 1,
        PUBLISH_RATE: 20,
        DURATION: "2s",
        REPLY_TIMEOUT: "5s",
      }),
      await store(cleanup, [...servers.values()], "fan-out", {
        ...steps,
        CONNECTIONS: 20,
        STEPS: "10,50",
        STEPS_OF: "publish-rate",
        ROOMS: 1,
        DURATION: "2s",
        REPLY_TIMEOUT: "5s",
      }),
      await store(cleanup, [...servers.values()], "massconnect", { ...steps, DURATION: "200ms" }),
      await store(cleanup, [...servers.values()], "mass-soak", {
        ...steps,
        PROBE_INTERVAL: "200ms",
        DURATION: "2s",
        REPLY_TIMEOUT: "5s",
      }),
    );
  });
  after(async () => {
    for (const step of undo) await step();
  });

  for (const major of MAJORS) {
    for (const source of Object.keys(SOURCES) as Source[]) {
      test(`InfluxDB ${major}, ${SOURCES[source]}`, async (t) => {
        const influx = servers.get(major);
        if (!influx) return t.skip(`no server of InfluxDB ${major}`);
        for (const stored of runs) {
          await assertPanelsAgree(influx, stored, source);
          await assertGlanceAgrees(influx, stored, source);
        }
        for (const stored of climbs) await assertStepsAgree(influx, stored, source);
        return undefined;
      });
    }
  }
});

/** Runs a scenario and stores it by both ways in each of the servers. */
async function store(
  cleanup: Cleanup,
  servers: readonly InfluxServer[],
  scenario: string,
  env: Record<string, string | number>,
  faults: FaultSettings = {},
): Promise<Stored> {
  const server = await startServer({ faults });
  cleanup.after(() => server.close());
  const run = ["of", scenario, env.STEPS ?? "", env.STEPS_OF ?? ""].join("-");
  const from = Date.now();
  const { summary, code, stderr } = await runK6(cleanup, {
    k6: OUR_K6,
    scenario,
    // Judged by the profile whose limits are drawn, whether or not a busy machine keeps them.
    env: { WS_URL: `${server.url}/ws/chat`, PROFILE: "chat", ...env },
    processEnv: Object.assign({}, ...servers.flatMap(({ env, stock }) => [env, stock.env])),
    args: [
      ...servers.flatMap(({ out, stock }) => [
        "--out",
        `realtime-influxdb=${out}`,
        "--out",
        `influxdb=${stock.out}`,
      ]),
      ...["--tag", `testid=${run}`],
    ],
  });
  assert.ok(summary && summary.verdict !== "incomplete", stderr);
  return { summary, code, run, from: from - 1_000, to: Date.now() };
}

async function assertPanelsAgree(
  influx: InfluxServer,
  { summary, run, from, to }: Stored,
  source: Source,
): Promise<void> {
  const chosen: Chosen = { source, run, from, to, intervalMs: 1_000 };
  const live = await panelsOf("live.json");
  const compared = await panelsOf("runs.json");
  let panels = 0;
  for (const [name, metric] of Object.entries(summary.metrics)) {
    const where = `${run}, ${name}, ${source}`;
    const seconds = await rowsOf(influx, live.get(name)!, chosen);
    const whole = await rowsOf(influx, compared.get(name)!, chosen);
    if (isEmpty(metric)) continue;
    panels += 1;
    if (metric.kind !== "trend") assert.equal(whole.length, 1, `${where}: one row for the run`);
    assertAgrees(where, metric, source, seconds, whole);
  }
  assert.ok(panels >= 8, `${panels} panels have data`);
  for (const [title, field] of [
    ["Processors", "cpus"],
    ["Memory", "memoryBytes"],
  ] as const) {
    const rows = source === "aggregates" ? await rowsOf(influx, live.get(title)!, chosen) : undefined;
    assert.ok(rows?.some(({ figures }) => figures[field]! > 0) ?? true, `${run}: the generator's ${title}`);
  }
  for (const [name, limit] of [
    ["ws_connect_latency_ms", "limit p(95)<500"],
    ["ws_delivery_success_rate", "limit rate>0.995"],
  ] as const) {
    const [limits] = await Promise.all(
      live
        .get(name)!
        .filter(({ query, alias }) => alias?.startsWith("chat: ") && query.includes(FILTER[source]))
        .map(({ query }) => influx.query(interpolate(query, chosen))),
    );
    assert.deepEqual(limits?.[0]?.columns, ["time", limit], `${run}, ${source}: the limit of its profile`);
  }
}

/** What is looked at first: what k6 said, and the figures of the whole run. */
async function assertGlanceAgrees(
  influx: InfluxServer,
  { summary, code, run, from, to }: Stored,
  source: Source,
): Promise<void> {
  const chosen: Chosen = { source, run, from, to, intervalMs: 1_000 };
  const live = await panelsOf("live.json");
  if (source === "aggregates") {
    const [row, ...others] = await rowsOf(influx, live.get("What ran")!, chosen);
    assert.deepEqual(others, [], `${run}: one process`);
    assert.equal(row?.tags.run, run);
    assert.equal(row?.figures.limits, code, `${run}: k6's exit code`);
  }
  let figures = 0;
  for (const [name, { title }] of Object.entries(FIGURES)) {
    const where = `${run}, ${title}, ${source}`;
    const metric = summary.metrics[name];
    const rows = await rowsOf(influx, live.get(title)!, chosen);
    if (!metric || isEmpty(metric)) {
      assert.deepEqual(
        rows.filter(({ figures }) => Object.values(figures).some((figure) => figure !== 0)),
        [],
        where,
      );
      continue;
    }
    figures += 1;
    for (const row of rows) {
      const [figure] = Object.values(row.figures);
      const missing = source === "value" ? LOST_BY_STOCK : 0;
      if (metric.kind === "counter") assertNear(where, figure, metric.count, missing);
      else if (metric.kind === "rate") assertNear(where, figure, metric.rate!, missing);
      else if (metric.kind === "trend") {
        const { count, p50, p90, max } = partOf(metric, row);
        assertBetween(where, 0.999 * (count < 200 ? p50! : p90!), figure!, 1.02 * max!);
      }
    }
    if (metric.kind !== "trend") assert.equal(rows.length, 1, where);
  }
  assert.ok(figures >= 3, `${run}, ${source}: ${figures} figures`);
}

/** Panels of the same metric, or of one that such a run records too, by what grew. */
const OF_OTHER_CLIMBS: Readonly<Record<string, readonly string[]>> = {
  subscribers: ["ws_fanout_lag_ms by publications a second", "ws_connect_latency_ms by connections"],
  "publications a second": ["ws_fanout_lag_ms by subscribers", "ws_connect_latency_ms by connections"],
  connections: ["ws_fanout_lag_ms by subscribers"],
};

/** A curve of the summary, and the panel that shows it. */
async function assertStepsAgree(
  influx: InfluxServer,
  { summary, run, from, to }: Stored,
  source: Source,
): Promise<void> {
  const { of, curve } = summary.steps!;
  assert.ok(curve.length >= 2, `${run}: ${summary.reason}`);
  const live = await panelsOf("live.json");
  const panel = live.get(`${curve[0]!.latency!.metric} by ${of}`)!;
  const chosen: Chosen = { source, run, from, to, intervalMs: 1_000 };
  const rows = await rowsOf(influx, panel, chosen);
  assert.equal(new Set(rows.map(({ tags }) => tags[INSTANCE_TAG[source]])).size, 1, `${run}: told apart`);
  const bySize = [...rows].sort((a, b) => Number(a.tags.step) - Number(b.tags.step));
  assert.deepEqual(
    bySize.map(({ tags }) => Number(tags.step)),
    curve.map(({ size }) => size),
    `${run}: a row for each step`,
  );
  for (const [i, { size, latency }] of curve.entries()) {
    const where = `${run}, ${source}, ${size} ${of}`;
    assertDistribution(where, latency!, source, bySize[i]!);
  }
  const limits = await rowsWith(
    influx,
    panel.filter(({ query }) => query.includes("\"profile\" = 'dashboard'")),
    chosen,
  );
  assert.equal(limits.length, curve.length, `${run}, ${source}: its profile's limits at each step`);
  if (of === "subscribers") {
    const server = await rowsOf(influx, live.get(`ws_fanout_server_lag_ms by ${of}`)!, chosen);
    assert.equal(server.length, curve.length, `${run}, ${source}: by the server's own time stamps`);
  }
  for (const title of OF_OTHER_CLIMBS[of]!) {
    assert.deepEqual(await rowsOf(influx, live.get(title)!, chosen), [], `${run}: ${title}`);
  }
}

/** By which a query of either source is known. */
const FILTER = { aggregates: '"source" =', value: '"testid" =' } as const;

interface Row {
  readonly tags: Readonly<Record<string, string>>;
  readonly figures: Readonly<Record<string, number>>;
}

/** The rows that a panel shows, those of limits aside, which are checked here. */
async function rowsOf(influx: InfluxServer, targets: readonly Target[], chosen: Chosen): Promise<Row[]> {
  for (const { figures } of await rowsWith(influx, targets.filter(isLimit), chosen)) {
    for (const [limit, value] of Object.entries(figures)) {
      assert.equal(value, Number(limit.match(/[<>=]([\d.]+)$/)?.[1]), limit);
    }
  }
  return rowsWith(
    influx,
    targets.filter((target) => !isLimit(target)),
    chosen,
  );
}

function isLimit({ query }: Target): boolean {
  return query.includes('AS "limit ');
}

/** The rows of queries in which there is anything. */
async function rowsWith(influx: InfluxServer, targets: readonly Target[], chosen: Chosen): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { query } of targets) {
    for (const { tags = {}, columns, values } of await influx.query(interpolate(query, chosen))) {
      for (const row of values) {
        const figures = columns.flatMap((column, i) =>
          column === "time" || row[i] === null ? [] : [[column, row[i] as number] as const],
        );
        if (figures.length > 0) rows.push({ tags, figures: Object.fromEntries(figures) });
      }
    }
  }
  return rows;
}

function isEmpty(metric: MetricSummary): boolean {
  if (metric.kind === "rate") return metric.passes + metric.fails === 0;
  return metric.kind === "gauge" ? metric.max === 0 : metric.count === 0;
}

/** Stock k6's points that share series and nanosecond replace each other: of thousands a few are missing. */
const LOST_BY_STOCK = 0.01;

function assertAgrees(
  where: string,
  metric: MetricSummary,
  source: Source,
  seconds: readonly Row[],
  whole: readonly Row[],
): void {
  const column = (name: string) => seconds.flatMap(({ figures }) => figures[name] ?? []);
  const missing = source === "value" ? LOST_BY_STOCK : 0;
  const { figures } = whole[0]!;
  switch (metric.kind) {
    case "counter":
      assertNear(
        where,
        column("per second").reduce((a, b) => a + b),
        metric.count,
        missing,
      );
      assertNear(where, figures.count, metric.count, missing);
      break;
    case "rate":
      assertNear(where, figures.share, metric.rate!, missing);
      break;
    case "gauge":
      assertNear(where, figures.most, metric.max, 0);
      break;
    case "trend": {
      // Buckets are a thousandth of their value wide.
      const [least, most] = [0.999 * Math.min(...column("p50")), 1.001 * Math.max(...column("p99"))];
      assert.ok(
        least <= metric.p50! && metric.p50! <= most,
        `${where}: the summary's p50 is ${metric.p50}, not between ${least} and ${most}`,
      );
      assertNear(where, Math.max(...column("max")), metric.max!, 0.02);
      for (const row of whole) assertDistribution(where, partOf(metric, row), source, row);
    }
  }
}

/** What the summary says of a row, which may be of one value of the tag that its metric is broken down by. */
function partOf(metric: MetricSummary & { kind: "trend" }, { tags }: Row): Distribution {
  const [[tag, values] = []] = Object.entries(metric.by ?? {});
  if (!tag || !tags[tag]) return metric;
  return values![tags[tag]] as Distribution;
}

type Distribution = NonNullable<StepSummary["latency"]> | (MetricSummary & { kind: "trend" });

/** What percentiles of a whole run or step may be: those of its samples; or, from aggregates, of its worst second. */
function assertDistribution(
  where: string,
  { count, p50, p90, max }: Omit<Distribution, "kind">,
  source: Source,
  { figures }: Row,
): void {
  const of = (name: string) => figures[name]!;
  assertNear(where, figures.max, max!, 0.02);
  assert.ok(of("mean") > 0 && of("mean") <= 1.02 * max!, `${where}: mean ${figures.mean}`);
  const [median, p99] = source === "value" ? ["p50", "p99"] : ["worst second's p50", "worst second's p99"];
  // The nearest rank is the lower one of two in the middle, and of few values those may lie far apart.
  if (source === "value") assertBetween(where, count < 200 ? 0 : 0.9 * p50!, of(median), 1.1 * p50!);
  else assertBetween(where, 0.9 * p50!, of(median), 1.02 * max!);
  // Percentiles fall between two values, and so lie a rank apart in each second, if not more.
  assertBetween(where, 0.999 * (count < 200 ? p50! : p90!), of(p99), 1.02 * max!);
}

function assertNear(where: string, got: number | undefined, want: number, off: number): void {
  assert.ok(
    got !== undefined && Math.abs(got - want) <= off * want + 1e-9,
    `${where}: ${got}, the summary says ${want}`,
  );
}

function assertBetween(where: string, least: number, got: number, most: number): void {
  assert.ok(least <= got && got <= most, `${where}: ${got} is not between ${least} and ${most}`);
}
