/** Runs `k6-realtime fuzz` in this process. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { main } from "../../cli/main.ts";
import type { FuzzResult } from "../../lib/fuzz/result.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { ACME, ACME_CONTRACT } from "./faulty-server.ts";

/** A directory with the descriptor of the faulty server in it. */
export async function fuzzDirectory(t: Parameters<typeof temporaryDirectory>[0]): Promise<string> {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, "acme.json"), JSON.stringify(ACME));
  await writeFile(join(directory, "contract.json"), JSON.stringify(ACME_CONTRACT));
  return directory;
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** @param onError sees what is written to standard error, and may end it */
export async function runFuzz(
  cwd: string,
  args: readonly string[],
  onError?: (chunk: string, stop: AbortController) => void,
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const stop = new AbortController();
  if (onError) err.on("data", (chunk) => onError(String(chunk), stop));
  const said = onError ? Promise.resolve("") : text(err);
  const printed = text(out);
  const code = await main(["fuzz", ...args], { out, err, cwd, env, signal: stop.signal });
  out.end();
  err.end();
  return { code, out: await printed, err: await said };
}

/** Runs it with `--json`. */
export async function fuzzJson(
  cwd: string,
  args: readonly string[],
): Promise<{ code: number; result: FuzzResult & { files: string[] }; err: string }> {
  const { code, out, err } = await runFuzz(cwd, [...args, "--json"]);
  return { code, result: JSON.parse(out), err };
}
