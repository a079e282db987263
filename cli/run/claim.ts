/** The right of one run to leave a scenario's results in a directory. It lasts no longer than the process that has it. */
import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { UserError } from "../command.ts";

const HolderSchema = v.object({
  pid: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  /** Ticks from the machine's start to the process's; absent where the system does not say. */
  started: v.optional(v.string()),
});
type Holder = v.InferOutput<typeof HolderSchema>;

const HOLDER = "process.json";
/** More attempts than others can spoil by coming and going. */
const MOST_ATTEMPTS = 100;

/**
 * Claims the results of a scenario in a directory that exists. What a process left that was killed is taken over.
 *
 * @returns gives the claim up
 * @throws {@link UserError} if another run has it; the system's error if nothing can be written there
 */
export async function claim(directory: string, scenario: string): Promise<() => Promise<void>> {
  const path = join(directory, `.claim-${scenario}`);
  const own: Holder = { pid: process.pid, started: await startOf(process.pid) };
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    if (await put(path, own)) return () => rm(path, { recursive: true, force: true });
    const holder = await holderOf(path);
    if (holder && (await isRunning(holder))) throw taken(directory, scenario, path, `process ${holder.pid}`);
    if (holder) await putAside(path, holder);
  }
  throw taken(directory, scenario, path, "a process that cannot be told");
}

const taken = (directory: string, scenario: string, path: string, who: string): UserError =>
  new UserError(
    `results: expected a directory that no other run of ${scenario} writes to, got ${directory} (${who} does). ` +
      `Give this run its own (k6-realtime run --results), or wait for the other. If there is none, remove ${path}`,
  );

/** A directory that is not empty cannot be replaced, so whoever comes second fails, and nobody sees half a claim. */
async function put(path: string, holder: Holder): Promise<boolean> {
  const own = `${path}-${randomUUID()}`;
  await mkdir(own);
  try {
    await writeFile(join(own, HOLDER), JSON.stringify(holder));
    await rename(own, path);
    return true;
  } catch (error) {
    await rm(own, { recursive: true, force: true });
    if (TAKEN.includes((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
}

/** What systems call a directory in the way; EPERM is Windows's word. */
const TAKEN = ["ENOTEMPTY", "EEXIST", "EPERM"];

/** Removes the claim of a process that is gone, unless another run has done so and put its own there meanwhile. */
async function putAside(path: string, gone: Holder): Promise<void> {
  const aside = `${path}-${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const found = await holderOf(aside);
  if (found?.pid === gone.pid && found.started === gone.started) await rm(aside, { recursive: true });
  else await rename(aside, path);
}

/** Undefined where there is none, or none that can be told. */
async function holderOf(path: string): Promise<Holder | undefined> {
  try {
    return v.parse(HolderSchema, JSON.parse(await readFile(join(path, HOLDER), "utf8")));
  } catch {
    return undefined;
  }
}

async function isRunning({ pid, started }: Holder): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // another user's
  }
  const now = await startOf(pid);
  return started === undefined || now === undefined || now === started; // else the number was given anew
}

/** Field 22 of proc_pid_stat(5); the second, a name, may hold anything but ends with the last bracket. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}
