/**
 * What building and setting up share: steps that say what they do, tools that are quiet unless they fail,
 * and content hashes that tell finished work from stale work. Runs before any dependency is installed.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root: every path below is relative to it. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** A failure with a message made for the user: it is printed without a stack. */
export class StepError extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * Does a program's work, which `signal` tells when to stop. On ^C, or when the work fails, says why and ends
 * the process with a code that is not 0.
 */
export async function orExit(work) {
  const stop = new AbortController();
  const onSignal = (name) => stop.abort(new StepError("stopped", 128 + constants.signals[name]));
  const names = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const name of names) process.on(name, onSignal);
  try {
    return await work(stop.signal);
  } catch (thrown) {
    const error = stop.signal.aborted ? stop.signal.reason : thrown;
    // A tool's failure, a full or read-only disk, and esbuild's findings explain themselves; a defect needs its stack.
    console.error(error instanceof StepError || error.syscall || error.errors ? error.message : error);
    process.exit(error.exitCode ?? 1);
  } finally {
    for (const name of names) process.off(name, onSignal);
  }
}

/** Says what is being done, does it, says how long it took. */
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
 * Runs a tool in a process group of its own and returns what it printed to stdout. On failure throws a
 * {@link StepError} with everything that it printed; when `signal` aborts, the whole group is ended first.
 */
export function runTool(command, args, { cwd = root, env = process.env, signal } = {}) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    // A group of its own: the tools start compilers, which a signal to the tool alone would leave behind.
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    let stdout = "";
    let all = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
      all += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      all += text;
    });
    const stop = () => killGroup(child.pid, "SIGKILL");
    signal?.addEventListener("abort", stop, { once: true });
    const said = [command, ...args].join(" ");
    child.on("error", (error) => reject(new StepError(`cannot run ${said}: ${error.message}`)));
    child.on("close", (code, killedBy) => {
      signal?.removeEventListener("abort", stop);
      if (signal?.aborted) reject(signal.reason);
      else if (code === 0) resolve(stdout);
      else reject(new StepError(`${said} failed (${killedBy ?? `exit code ${code}`}):\n${all.trimEnd()}`));
    });
  });
}

function killGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch {
    // Ended by itself meanwhile.
  }
}

/** Every file below `path` (or `path` itself), relative to the root, in a fixed order. */
export function filesUnder(path) {
  const full = join(root, path);
  if (!existsSync(full)) return [];
  if (!statSync(full).isDirectory()) return [path];
  return readdirSync(full, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => filesUnder(join(path, entry.name)));
}

/** A hash of the files' names and contents and of `more`, which stands for what else decides the result. */
export function fingerprint(files, ...more) {
  const hash = createHash("sha256");
  for (const file of files)
    hash
      .update(file)
      .update("\0")
      .update(readFileSync(join(root, file)))
      .update("\0");
  return hash.update(JSON.stringify(more)).digest("hex");
}

/** Writes a file so that a reader, or a second writer, sees the old content or the new, never a part. */
export function writeAtomically(path, content) {
  mkdirSync(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}.partial`;
  writeFileSync(partial, content);
  renameSync(partial, path);
}

/** Whether `product` was made from what has this fingerprint. */
export function isCurrent(product, print) {
  const stamp = stampOf(product);
  return existsSync(join(root, product)) && existsSync(stamp) && readFileSync(stamp, "utf8") === print;
}

/** Remembers what `product` was made from. */
export function markCurrent(product, print) {
  writeAtomically(stampOf(product), print);
}

const stampOf = (product) =>
  join(root, ".cache", `${product.replaceAll(/[\\/]/g, "-").replace(/^\./, "")}.sha256`);
