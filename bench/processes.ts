/** Processes that a benchmark starts and watches. Figures come from Linux's /proc. */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { OUR_K6 } from "../test/k6/run.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What a process needed at one moment. */
export interface Usage {
  readonly atMs: number;
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  readonly descriptors: number;
}

/** Of a process that has ended. */
export interface Watched {
  readonly code: number | null;
  readonly output: string;
  /** One line each 50 ms. */
  readonly usage: readonly Usage[];
}

const SAMPLE_EVERY_MS = 50;
/** USER_HZ (proc(5)), which is 100 on every platform that Node.js runs on. */
const TICKS_PER_SECOND = 100;

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => process.exit(1));

function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env });
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

/** A process that runs until it is told to end. */
export interface Running {
  /** The first group of what it said when it was ready. */
  readonly ready: string;
  /** Ends it, and resolves with all that it said. */
  stop(): Promise<string>;
}

/** Starts a process and resolves when it has said that it is ready. */
export async function startAndWait(
  command: string,
  args: readonly string[],
  readyWhen: RegExp,
  env?: NodeJS.ProcessEnv,
): Promise<Running> {
  const child = start(command, args, env);
  let said = "";
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const ready = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        const match = readyWhen.exec(said);
        if (match) resolve(match[1] ?? match[0]);
      });
    }
    child.once("error", reject);
    child.once("close", () => reject(new Error(`${command} ${args.join(" ")} ended: ${said}`)));
  });
  return {
    ready,
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
      return said;
    },
  };
}

/** Starts one of the extension's servers and resolves with its URL when it listens. */
export async function startServer(
  ...args: readonly string[]
): Promise<{ url: string; stop(): Promise<string> }> {
  // Otherwise k6 loads the catalogue of subcommands from the network first.
  const env = { ...process.env, K6_AUTO_EXTENSION_RESOLUTION: "false" };
  const { ready, stop } = await startAndWait(OUR_K6, ["x", ...args], /listening on (\S+)\s/, env);
  return { url: ready, stop };
}

/** Builds the loops that the benchmarks hold the engine against, and returns their program's path. */
export async function buildBare(): Promise<string> {
  const program = join(root, ".cache/bare");
  const go = await watch("go", ["build", "-C", join(root, "extension"), "-o", program, "./bench/bare"]);
  if (go.code !== 0) throw new Error(`go build ./bench/bare: ${go.output}`);
  return program;
}

/** Runs a process to its end and watches what it needs. */
export async function watch(
  command: string,
  args: readonly string[],
  onSample: (usage: Usage) => void = () => {},
): Promise<Watched> {
  const child = start(command, args);
  let output = "";
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const usage: Usage[] = [];
  const timer = setInterval(() => {
    const now = usageOf(child.pid!);
    if (now === undefined) return;
    usage.push(now);
    onSample(now);
  }, SAMPLE_EVERY_MS);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  clearInterval(timer);
  return { code, output, usage };
}

/** Undefined when the process has ended. */
function usageOf(pid: number): Usage | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    // The name, in parentheses, may hold spaces; fields count from after it.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ");
    return {
      atMs: performance.now(),
      residentBytes: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) * 1_024,
      cpuSeconds: (Number(stat[11]) + Number(stat[12])) / TICKS_PER_SECOND,
      descriptors: descriptorsOf(pid),
    };
  } catch {
    return undefined;
  }
}

/** Listing 15,000 of them 20 times a second would take a third of a processor, so since Linux 6.2 it is asked for the size. */
function descriptorsOf(pid: number): number {
  const directory = `/proc/${pid}/fd`;
  return statSync(directory).size || readdirSync(directory).length;
}

/** What a process occupied while it held at least so many descriptors: the median of the later half of that time. */
export function heldBytes(usage: readonly Usage[], descriptors: number): number {
  const holding = usage.filter((at) => at.descriptors >= descriptors);
  if (holding.length < 10) {
    throw new Error(
      `expected ${descriptors} descriptors to be held for half a second, got ${holding.length} samples`,
    );
  }
  return median(holding.slice(holding.length / 2).map(({ residentBytes }) => residentBytes));
}

/** What a process computed while it held at least so many descriptors, and how long that was: no start, and no end. */
export function cpuWhileHeld(usage: readonly Usage[], descriptors: number) {
  const holding = usage.filter((at) => at.descriptors >= descriptors);
  const [first, last] = [holding[0], holding.at(-1)];
  if (first === undefined || last === undefined || last.atMs - first.atMs < 1_000)
    throw new Error(
      `expected ${descriptors} descriptors to be held for a second, got ${holding.length} samples`,
    );
  return { seconds: (last.atMs - first.atMs) / 1_000, cpuSeconds: last.cpuSeconds - first.cpuSeconds };
}

/** A script's variables. */
export type Settings = Readonly<Record<string, string | number>>;

/** A script's variables as k6's flags. */
export const variables = (given: Settings): string[] =>
  Object.entries(given).flatMap(([name, value]) => ["-e", `${name}=${value}`]);

export function median(values: readonly number[]): number {
  const ascending = [...values].sort((a, b) => a - b);
  return ascending[Math.floor(ascending.length / 2)]!;
}
