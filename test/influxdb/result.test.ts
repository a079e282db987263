/** The verdict that stands, in InfluxDB: k6's own scenario stores it, or who started k6 and knows more. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { fetchRuns } from "../../cli/influxdb/fetch.ts";
import { parsePlace } from "../../cli/influxdb/place.ts";
import { openStore } from "../../cli/influxdb/read.ts";
import { type K6Result, runK6 } from "../../cli/run-k6.ts";
import { resultOf } from "../../lib/result.ts";
import { SETTINGS as DEFAULTS } from "../../lib/settings.ts";
import { startServer } from "../../server/server.ts";
import { OUR_K6, runK6 as runAlone } from "../k6/run.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { type InfluxServer, type Major, startInflux } from "./servers.ts";

const SETTINGS = {
  CONNECTIONS: "10",
  RAMP: "500ms",
  DURATION: "6s",
  RAMP_DOWN: "500ms",
  SESSION: "20s",
  PROBE_INTERVAL: "100ms",
  REPLY_TIMEOUT: "4s",
  WS_TOKEN: DEFAULTS.WS_TOKEN.default,
  PROFILE: join(import.meta.dirname, "../k6/patient-profile.json"),
};

/** As `k6-realtime run` does it. */
async function run(
  t: TestContext,
  out: string,
  env: Readonly<Record<string, string>>,
  more: { instances?: number; args?: readonly string[]; abortOn?: RegExp } = {},
): Promise<{ result: K6Result; said: string[] }> {
  const server = await startServer();
  t.after(() => server.close());
  const said: string[] = [];
  const abort = new AbortController();
  const result = await runK6({
    k6: { command: OUR_K6, version: "v2.2.0", extension: true },
    script: "dist/x/chat-soak.js",
    settings: { ...SETTINGS, WS_URL: `${server.url}/ws/chat` },
    resultsDir: join(await temporaryDirectory(t), "results"),
    args: ["--out", `realtime-influxdb=${out}`, ...(more.args ?? [])],
    instances: more.instances ?? 1,
    env: { ...process.env, ...env },
    signal: abort.signal,
    output: (line) => {
      if (more.abortOn?.test(line)) abort.abort("SIGINT");
    },
    say: (line) => said.push(line),
  });
  return { result, said };
}

/** The one result that is stored, by column. */
async function stored(influx: InfluxServer): Promise<Record<string, string | number | null>> {
  const answer = await influx.query(`SELECT * FROM "realtime_result"`);
  const rows = answer.flatMap(({ columns, values }) =>
    values.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i]!]))),
  );
  assert.equal(rows.length, 1, `${rows.length} results`);
  return rows[0]!;
}

function assertHolds(row: Record<string, string | number | null>, { summary }: K6Result): void {
  for (const [field, value] of Object.entries(resultOf(summary).fields))
    assert.equal(row[field], value, field);
}

for (const major of [1, 2] satisfies Major[]) {
  describe(`InfluxDB ${major}`, () => {
    test("two instances are one run, with the figures of both together", async (t) => {
      const influx = await startInflux(t, major);
      if (!influx) return;
      const { result, said } = await run(t, influx.out, influx.env, { instances: 2 });
      assert.equal(result.summary.verdict, "pass", result.summary.reason);
      const row = await stored(influx);
      assertHolds(row, result);
      assert.equal(row.part, "run");
      const processes = await influx.query(`SELECT "title", "run", "instance" FROM "realtime_run"`);
      const [{ values = [] } = {}] = processes;
      assert.equal(values.length, 2);
      assert.deepEqual(new Set(values.map(([, title]) => title)), new Set([row.run]));
      assert.ok(!said.some((line) => line.includes("InfluxDB")), said.join("\n"));
    });

    test("a run that was ended from outside is incomplete there, too, whatever its limits came to", async (t) => {
      const influx = await startInflux(t, major);
      if (!influx) return;
      const { result } = await run(t, influx.out, influx.env, {
        args: ["--tag", "testid=cut short", "--tag=commit=abc,d\\"],
        abortOn: /connections/,
      });
      assert.equal(result.summary.verdict, "incomplete");
      const row = await stored(influx);
      assertHolds(row, result);
      assert.deepEqual([row.run, row.commit], ["cut short", "abc,d"]);
    });
  });
}

test("a result that cannot be stored is said, and the run's verdict stands", async (t) => {
  const influx = await startInflux(t, 1);
  if (!influx) return;
  const gone = "http://127.0.0.1:1/k6";
  const { result, said } = await run(t, gone, influx.env);
  assert.equal(result.summary.verdict, "incomplete", "k6 does not begin where nothing is stored");
  const [line] = said.filter((line) => line.includes("InfluxDB"));
  assert.match(line ?? "", /^The verdict is not in InfluxDB \(http:\/\/127\.0\.0\.1:1\): /);
  assert.ok(!said.join().includes(influx.secret));
});

test("what is stored beside the series of a run is no part of the recording that is read back", async (t) => {
  const influx = await startInflux(t, 2);
  if (!influx) return;
  const server = await startServer();
  t.after(() => server.close());
  const { summary, stderr } = await runAlone(t, {
    k6: OUR_K6,
    scenario: "fan-out",
    env: {
      ...{ WS_URL: `${server.url}/ws/chat`, STEPS: "10,20", RATE: 1_000, ROOMS: 1, PUBLISH_RATE: 10 },
      ...{ DURATION: "1s", REPLY_TIMEOUT: "30s" },
    },
    processEnv: influx.env,
    args: ["--out", `realtime-influxdb=${influx.out}`, "--tag", "testid=steps"],
  });
  assert.ok((summary?.steps?.curve.length ?? 0) > 0, stderr);
  const [steps] = await influx.query(`SELECT "max" FROM "realtime_step"`);
  assert.equal(steps?.values.length, summary!.steps!.curve.length);
  const store = openStore(parsePlace(influx.out, { ...influx.env }));
  const wanted = { scenario: "fan-out", run: "steps", last: 1 };
  const { fetched } = await fetchRuns(store, wanted, await temporaryDirectory(t));
  const text = await readFile(fetched[0]!.files[0]!, "utf8");
  assert.match(text, /"metric":"ws_fanout_lag_ms"/);
  assert.doesNotMatch(text, /"metric":"realtime_/);
});

test("of a process that has a part of a load, k6's own scenario stores the result as a part", async (t) => {
  const influx = await startInflux(t, 1);
  if (!influx) return;
  const server = await startServer();
  t.after(() => server.close());
  const { summary, stderr } = await runAlone(t, {
    k6: OUR_K6,
    scenario: "chat-soak",
    env: { ...SETTINGS, WS_URL: `${server.url}/ws/chat` },
    processEnv: influx.env,
    args: [
      ...["--out", `realtime-influxdb=${influx.out}`],
      ...["--execution-segment=0:1/2", "--execution-segment-sequence=0,1/2,1"],
    ],
  });
  const row = await stored(influx);
  assert.equal(row.part, "instance", stderr);
  assert.equal(row.verdict, summary?.verdict);
});
