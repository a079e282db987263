/**
 * What the tests of InfluxDB leave out because it takes minutes: `node --import tsx bench/influxdb.ts [1|2]`.
 *
 * 1. The server is killed again and again in the middle of a run: what is missing afterwards, and the run's RTT while it
 *    was away, against that while it was there. How much the two differ by themselves another run tells, in which nothing
 *    is killed.
 * 2. A 12-hour soak, made of a real run's points over and over: how long each panel's query takes over all of it.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { quantile } from "../cli/recording/histogram.ts";
import { readRecording } from "../cli/recording/read.ts";
import { startServer } from "../server/server.ts";
import { dashboard, interpolate, panelsIn } from "../test/influxdb/grafana.ts";
import { type InfluxSeries, type InfluxServer, launchInflux, type Major } from "../test/influxdb/servers.ts";
import { type Cleanup, OUR_K6, runK6 } from "../test/k6/run.ts";

const OUTAGES = 3;
const LEAD_SECONDS = 5;
const AWAY_SECONDS = 20;
const BACK_SECONDS = 10;
const HOURS = 12;
/** The fields that hold whole numbers. */
const INTEGERS = ["count", "passes", "total"];

const undo: (() => unknown)[] = [];
const cleanup: Cleanup = { after: (step) => undo.unshift(step) };
try {
  const named = process.argv.slice(2).map(Number) as Major[];
  for (const major of named.length > 0 ? named : ([1, 2] as const)) {
    const influx = await launchInflux(cleanup, major);
    if (!influx) continue;
    await outages(influx);
    await longSoak(influx);
  }
} finally {
  for (const step of undo) await step();
}

async function outages(influx: InfluxServer): Promise<void> {
  const duration = LEAD_SECONDS + OUTAGES * (AWAY_SECONDS + BACK_SECONDS) + LEAD_SECONDS;
  console.log(
    `InfluxDB ${influx.major}, killed ${OUTAGES} times for ${AWAY_SECONDS} s in a run of ${duration} s:`,
  );
  await soak(influx, "undisturbed", duration, false);
  await soak(influx, "outage", duration, true);
}

/** Seconds of a run between which the server was killed, or might have been, and started again. */
interface Windows {
  readonly away: readonly Window[];
  readonly there: readonly Window[];
}
type Window = readonly [from: number, to: number];

async function soak(influx: InfluxServer, run: string, seconds: number, isKilled: boolean): Promise<void> {
  const server = await startServer();
  cleanup.after(() => server.close());
  const directory = await mkdtemp(join(tmpdir(), "k6-realtime-"));
  cleanup.after(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, "run.jsonl");
  let passed: Promise<Windows> | undefined;
  const { summary, stderr } = await runK6(cleanup, {
    k6: OUR_K6,
    scenario: "chat-soak",
    env: {
      WS_URL: `${server.url}/ws/chat`,
      CONNECTIONS: 50,
      RAMP: "1s",
      DURATION: `${seconds}s`,
      RAMP_DOWN: "1s",
      SESSION: `${seconds}s`,
      PROBE_INTERVAL: "100ms",
      REPLY_TIMEOUT: "1s",
    },
    processEnv: influx.env,
    args: ["--out", `realtime-influxdb=${influx.out}`, "--out", `realtime=${file}`, "--tag", `testid=${run}`],
    onOutput: () => {
      passed ??= interrupt(influx, isKilled);
    },
  });
  const windows = await passed!;
  const { series } = await readRecording(file);
  const rtt = series.find(({ metric }) => metric === "ws_msg_rtt_ms");
  if (rtt?.kind !== "trend") throw new Error("no RTT");
  // The middle one of all seconds, which a moment of other load on this machine does not shift.
  const of = (which: readonly Window[], share: number) => {
    const within = [...rtt.cells].filter(([t]) => which.some(([from, to]) => t >= from && t + 1 <= to));
    return median(within.map(([, cell]) => quantile(cell, share)));
  };
  const missing = Object.entries(summary!.metrics).map(async ([name, metric]) => {
    if (metric.kind !== "counter" && metric.kind !== "trend") return 0;
    const field = metric.kind === "counter" ? "sum" : "count";
    const [stored] = await influx.query(`SELECT sum("${field}") FROM "${name}" WHERE "run" = '${run}'`);
    return Math.abs(metric.count - Number(stored?.values[0]?.[1] ?? 0));
  });
  const lost = (await Promise.all(missing)).reduce((a, b) => a + b);
  const load = loadavg()[0]!.toFixed(1);
  console.log(
    `  ${isKilled ? "killed" : "not killed"} (${summary!.verdict}, load average ${load}), ${lost} counts missing`,
  );
  for (const [name, share] of Object.entries({ p50: 0.5, p99: 0.99 })) {
    const [away, there] = [of(windows.away, share), of(windows.there, share)];
    const when = isKilled ? "while it was away" : "in the same seconds";
    const [left, right] = [away.toFixed(3), there.toFixed(3)];
    console.log(
      `    a second's RTT ${name}, median: ${left} ms ${when}, ${right} ms between: ${(away / there).toFixed(2)} times`,
    );
  }
  for (const line of stderr.split("\n").filter((line) => /InfluxDB/.test(line))) console.log(`    ${line}`);
}

