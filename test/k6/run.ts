import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { SETTINGS } from "../../lib/settings.ts";
import type { Summary } from "../../lib/summary/summary.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The unmodified k6: what scenarios must run on. */
export const STOCK_K6 = join(root, ".cache/k6-stock");
/** k6 with our extension. */
export const OUR_K6 = join(root, "bin/k6");

/** Long enough for a connection, and for the check before the load, on a busy machine. */
const CONNECT_TIMEOUT = "30s";

/** Limits on what is counted, none that a busy machine could break. What runs are judged by unless they say. */
const PATIENT = join(root, "test/k6/patient-profile.json");

export interface K6Run {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Undefined where k6 wrote none. */
  readonly summary: Summary | undefined;
  /** The directory it ran in and left its results in. */
  readonly results: string;
}

/** Where to leave what must be undone: a test, or a benchmark. */
export interface Cleanup {
  after(undo: () => unknown): void;
}

/** Everything that makes one k6 process. */
export interface K6Command {
  /** A bundle's name (`chat-soak`, or `x/chat-soak` on the engine's sockets) or the path of a script. */
  readonly scenario: string;
  readonly env?: Readonly<Record<string, string | number>>;
  readonly args?: readonly string[];
  /** Environment variables of the process, which the script does not see. */
  readonly processEnv?: Readonly<Record<string, string>>;
  readonly k6?: string;
  /** Called with the process once it runs. */
  readonly onStart?: (k6: ChildProcess) => void;
  /** Called with what k6 prints, as it comes. */
  readonly onOutput?: (text: string, interrupt: () => void) => void;
}

/** Runs a bundle with a real k6 to its end and reads the summary it left. */
export async function runK6(t: Cleanup, command: K6Command): Promise<K6Run> {
  const results = await mkdtemp(join(tmpdir(), "k6-realtime-"));
  t.after(() => rm(results, { recursive: true, force: true }));
  const { scenario, k6 = STOCK_K6, args = [], onOutput } = command;
  const own = scenario.endsWith(".js");
  const script = own ? scenario : join(root, "dist", `${scenario}.js`);
  const given = { PROFILE: PATIENT, WS_TOKEN: SETTINGS.WS_TOKEN.default, CONNECT_TIMEOUT };
  const env = { RESULTS_DIR: results, ...(!own && given), ...command.env };
  const child = spawn(
    k6,
    [
      "run",
      "--quiet",
      "--no-color",
      ...Object.entries(env).flatMap(([k, v]) => ["-e", `${k}=${v}`]),
      ...args,
      script,
    ],
    { stdio: ["ignore", "pipe", "pipe"], cwd: results, env: { ...process.env, ...command.processEnv } },
  );
  t.after(() => child.kill("SIGKILL"));
  child.once("spawn", () => command.onStart?.(child));
  let interrupted = false;
  const interrupt = () => {
    if (interrupted) return; // a second ^C would end k6 before it has said anything
    interrupted = true;
    child.kill("SIGINT");
  };
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (text: string) => {
      output[stream] += text;
      onOutput?.(text, interrupt);
    });
  }
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (...ended) => resolve(ended));
  });
  const file = join(results, `${basename(scenario)}.summary.json`);
  const summary = await readFile(file, "utf8").then(
    (text) => JSON.parse(text) as Summary,
    () => undefined,
  );
  return { code, signal, ...output, summary, results };
}
