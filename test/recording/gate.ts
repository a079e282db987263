import type { TestContext } from "node:test";
import { seeded } from "../../cli/gate/bootstrap.ts";
import { runMain } from "../cli/run-main.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { latencies } from "./made-up-run.ts";
import { encoded, RTT, record, type Synthetic } from "./synthetic.ts";

export async function gate(cwd: string, ...argv: string[]) {
  const { code, out: said, err: errors } = await runMain(["gate", ...argv], { cwd });
  return { code, last: said.trimEnd().split("\n").at(-1), said, errors };
}

/** Round trips about 20 ms, 100 a second, and the limits on them. */
export function run(seed: number, factor = 1, more: Partial<Synthetic> = {}): Synthetic {
  const values = latencies({ seconds: 15, perSecond: 100, persistence: 0, swing: 0.02 }, seeded(seed));
  return {
    header: { thresholds: { ws_msg_rtt_ms: ["p(50)<50", "p(99)<100"], ws_replies: ["count>0"] } },
    series: [
      RTT,
      { metric: "ws_replies", kind: "counter" },
      { metric: "ws_generator_delay_ms", kind: "trend", unit: "ms", tags: { side: "send" } },
    ],
    seconds: values.map((second) => [
      [0, encoded(second.map((value) => factor * value))],
      [1, second.length],
      [2, encoded([0.1, 0.2])],
    ]),
    ...more,
  };
}

/** A run and its baselines, as files. */
export async function files(t: TestContext, now: Synthetic, ...before: Synthetic[]) {
  const directory = await temporaryDirectory(t);
  const path = await record(directory, now);
  const baselines: string[] = [];
  for (const one of before) baselines.push("--baseline", await record(directory, one));
  return { directory, path, baselines };
}
