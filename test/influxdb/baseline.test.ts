/** Runs read back from real servers are what was recorded beside. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Writable } from "node:stream";
import { after, before, describe, test } from "node:test";
import { withBaselines } from "../../cli/influxdb/baselines.ts";
import { main } from "../../cli/main.ts";
import { groupRecordings, openRuns } from "../../cli/recording/open.ts";
import type { Series } from "../../cli/recording/read.ts";
import type { Source } from "../../cli/recording/run.ts";
import { summarizeRun } from "../../cli/recording/summarize.ts";
import { type FaultSettings, startServer } from "../../server/server.ts";
import { type Cleanup, OUR_K6, runK6 } from "../k6/run.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { type InfluxServer, launchInflux, type Major } from "./servers.ts";

const MAJORS: readonly Major[] = [1, 2];

/** In this order. */
const RUNS: readonly { name: string; branch: string; faults?: FaultSettings }[] = [
  { name: "green", branch: "main" },
  { name: "red", branch: "main", faults: { loseReplies: { every: 2 } } },
  { name: "elsewhere", branch: "feature" },
  { name: 'it\'s "green" too', branch: "main" },
];

describe("runs read back", () => {
  const servers = new Map<Major, InfluxServer>();
  const undo: (() => unknown)[] = [];
  const cleanup: Cleanup = { after: (step) => undo.unshift(step) };
  let recorded = "";

  before(async () => {
    for (const major of MAJORS) {
      const influx = await launchInflux(cleanup, major);
      if (influx) servers.set(major, influx);
    }
    recorded = await mkdtemp(join(tmpdir(), "k6-realtime-"));
    cleanup.after(() => rm(recorded, { recursive: true, force: true }));
    if (servers.size === 0) return;
    for (const [i, run] of RUNS.entries())
      await record(cleanup, [...servers.values()], run, join(recorded, `${i}`));
  });
  after(async () => {
    for (const step of undo) await step();
  });

  for (const major of MAJORS) {
    test(`InfluxDB ${major}: the last green runs of a branch, exact to each second's histogram`, async (t) => {
      const influx = servers.get(major);
      if (!influx) return t.skip(`no server of InfluxDB ${major}`);
      const into = await temporaryDirectory(t);
      const { code, said } = await baseline(influx, ["--branch", "main", "--last", "5", "--to", into]);
      assert.equal(code, 0, said);
      const files = (await readdir(into)).sort();
      assert.deepEqual(files, ["green-1.realtime.jsonl", "it_s__green__too-1.realtime.jsonl"], said);
      for (const [file, of] of [
        [files[0]!, "0"],
        [files[1]!, "3"],
      ] as const) {
        await assertSame(join(into, file), join(recorded, of));
      }
      return undefined;
    });

    test(`InfluxDB ${major}: only as many as are asked for, or the one that is named`, async (t) => {
      const influx = servers.get(major);
      if (!influx) return t.skip(`no server of InfluxDB ${major}`);
      const latest = await temporaryDirectory(t);
      await baseline(influx, ["--branch", "main", "--last", "1", "--to", latest]);
      assert.deepEqual(await readdir(latest), ["it_s__green__too-1.realtime.jsonl"]);
      const named = await temporaryDirectory(t);
      const { said } = await baseline(influx, ["--run", "red", "--to", named]);
      assert.deepEqual(await readdir(named), ["red-1.realtime.jsonl"]);
      assert.match(said, /^Fetched red: fail, /);
      const none = await baseline(influx, ["--branch", "no-such", "--to", named]);
      assert.equal(none.code, 3);
      assert.match(none.said, /no green run of chat-soak of branch no-such is stored there/);
      return undefined;
    });

    test(`InfluxDB ${major}: the gate takes the green runs that were over when the run began`, async (t) => {
      const influx = servers.get(major);
      if (!influx) return t.skip(`no server of InfluxDB ${major}`);
      const judge = (run: string, ...args: string[]) =>
        command(influx, ["gate", join(recorded, run), "--baseline", `influxdb:${influx.out}`, ...args]);
      const [[source]] = (await groupRecordings([join(recorded, "3")])) as [[Source]];
      const stored = { branch: "main", env: { ...influx.env } };
      const files = await withBaselines(
        [`influxdb:${influx.out}`],
        [source.header],
        stored,
        async (paths) => {
          await openRuns(await groupRecordings(paths));
          return paths.map((path) => basename(path));
        },
      );
      // Neither the red one, nor another branch's, nor the run itself.
      assert.deepEqual(files, ["green-1.realtime.jsonl"]);
      const last = await judge("3", "--json", "--branch", "main");
      assert.ok(JSON.parse(last.said).regression, "it was compared");
      const first = await judge("0", "--branch", "main");
      assert.equal(first.code, 3);
      assert.match(first.said, /no earlier green run of chat-soak of branch main is stored in InfluxDB/);
      const wrong = await judge("3", "--last", "0");
      assert.equal(wrong.code, 2);
      assert.match(wrong.said, /gate: --last: expected a whole number from 1, got "0"/);
      return undefined;
    });

    test(`InfluxDB ${major}: a wrong token or password is told, not printed`, async (t) => {
      const influx = servers.get(major);
      if (!influx) return t.skip(`no server of InfluxDB ${major}`);
      const env = { INFLUX_TOKEN: "wrong-s3cret", INFLUX_USERNAME: "admin", INFLUX_PASSWORD: "wrong-s3cret" };
      const { code, said } = await baseline({ out: influx.out, env }, ["--to", await temporaryDirectory(t)]);
      assert.equal(code, 2);
      assert.match(
        said,
        /reading from InfluxDB: (authorization failed|the token in INFLUX_TOKEN is not accepted)/,
      );
      assert.doesNotMatch(said, /s3cret/);
      return undefined;
    });
  }
});

