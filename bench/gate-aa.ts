/**
 * How often the gate is wrong, on real runs: runs alike, and runs with a p99 slower by 20 %, each beside the three runs
 * before them that are alike.
 *
 *   node --import tsx bench/gate-aa.ts [PAIRS] [SECONDS]
 *
 * Needs bin/k6 and dist/ (npm run build, npm run build:k6). Of each pair one run is alike and one slower, both at the
 * same time; neither runs beside what it is compared with. SECONDS is how long each holds its load: 60 by default.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { isRestless } from "../cli/gate/decide.ts";
import { judgeRun } from "../cli/gate/judge.ts";
import { startServer } from "../server/server.ts";
import { variables } from "./processes.ts";

const pairs = Number(process.argv[2] ?? 20);
const seconds = Number(process.argv[3] ?? 60);
const BASELINES = 3;

// The server waits so long that the noise of a busy machine is small beside it. The tail of the planted runs is 20 %
// longer at p99 and 14 % at p95, over the same median.
const ALIKE = { kind: "lognormal", medianMs: 200, sigma: 0.4 } as const;
const SLOWER = { ...ALIKE, sigma: ALIKE.sigma + Math.log(1.2) / 2.326 };

const LOAD = {
  CONNECTIONS: 40,
  RAMP: "1s",
  DURATION: `${seconds}s`,
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
/** `unsure` passed with a word that it could be a fifth slower; `undecided` is no verdict. */
type Outcome = "passed" | "unsure" | "slower" | "undecided";

async function judge(kind: Kind, path: string, baselines: readonly string[]): Promise<Outcome> {
  const { verdict, reason, regression } = await judgeRun({
    paths: [path],
    baselines,
    stored: { env: {} },
    cwd: directory,
  });
  const isSlower = verdict === "fail" && (regression?.slower.length ?? 0) > 0;
  const passed = regression?.comparisons.some(isRestless) ? "unsure" : "passed";
  const outcome = verdict === "pass" ? passed : isSlower ? "slower" : "undecided";
  const ratios = regression?.comparisons.map(
    ({ metric, share, ratio, low, high, spread }) =>
      `${metric} p${share * 100} ${ratio.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)}; runs differ by ` +
      `${(100 * spread.share).toFixed(1)} %, ${spread.from})`,
  );
  console.log(
    `${kind}: ${outcome}: ${outcome === "undecided" ? `${verdict}: ${reason}` : ratios?.join(", ")}`,
  );
  return outcome;
}

try {
  const none = { passed: 0, unsure: 0, slower: 0, undecided: 0 };
  const tally = { alike: { ...none }, planted: { ...none } };
  const judged = (kind: Kind) => tally[kind].passed + tally[kind].unsure + tally[kind].slower;
  // Runs that are compared do not run at the same time: what disturbs both would not tell them apart.
  const baselines: string[] = [];
  for (let i = 0; baselines.length < BASELINES; i++) {
    if (i === 3 * BASELINES)
      throw new Error("this machine is too busy: of nine runs not three could be judged");
    const path = await record(`first-${i}`, ALIKE);
    const question = { paths: [path], baselines: [], stored: { env: {} }, cwd: directory };
    if ((await judgeRun(question)).verdict === "pass") baselines.push(path);
  }
  for (let i = 0; Math.min(judged("alike"), judged("planted")) < pairs && i < 2 * pairs; i++) {
    const [alike, slower] = await Promise.all([record(`alike-${i}`, ALIKE), record(`slower-${i}`, SLOWER)]);
    const outcomes = {
      alike: await judge("alike", alike, baselines),
      planted: await judge("planted", slower, baselines),
    };
    for (const kind of ["alike", "planted"] as const) {
      if (outcomes[kind] === "undecided" || judged(kind) < pairs) tally[kind][outcomes[kind]] += 1;
    }
    // An undecided run was disturbed, and is no baseline.
    if (outcomes.alike !== "undecided") {
      baselines.push(alike);
      baselines.shift();
    }
  }
  console.log(
    `| ${seconds} s, ${BASELINES} baselines | slower | passed, says it cannot tell | passed | not judged |`,
  );
  console.log("| --- | --- | --- | --- | --- |");
  for (const [kind, what] of [
    ["alike", "alike"],
    ["planted", "p99 slower by 20 %"],
  ] as const) {
    const { slower, unsure, passed, undecided } = tally[kind];
    console.log(`| ${what} | ${slower} | ${unsure} | ${passed} | ${undecided} |`);
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}
