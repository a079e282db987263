/** The dashboards' own queries, on real servers that real runs were written to, against the runs' summaries. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { directory, files } from "../../dashboards/generate.ts";
import { SOURCES, type Source } from "../../dashboards/influxql.ts";
import { METRICS } from "../../lib/metrics.ts";
import type { MetricSummary, Summary } from "../../lib/summary/summary.ts";
import { startServer } from "../../server/server.ts";
import { type Cleanup, OUR_K6, runK6 } from "../k6/run.ts";
import { type Chosen, interpolate, panelsOf, type Target } from "./grafana.ts";
import { type InfluxServer, launchInflux, type Major } from "./servers.ts";

test("the files are those of the code, and no others", async () => {
  assert.deepEqual((await readdir(directory)).sort(), [...files().keys()].sort());
});

for (const file of files().keys()) {
  test(`${file}: every metric has a panel, with its own words`, async () => {
    const { panels } = JSON.parse(files().get(file)!);
    for (const [name, { help }] of Object.entries(METRICS)) {
      const found = panels.filter(({ title }: { title: string }) => title === name);
      assert.equal(found.length, 1, name);
      assert.ok(found[0].description.startsWith(help), found[0].description);
    }
  });
}

const MAJORS: readonly Major[] = [1, 2];

/** A run and what its summary says, stored by both ways in every server. */
interface Stored {
  readonly summary: Summary;
  readonly run: string;
  readonly from: number;
  readonly to: number;
}

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
      await store(cleanup, [...servers.values()], "fan-out", {
        CONNECTIONS: 50,
        RATE: 200,
        ROOMS: 1,
        PUBLISH_RATE: 5,
        DURATION: "4s",
        REPLY_TIMEOUT: "1s",
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
        for (const stored of runs) await assertPanelsAgree(influx, stored, source);
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
): Promise<Stored> {
  const server = await startServer();
  cleanup.after(() => server.close());
  const run = `of-${scenario}`;
  const from = Date.now();
  const { summary, stderr } = await runK6(cleanup, {
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
  return { summary, run, from: from - 1_000, to: Date.now() };
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
    assert.equal(whole.length, 1, `${where}: one row for the run`);
    assertAgrees(where, metric, source, seconds, whole[0]!);
  }
  assert.ok(panels >= 8, `${panels} panels have data`);
  for (const [title, field] of [
    ["Processors", "cpus"],
    ["Memory", "memoryBytes"],
  ] as const) {
    const rows = source === "aggregates" ? await rowsOf(influx, live.get(title)!, chosen) : undefined;
    assert.ok(rows?.some((row) => row[field]! > 0) ?? true, `${run}: the generator's ${title}`);
  }
  const [limits] = await Promise.all(
    live
      .get("ws_connect_latency_ms")!
      .filter(({ query, alias }) => alias?.startsWith("chat: ") && query.includes(FILTER[source]))
      .map(({ query }) => influx.query(interpolate(query, chosen))),
  );
  assert.deepEqual(
    limits?.[0]?.columns,
    ["time", "limit p(95)<500"],
    `${run}, ${source}: the limit of its profile`,
  );
}

/** By which a query of either source is known. */
const FILTER = { aggregates: '"source" =', value: '"testid" =' } as const;

type Row = Readonly<Record<string, number>>;

/** The rows that a panel shows, those of limits aside, which are checked here. */
async function rowsOf(influx: InfluxServer, targets: readonly Target[], chosen: Chosen): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { query, alias } of targets) {
    const series = await influx.query(interpolate(query, chosen));
    const found = series.flatMap(({ columns, values }) =>
      values.map((row) =>
        Object.fromEntries(
          columns.flatMap((column, i) => (row[i] === null ? [] : [[column, row[i] as number]])),
        ),
      ),
    );
    const filled = found.filter((row) => Object.keys(row).length > 1);
    if (!alias?.includes(": ")) rows.push(...filled);
    for (const row of alias?.includes(": ") ? filled : []) {
      for (const [column, value] of Object.entries(row)) {
        if (column !== "time") assert.equal(value, Number(column.match(/[<>=]([\d.]+)$/)?.[1]), column);
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
  whole: Row,
): void {
  const sum = (column: string) => seconds.reduce((total, row) => total + (row[column] ?? 0), 0);
  const near = (got: number | undefined, want: number, off: number) =>
    assert.ok(
      got !== undefined && Math.abs(got - want) <= off * want + 1e-9,
      `${where}: ${got}, the summary says ${want}`,
    );
  const missing = source === "value" ? LOST_BY_STOCK : 0;
  switch (metric.kind) {
    case "counter":
      near(sum("per second"), metric.count, missing);
      near(whole.count, metric.count, missing);
      break;
    case "rate":
      near(whole.share, metric.rate!, missing);
      break;
    case "gauge":
      near(whole.most, metric.max, 0);
      break;
    case "trend": {
      const column = (name: string) => seconds.flatMap((row) => row[name] ?? []);
      // Buckets are a thousandth of their value wide.
      const [least, most] = [0.999 * Math.min(...column("p50")), 1.001 * Math.max(...column("p99"))];
      assert.ok(
        least <= metric.p50! && metric.p50! <= most,
        `${where}: the summary's p50 is ${metric.p50}, not between ${least} and ${most}`,
      );
      near(Math.max(...column("max")), metric.max!, 0.02);
      near(whole.max, metric.max!, 0.02);
      if (source === "value") near(whole.p50, metric.p50!, 0.1);
      assert.ok(whole.mean! >= metric.min! && whole.mean! <= metric.max!, `${where}: mean ${whole.mean}`);
    }
  }
}
