/** One setup at a time in one clone: two `npm ci` at once destroy each other's node_modules. */
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const HEARTBEAT_MS = 500;
const POLL_MS = 100;

/**
 * Does `work` while holding the lock at `path`; while another process holds it, waits.
 *
 * A holder shows that it lives by touching the lock. Its process id would not show it: ids are used again.
 *
 * @template T
 * @param {string} path
 * @param {object} options
 * @param {() => void} options.onWait Called once when there is something to wait for.
 * @param {AbortSignal} [options.signal] Ends the waiting.
 * @param {number} [options.abandonedAfterMs] A lock untouched for so long was left by a process that was killed.
 * @param {() => Promise<T>} work
 */
export async function withLock(path, { onWait, signal, abandonedAfterMs = 10_000 }, work) {
  mkdirSync(dirname(path), { recursive: true });
  let waiting = false;
  while (!tryLock(path)) {
    if (!waiting) onWait();
    waiting = true;
    await released(path, abandonedAfterMs, signal);
  }
  // After a long sleep of the machine somebody else may have taken it over: then it is theirs to touch and to remove.
  const mark = join(path, randomUUID());
  writeFileSync(mark, "");
  const isOurs = () => existsSync(mark);
  const heartbeat = setInterval(() => {
    if (isOurs()) utimesSync(path, new Date(), new Date());
  }, HEARTBEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    if (isOurs()) rmSync(path, { recursive: true, force: true });
  }
}

/** @param {string} path */
function tryLock(path) {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/**
 * Waits until the lock is gone, and takes an abandoned one away.
 *
 * @param {string} path
 * @param {number} abandonedAfterMs
 * @param {AbortSignal | undefined} signal
 */
async function released(path, abandonedAfterMs, signal) {
  let seen = touchedAt(path);
  let since = performance.now();
  for (;;) {
    await sleep(POLL_MS, undefined, signal && { signal });
    const now = touchedAt(path);
    if (now === undefined) return;
    // Timed by this process's own clock: setting the wall clock, or a sleep of the machine, does not count as
    // silence.
    if (now !== seen) [seen, since] = [now, performance.now()];
    else if (performance.now() - since > abandonedAfterMs) return removeAbandoned(path);
  }
}

/** @param {string} path */
function removeAbandoned(path) {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside); // of several that wait, one succeeds
    rmSync(aside, { recursive: true, force: true });
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

/** @param {string} path */
const touchedAt = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs;

/** @param {unknown} error */
const codeOf = (error) => /** @type {NodeJS.ErrnoException} */ (error).code;
