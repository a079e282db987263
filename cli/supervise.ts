import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { formatDuration, type Ms, ms } from "../lib/units.ts";
import { errorIn } from "./live/k6-log.ts";

/** The target of a process's output: the same as ours, all of it to standard error, nowhere, or a function. */
export type Output = "inherit" | "stderr" | "ignore" | ((line: string) => void);

/** A k6 process and the bounds on its life. */
export interface Supervision {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly output: Output;
  /** The longest that the run may take by its plan. */
  readonly longest: Ms;
  /** Ends the run when aborted; its reason names the signal. */
  readonly signal: AbortSignal;
}

/** How a k6 process ended. */
export interface Ending {
  /** Its exit code; undefined when a signal ended it, or it never started. */
  readonly exitCode: number | undefined;
  /** Why it could not be started; undefined when it was. */
  readonly notStarted?: string;
  /** Why it was ended from outside, as a clause; undefined when it ended by itself. */
  readonly endedBecause: string | undefined;
  /** The last error that it logged. */
  readonly lastError?: string | undefined;
}

/** How long after its planned end a run is ended from outside. */
const GRACE = ms(10_000);
/** How long k6 has between SIGINT, on which it writes its summary, and SIGKILL. */
const KILL_AFTER = ms(10_000);
/** Longest delay of a Node.js timer, nearly 25 days: a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The processes that end with this one. */
const running = new Set<ChildProcess>();
const killAll = () => {
  for (const k6 of running) signalGroup(k6, "SIGKILL");
};

/**
 * Runs k6 until it ends, which it always does. A peer that never answers a Close frame holds k6's own sockets for
 * ever, past SIGTERM too. A run that is overdue or asked to stop is therefore interrupted and then killed.
 */
export async function supervise(life: Supervision): Promise<Ending> {
  let endedBecause: string | undefined;
  let killing: NodeJS.Timeout | undefined;
  // A process group of its own: a terminal's ^C reaches k6 only through us, once, as a second one aborts it.
  const k6 = spawn(life.command, life.args, { env: life.env, stdio: stdioFor(life.output), detached: true });
  const end = (because: string) => {
    if (endedBecause !== undefined) return; // k6 takes a second SIGINT as leave to write no summary
    endedBecause = because;
    signalGroup(k6, "SIGINT");
    killing = setTimeout(() => signalGroup(k6, "SIGKILL"), KILL_AFTER);
  };
  const onOverdue = () =>
    end(
      `k6 was still running ${formatDuration(GRACE)} after its planned end and was ended from outside: ` +
        "a peer that never answers a Close frame is the usual cause",
    );
  const overdue = setTimeout(onOverdue, ms(Math.min(life.longest + GRACE, LONGEST_TIMER_MS)));
  const onAbort = () => end(`stopped by ${life.signal.reason} before its planned end`);
  life.signal.addEventListener("abort", onAbort, { once: true });
  if (running.size === 0) process.on("exit", killAll);
  running.add(k6);
  let lastError: string | undefined;
  const told = tellLines(k6, life.output, (line) => {
    lastError = errorIn(line) ?? lastError;
  });
  // What k6 started and left behind would hold its output open.
  k6.once("exit", () => signalGroup(k6, "SIGKILL"));
  try {
    if (life.signal.aborted) onAbort();
    const [exitCode] = await once(k6, "close"); // which is rejected with the error of one that does not start
    await told;
    return { exitCode: exitCode ?? undefined, endedBecause, lastError };
  } catch (error) {
    if (k6.pid !== undefined) throw error;
    return { exitCode: undefined, notStarted: (error as Error).message, endedBecause };
  } finally {
    clearTimeout(overdue);
    clearTimeout(killing);
    life.signal.removeEventListener("abort", onAbort);
    running.delete(k6);
    if (running.size === 0) process.off("exit", killAll);
  }
}

/** Standard error, where k6 logs, comes by us in any case. */
function stdioFor(output: Output): ("ignore" | "inherit" | "pipe" | 2)[] {
  if (typeof output === "function") return ["ignore", "pipe", "pipe"];
  return ["ignore", output === "stderr" ? 2 : output, "pipe"];
}

/** Resolves when the streams have ended and all of their lines are told, those of standard error to `look` as well. */
async function tellLines(
  { stdout, stderr }: ChildProcess,
  output: Output,
  look: (line: string) => void,
): Promise<void> {
  const isTold = typeof output === "function";
  const tell = async (input: Readable, to: (line: string) => void) => {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) to(line);
  };
  await Promise.all([
    ...(isTold ? [tell(stdout!, output)] : []),
    tell(stderr!, (line) => {
      look(line);
      if (isTold) output(line);
      else if (output !== "ignore") process.stderr.write(`${line}\n`);
    }),
  ]);
}

function signalGroup({ pid }: ChildProcess, name: NodeJS.Signals): void {
  if (pid === undefined) return; // it never started
  try {
    process.kill(-pid, name);
  } catch {
    // It ended meanwhile.
  }
}