async function record(
  cleanup: Cleanup,
  servers: readonly InfluxServer[],
  { name, branch, faults }: (typeof RUNS)[number],
  file: string,
): Promise<void> {
  const server = await startServer({ faults: faults ?? {} });
  cleanup.after(() => server.close());
  const { stderr, summary } = await runK6(cleanup, {
    k6: OUR_K6,
    scenario: "chat-soak",
    env: {
      WS_URL: `${server.url}/ws/chat`,
      CONNECTIONS: 5,
      RAMP: "500ms",
      DURATION: "6s",
      RAMP_DOWN: "500ms",
      SESSION: "20s",
      PROBE_INTERVAL: "100ms",
      REPLY_TIMEOUT: "4s",
    },
    processEnv: Object.assign({}, ...servers.map(({ env }) => env)),
    args: [
      ...["--out", `realtime=${file}`],
      ...servers.flatMap(({ out }) => ["--out", `realtime-influxdb=${out}`]),
      ...["--tag", `testid=${name}`, "--tag", `branch=${branch}`],
    ],
  });
  assert.equal(summary?.verdict, faults ? "fail" : "pass", stderr);
}

const baseline = (influx: Pick<InfluxServer, "out" | "env">, args: readonly string[]) =>
  command(influx, ["baseline", "--from", influx.out, "--scenario", "chat-soak", ...args]);

/** What `k6-realtime` does and says. */
async function command(
  influx: Pick<InfluxServer, "env">,
  args: readonly string[],
): Promise<{ code: number; said: string }> {
  let said = "";
  const sink = new Writable({
    write(chunk, _, done) {
      said += chunk;
      done();
    },
  });
  const code = await main(args, {
    out: sink,
    err: sink,
    cwd: process.cwd(),
    env: { ...influx.env },
    signal: new AbortController().signal,
  });
  return { code, said };
}

async function assertSame(fetched: string, recorded: string): Promise<void> {
  const [[read], [wrote]] = [
    await openRuns(await groupRecordings([fetched])),
    await openRuns(await groupRecordings([recorded])),
  ];
  assert.deepEqual(byIdentity(read!.series), byIdentity(wrote!.series));
  assert.ok(read!.series.length > 20, `${read!.series.length} series`);
  assert.ok(read!.instances[0]!.usage.length > 0 && read!.instances[0]!.end);
  const [ours, theirs] = [summarizeRun(read!), summarizeRun(wrote!)];
  assert.deepEqual(
    [ours.metrics, ours.thresholds, ours.verdict],
    [theirs.metrics, theirs.thresholds, theirs.verdict],
  );
}

/** Without the tags that say the same of every sample of a run, which are stored once. */
function byIdentity(series: readonly Series[]): Map<string, unknown> {
  return new Map(
    series
      .map(({ metric, kind, unit, tags: { testid: _, branch: __, ...tags }, cells }) => {
        const inOrder = [...cells].sort(([a], [b]) => a - b);
        return [JSON.stringify([metric, kind, unit, Object.entries(tags).sort()]), inOrder] as const;
      })
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
