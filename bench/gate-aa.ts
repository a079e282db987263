/**
 * How often the gate is wrong, on real runs: pairs of runs alike, and pairs of which one has a p99 slower by 20 %.
 *
 *   node --import tsx bench/gate-aa.ts [PAIRS]
 *
 * Needs bin/k6 and dist/ (npm run build, npm run build:k6). Takes about 24 s for each pair.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { judgeRun } from "../cli/gate.ts";
import { startServer } from "../server/server.ts";
import { variables } from "./processes.ts";

const pairs = Number(process.argv[2] ?? 20);

// The server waits so long that the noise of a busy machine is small beside it. The tail of the planted runs is 20 %
// longer at p99 and 14 % at p95, over the same median.
const ALIKE = { kind: "lognormal", medianMs: 200, sigma: 0.4 } as const;
const SLOWER = { ...ALIKE, sigma: ALIKE.sigma + Math.log(1.2) / 2.326 };

const LOAD = {
  CONNECTIONS: 40,
  RAMP: "1s",
  DURATION: "20s",
  RAMP_DOWN: "1s",
  PROBE_INTERVAL: "100ms",
  SESSION: "1m",
  REPLY_TIMEOUT: "3s",
};

const root = fileURLToPath(new URL("..", import.meta.url));
const directory = await mkdtemp(join(tmpdir(), "k6-realtime-"));

/** Tight enough that the gate refuses runs which something else on this machine held up: by 100 ms, of 200. */
const PROFILE = join(directory, "profile.json");
await writeFile(PROFILE, JSON.stringify({ thresholds: { ws_msg_rtt_ms: ["p(99)<1000"] } }));

let seed = 0;

/** Runs the chat soak against a server of its own and returns the recording. */
async function record(name: string, delay: typeof ALIKE | typeof SLOWER): Promise<string> {
  const server = await startServer({ faults: { delay: { ...delay, seed: ++seed } } });
  const path = join(directory, `${name}.realtime.jsonl`);
  try {
    await promisify(execFile)(join(root, "bin/k6"), [
      ...["run", "--quiet", "--no-usage-report", `--out=realtime=${path}`],
      ...variables({ ...LOAD, PROFILE, WS_URL: `${server.url}/ws/chat`, WS_TOKEN: "test-token" }),
      join(root, "dist/chat-soak.js"),
    ]).catch((error) => {
      if (error.code !== 99) throw error; // a broken limit is for the gate to say
    });
  } finally {
    await server.close();
  }
  return path;
}

type Kind = "alike" | "planted";
type Outcome = "passed" | "slower" | "undecided";

async function judge(kind: Kind, path: string, baseline: string): Promise<Outcome> {
  const { verdict, reason, regression } = await judgeRun({
    paths: [path],
    baselines: [baseline],
    stored: { env: {} },
    cwd: directory,
  });
  const isSlower = verdict === "fail" && (regression?.slower.length ?? 0) > 0;
  const outcome = verdict === "pass" ? "passed" : isSlower ? "slower" : "undecided";
  const ratios = regression?.comparisons.map(
    ({ share, ratio, low, high }) =>
      `p${share * 100} ${ratio.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`,
  );
  console.log(
    `${kind}: ${outcome}: ${outcome === "undecided" ? `${verdict}: ${reason}` : ratios?.join(", ")}`,
  );
  return outcome;
}

try {
  const tally = { alike: 0, planted: 0, falseAlarms: 0, found: 0, undecided: 0 };
  // Runs that are compared do not run at the same time: what disturbs both would not tell them apart.
  let baseline = await record("first", ALIKE);
  for (let i = 0; Math.min(tally.alike, tally.planted) < pairs && i < 2 * pairs; i++) {
    const [alike, slower] = await Promise.all([record(`alike-${i}`, ALIKE), record(`slower-${i}`, SLOWER)]);
    const outcomes = {
      alike: await judge("alike", alike, baseline),
      planted: await judge("planted", slower, baseline),
    };
    for (const kind of ["alike", "planted"] as const) {
      if (outcomes[kind] === "undecided") tally.undecided += 1;
      else if (tally[kind] < pairs) {
        tally[kind] += 1;
        if (outcomes[kind] === "slower") tally[kind === "alike" ? "falseAlarms" : "found"] += 1;
      }
    }
    baseline = alike;
  }
  console.log(
    `${tally.alike} pairs alike: ${tally.falseAlarms} false alarms; ` +
      `${tally.planted} pairs with a p99 slower by 20 %: ${tally.found} found; ` +
      `${tally.undecided} pairs the gate would not judge, and others were run for them`,
  );
} finally {
  await rm(directory, { recursive: true, force: true });
}
