import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { main } from "../../cli/main.ts";

/**
 * Runs a command line in this process to its end, without variables unless they are given. Standard error goes to `err`,
 * where a test wants to follow it.
 */
export async function runMain(
  argv: readonly string[],
  {
    cwd,
    env = {},
    signal = new AbortController().signal,
    err = new PassThrough(),
  }: { cwd: string; env?: NodeJS.ProcessEnv; signal?: AbortSignal; err?: PassThrough },
): Promise<{ code: number; out: string; err: string }> {
  const out = new PassThrough();
  const said = Promise.all([text(out), text(err)]);
  const code = await main(argv, { out, err, cwd, env, signal });
  out.end();
  err.end();
  const [stdout, stderr] = await said;
  return { code, out: stdout, err: stderr };
}
