import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { main } from "../../cli/main.ts";

/** Runs a command line in this process to its end, without variables unless they are given. */
export async function runMain(
  argv: readonly string[],
  {
    cwd,
    env = {},
    signal = new AbortController().signal,
  }: { cwd: string; env?: NodeJS.ProcessEnv; signal?: AbortSignal },
): Promise<{ code: number; out: string; err: string }> {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const said = Promise.all([text(out), text(err)]);
  const code = await main(argv, { out, err, cwd, env, signal });
  out.end();
  err.end();
  const [stdout, stderr] = await said;
  return { code, out: stdout, err: stderr };
}