/** Kills the server and starts it again, or only lets the time pass. */
async function interrupt(influx: InfluxServer, isKilled: boolean): Promise<Windows> {
  const windows = { away: [] as Window[], there: [] as Window[] };
  const now = () => Date.now() / 1000;
  await sleep(LEAD_SECONDS * 1000);
  for (let i = 0; i < OUTAGES; i++) {
    if (isKilled) await influx.kill();
    const gone = now();
    await sleep(AWAY_SECONDS * 1000);
    windows.away.push([gone, now()]);
    if (isKilled) await influx.start();
    const back = now();
    await sleep(BACK_SECONDS * 1000);
    windows.there.push([back, now()]);
  }
  return windows;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[(values.length - 1) >> 1]!;
}

async function longSoak(influx: InfluxServer): Promise<void> {
  const template = await aSecond(influx);
  const to = Math.floor(Date.now() / 1000);
  const from = to - HOURS * 3600;
  for (let start = from; start < to; start += 300) {
    const seconds = Array.from({ length: 300 }, (_, i) => start + i);
    await write(influx, seconds.flatMap((second) => template.map((line) => `${line} ${second}`)).join("\n"));
  }
  console.log(`InfluxDB ${influx.major}, ${HOURS} h of ${template.length} points a second:`);
  const chosen = {
    run: "long",
    from: from * 1000,
    to: to * 1000,
    // What Grafana asks for on a panel of 1000 pixels, rounded as it does.
    intervalMs: 60_000,
  } as const;
  const times: { panel: string; ms: number }[] = [];
  for (const file of ["live.json", "runs.json"]) {
    for (const { title, targets = [] } of panelsIn(dashboard(file))) {
      for (const { query } of targets) {
        const began = performance.now();
        await influx.query(interpolate(query, chosen));
        times.push({ panel: `${file} ${title}`, ms: performance.now() - began });
      }
    }
  }
  times.sort((a, b) => b.ms - a.ms);
  console.log(`  ${times.length} queries, the slowest:`);
  for (const { panel, ms } of times.slice(0, 5)) console.log(`  ${ms.toFixed(0)} ms  ${panel}`);
}

/** The points of a second of the run before, as lines without their time, of a run called `long`. */
async function aSecond(influx: InfluxServer): Promise<string[]> {
  const [busiest] = await influx.query(`SELECT "count" FROM "ws_msg_rtt_ms" WHERE "run" = 'outage' LIMIT 10`);
  const at = busiest!.values.at(-1)![0];
  const series = await influx.query(
    `SELECT * FROM /^ws_/ WHERE "run" = 'outage' AND time = ${at}ms GROUP BY *`,
  );
  return series.flatMap(lineOf);
}

function lineOf({ name, tags, columns, values }: InfluxSeries): string[] {
  const own = Object.entries({ ...tags, run: "long" }).filter(([, value]) => value !== "");
  const fields = columns.flatMap((column, i) => {
    const value = values[0]![i] ?? null;
    if (column === "time" || value === null) return [];
    if (typeof value === "string") return [`${column}="${value}"`];
    return [`${column}=${value}${INTEGERS.includes(column) ? "i" : ""}`];
  });
  return [
    `${name},${own.map(([tag, value]) => `${tag}=${value.replace(/[ ,=]/g, "\\$&")}`).join(",")} ${fields.join(",")}`,
  ];
}

async function write(influx: InfluxServer, lines: string): Promise<void> {
  const { K6_INFLUXDB_USERNAME: user, K6_INFLUXDB_PASSWORD: password } = influx.stock.env;
  const response = await fetch(`${influx.url}/write?db=k6&precision=s`, {
    method: "POST",
    headers: { Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` },
    body: lines,
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
}
