import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Cleanup } from "./k6/run.ts";

/** A directory that is removed after the test. */
export async function temporaryDirectory(t: Cleanup): Promise<string> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), "k6-realtime-")));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
