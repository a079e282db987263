/** Steps that say what they do, and tools that are quiet unless they fail. Needs no dependency to be installed. */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { root } from "./files.mjs";

/** A failure with a message made for the user: it is printed without a stack. */
export class StepError extends Error {
  /**
   * @param {string} message
   * @param {number} exitCode
   */
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * Does a program's work, which the signal it gets tells when to stop. On ^C, or when the work fails, says why and
 * ends the process with a code that is not 0.
 *
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} work
 */
export async function orExit(work) {
  const stop = new AbortController();
  /** @param {NodeJS.Signals} name */
  const onSignal = (name) => stop.abort(new StepError("stopped", 128 + constants.signals[name]));
  const names = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);
  for (const name of names) process.on(name, onSignal);
  try {
    return await work(stop.signal);
  } catch (thrown) {
    const error = stop.signal.aborted ? stop.signal.reason : thrown;
    // A tool's failure, a full or read-only disk and esbuild's findings explain themselves; a defect needs its stack.
    console.error(error instanceof StepError || error.syscall || error.errors ? error.message : error);
    process.exit(error.exitCode ?? 1);
  } finally {
    for (const name of names) process.off(name, onSignal);
  }
}

/**
 * Says what is being done, does it, says how long it took.
 *
 * @template T
 * @param {string} title
 * @param {() => Promise<T>} work
 */
export async function step(title, work) {
  const began = performance.now();
  process.stdout.write(`${title} … `);
  try {
    const result = await work();
    console.log(`done (${((performance.now() - began) / 1000).toFixed(1)} s)`);
    return result;
  } catch (error) {
    console.log("failed");
    throw error;
  }
}

/**
 * Runs a tool and returns what it printed.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, signal?: AbortSignal | undefined }} options When `signal` aborts, the tool and all that
 * it started are ended.
 * @returns {Promise<string>}
 * @throws {StepError} with that, when the tool fails
 */
export function runTool(command, args, { cwd = root, env = process.env, signal } = {}) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    // A process group of its own: tools start compilers, which a signal to the tool alone would leave behind.
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        printed += text;
      });
    }
    const stop = () => killGroup(child.pid);
    signal?.addEventListener("abort", stop, { once: true });
    const said = [command, ...args].join(" ");
    child.on("error", (error) => reject(new StepError(`cannot run ${said}: ${error.message}`)));
    child.on("close", (code, killedBy) => {
      signal?.removeEventListener("abort", stop);
      if (signal?.aborted) reject(signal.reason);
      else if (code === 0) resolve(printed);
      else
        reject(new StepError(`${said} failed (${killedBy ?? `exit code ${code}`}):\n${printed.trimEnd()}`));
    });
  });
}

/** @param {number | undefined} pid */
function killGroup(pid) {
  if (pid === undefined) return; // it never started
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}
