import { spawn } from "node:child_process";
import { once } from "node:events";
import { type Context, EXIT, UserError } from "./command.ts";
import { findK6 } from "./find-k6.ts";

/**
 * Runs `k6 x …` with the arguments given, to which its output and exit code belong.
 *
 * @param what The feature that a k6 without the extension lacks, for the error.
 * @throws {@link UserError} if k6 has no extension
 */
export async function passOn(
  args: readonly string[],
  what: string,
  { out, err, cwd, env, signal }: Context,
): Promise<number> {
  const { command, extension } = await findK6(env);
  if (!extension) {
    throw new UserError(
      `${command} has no ${what}: npx k6-realtime setup builds one that has it`,
      EXIT.error,
    );
  }
  const child = spawn(command, ["x", ...args], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.on("data", (chunk) => out.write(chunk));
  child.stderr.on("data", (chunk) => err.write(chunk));
  const onAbort = () => child.kill("SIGINT");
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    if (signal.aborted) onAbort();
    const [exitCode] = await once(child, "close");
    // A usage error of k6's is -1, which the system shows as 255.
    return exitCode === 255 ? EXIT.usage : (exitCode ?? EXIT.error);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
