import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { withLock } from "../../tools/lock.mjs";
import { temporaryDirectory } from "../temporary-directory.ts";

const lockIn = async (t: TestContext) => join(await temporaryDirectory(t), "cache/lock");
const atOnce = { onWait: () => assert.fail("had to wait") };

test("the second waits until the first is done", async (t) => {
  const lock = await lockIn(t);
  const order: string[] = [];
  let second: Promise<void> | undefined;
  await withLock(lock, atOnce, async () => {
    await new Promise<void>((waits) => {
      second = withLock(lock, { onWait: waits }, async () => void order.push("second"));
    });
    order.push("first");
  });
  await second;
  assert.deepEqual(order, ["first", "second"]);
});

test("the lock is free after work that failed, and nothing is left of it", async (t) => {
  const lock = await lockIn(t);
  const failing = withLock(lock, atOnce, () => Promise.reject(new Error("no disk")));
  await assert.rejects(failing, /no disk/);
  assert.equal(await withLock(lock, atOnce, async () => "done"), "done");
  assert.deepEqual(await readdir(dirname(lock)), []);
});

test("a lock whose holder was killed is taken over", async (t) => {
  const lock = await lockIn(t);
  await mkdir(lock, { recursive: true });
  let waited = 0;
  const options = { onWait: () => void waited++, abandonedAfterMs: 1 };
  assert.equal(await withLock(lock, options, async () => "done"), "done");
  assert.equal(waited, 1);
  assert.deepEqual(await readdir(dirname(lock)), []);
});

test("a holder shows that it lives by touching its lock", { timeout: 60_000 }, async (t) => {
  const lock = await lockIn(t);
  await withLock(lock, atOnce, async () => {
    const { mtimeMs } = await stat(lock);
    while ((await stat(lock)).mtimeMs === mtimeMs) await nextTurn();
  });
});

test("a holder whose lock was taken over leaves it to the new one", { timeout: 60_000 }, async (t) => {
  const lock = await lockIn(t);
  const failures: unknown[] = [];
  const onFailure = (error: unknown) => failures.push(error);
  process.on("uncaughtException", onFailure);
  t.after(() => process.off("uncaughtException", onFailure));
  await withLock(lock, atOnce, async () => {
    await rm(lock, { recursive: true });
    await beats(); // without a lock to touch
    await mkdir(lock); // the new holder's
    const { mtimeMs } = await stat(lock);
    await beats();
    assert.equal((await stat(lock)).mtimeMs, mtimeMs, "touched what is another's");
  });
  assert.deepEqual(failures, []);
  assert.deepEqual(await readdir(dirname(lock)), ["lock"]);
});

/** Resolves when another lock's holder has touched it: a heartbeat's time has passed. */
async function beats(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "k6-realtime-"));
  const lock = join(directory, "lock");
  await withLock(lock, atOnce, async () => {
    const { mtimeMs } = await stat(lock);
    while ((await stat(lock)).mtimeMs === mtimeMs) await nextTurn();
  });
  await rm(directory, { recursive: true });
}

test("waiting ends when it is asked to", async (t) => {
  const lock = await lockIn(t);
  const stop = new AbortController();
  await withLock(lock, atOnce, async () => {
    const options = { onWait: () => stop.abort(), signal: stop.signal };
    await assert.rejects(
      withLock(lock, options, async () => {}),
      { name: "AbortError" },
    );
  });
});
