/** One set-up at a time in one clone: two `npm ci` at once destroy each other's node_modules. */
import { mkdirSync, renameSync, rmSync, statSync, utimesSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const HEARTBEAT_MS = 500;
const POLL_MS = 100;
/** A lock whose holder gave no sign of life for so long was left behind by one that was killed. */
const ABANDONED_AFTER_MS = 10_000;

/**
 * Does `work` while holding the lock at `path`. While another process holds it, waits and calls `onWait` once.
 * A holder shows that it lives by touching the lock; process ids would not do, they are reused.
 */
export async function withLock(path, { onWait, signal }, work) {
  mkdirSync(dirname(path), { recursive: true });
  let waiting = false;
  while (!tryLock(path)) {
    if (!waiting) onWait();
    waiting = true;
    await released(path, signal);
  }
  const heartbeat = setInterval(() => utimesSync(path, new Date(), new Date()), HEARTBEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    rmSync(path, { recursive: true, force: true });
  }
}

function tryLock(path) {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

/** Waits until the lock is gone, and takes an abandoned one away. */
async function released(path, signal) {
  let seen = touchedAt(path);
  let since = performance.now();
  for (;;) {
    await sleep(POLL_MS, undefined, { signal });
    const now = touchedAt(path);
    if (now === undefined) return;
    // Timed by this process's own clock: one that jumps, or a machine that slept, is not mistaken for silence.
    if (now !== seen) [seen, since] = [now, performance.now()];
    if (performance.now() - since > ABANDONED_AFTER_MS) return removeAbandoned(path);
  }
}

function removeAbandoned(path) {
  const aside = `${path}.${process.pid}`;
  try {
    // Of several that wait, one succeeds in moving it.
    renameSync(path, aside);
    rmSync(aside, { recursive: true, force: true });
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
}

function touchedAt(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}
