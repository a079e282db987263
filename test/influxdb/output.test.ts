/** `k6 run --out realtime-influxdb=URL` into real servers. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { METRICS, type MetricName } from "../../lib/metrics.ts";
import type { Summary } from "../../lib/summary/summary.ts";
import { startServer } from "../../server/server.ts";
import { type K6Command, type K6Run, OUR_K6, runK6 } from "../k6/run.ts";
import { type InfluxServer, type Major, startInflux } from "./servers.ts";

const SHORT = {
  CONNECTIONS: 10,
  RAMP: "500ms",
  DURATION: "5s",
  RAMP_DOWN: "500ms",
  SESSION: "4s",
  PROBE_INTERVAL: "100ms",
  REPLY_TIMEOUT: "3s",
};

async function soak(
  t: TestContext,
  influx: Pick<InfluxServer, "out" | "env">,
  command: Partial<K6Command> = {},
): Promise<K6Run> {
  const server = await startServer();
  t.after(() => server.close());
  const { env, args = ["--out", `realtime-influxdb=${influx.out}`], ...more } = command;
  return runK6(t, {
    k6: OUR_K6,
    scenario: "chat-soak",
    processEnv: influx.env,
    env: { WS_URL: `${server.url}/ws/chat`, ...SHORT, ...env },
    args: ["--tag", "testid=first", ...args],
    ...more,
  });
}

/** What a metric came to by what is stored; undefined where nothing is. */
async function storedCount(influx: InfluxServer, name: MetricName): Promise<number | undefined> {
  const field = { trend: "count", counter: "sum", rate: "total", gauge: "last" }[METRICS[name].kind];
  const [series] = await influx.query(`SELECT sum("${field}") FROM "${name}" WHERE "run" = 'first'`);
  return series?.values[0]?.[1] as number | undefined;
}

function summaryCount(summary: Summary, name: MetricName): number | undefined {
  const metric = summary.metrics[name];
  if (metric?.kind === "counter" || metric?.kind === "trend") return metric.count || undefined;
  return metric?.kind === "rate" ? metric.passes + metric.fails || undefined : undefined;
}

async function assertAllStored(influx: InfluxServer, summary: Summary): Promise<void> {
  for (const name of Object.keys(METRICS) as MetricName[]) {
    if (METRICS[name].kind === "gauge") continue;
    assert.equal(await storedCount(influx, name), summaryCount(summary, name), name);
  }
}

for (const major of [1, 2] satisfies Major[]) {
  describe(`InfluxDB ${major}`, () => {
    test("counts stored are counts made", async (t) => {
      const influx = await startInflux(t, major);
      if (!influx) return;
      const run = await soak(t, influx);
      assert.equal(run.code, 0, run.stderr);
      assert.match(run.stderr, /All \d+ points of run first were written to InfluxDB/);
      await assertAllStored(influx, run.summary!);
      assert.ok(!(run.stdout + run.stderr).includes(influx.secret), "the secret is printed");
    });

    test("a server that is killed in the middle of a run misses nothing afterwards", async (t) => {
      const influx = await startInflux(t, major);
      if (!influx) return;
      let outage: Promise<void> | undefined;
      const run = await soak(t, influx, {
        onOutput: () => {
          outage ??= (async () => {
            await sleep(1_500);
            await influx.kill();
            await sleep(2_000);
            await influx.start();
          })();
        },
      });
      await outage;
      assert.equal(run.code, 0, run.stderr);
      assert.match(run.stderr, /InfluxDB cannot be written: trying again/);
      assert.match(run.stderr, /InfluxDB answers again/);
      await assertAllStored(influx, run.summary!);
    });

    describe("what cannot work is an error before the load", () => {
      const rows: [
        sentence: string,
        change: (influx: InfluxServer) => Partial<InfluxServer>,
        said: RegExp,
      ][] = [
        [
          "a wrong token or password",
          () => ({
            env: { INFLUX_TOKEN: "wrong-s3cret", INFLUX_USERNAME: "admin", INFLUX_PASSWORD: "wrong-s3cret" },
          }),
          major === 1 ? /authorization failed/ : /the token in INFLUX_TOKEN is not accepted/,
        ],
        [
          "a bucket or database that is not there",
          ({ out }) => ({ out: out.replace(/k6$/, "other") }),
          major === 1 ? /database not found: \\*"other/ : /bucket \\*"other\\*" not found/,
        ],
        [
          "a server that is not there",
          ({ out }) => ({ out: out.replace(/:\d+\//, ":1/") }),
          /connection refused/,
        ],
        [
          "a secret in the address",
          ({ out }) => ({ out: out.replace("://", "://admin:wrong-s3cret@") }),
          /got credentials in the address/,
        ],
        ["no address", () => ({ out: "somewhere" }), /expected --out realtime-influxdb=http/],
      ];
      for (const [sentence, change, said] of rows) {
        test(sentence, async (t) => {
          const influx = await startInflux(t, major);
          if (!influx) return;
          const run = await soak(t, { out: influx.out, env: influx.env, ...change(influx) });
          assert.match(run.stderr, said);
          assert.notEqual(run.code, 0);
          assert.equal(run.summary?.durationMs ?? 0, 0, "the load began");
          assert.ok(!run.stderr.includes("wrong-s3cret"), run.stderr);
        });
      }
    });
  });
}
