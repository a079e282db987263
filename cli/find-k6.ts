import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { OLDEST_GO_MINOR, OLDEST_K6 } from "../tools/oldest.mjs";
import { EXIT, UserError } from "./command.ts";
import { packageFile } from "./package-file.ts";

/** A k6 that can run the scenarios. */
export interface K6 {
  /** Path, or a name to be found on the PATH. */
  readonly command: string;
  /** As k6 says it: `v2.2.0`. */
  readonly version: string;
  /** Whether it was built with this project's extension. */
  readonly extension: boolean;
}

/**
 * The k6 to run: the one built with the extension (`bin/k6`), else one on the PATH.
 *
 * @throws {@link UserError} saying what to install, when there is neither or the one on the PATH is too old.
 */
export async function findK6(env: NodeJS.ProcessEnv, built = packageFile("bin/k6")): Promise<K6> {
  const command = existsSync(built) ? built : "k6";
  const said = await version(command, env);
  const found = said && parseVersion(said);
  if (found && found.major >= OLDEST_K6) {
    return { command, version: found.version, extension: said.includes("k6/x/realtime") };
  }
  const problem = found ? `k6 ${found.version} on the PATH is too old` : "no k6 found";
  throw new UserError(
    `${problem}. Install k6 ${OLDEST_K6} or newer (https://grafana.com/docs/k6/latest/set-up/install-k6), or build it: ` +
      `npx k6-realtime setup does, with Go 1.${OLDEST_GO_MINOR} or newer (https://go.dev/dl).`,
    EXIT.error,
  );
}

/** What `k6 version` prints; undefined when there is no such program, or it fails. */
async function version(command: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    return (await promisify(execFile)(command, ["version"], { env })).stdout;
  } catch {
    return undefined;
  }
}

function parseVersion(said: string): { version: string; major: number } | undefined {
  const [, found, major] = said.match(/^\S+ (v(\d+)\.\d+\.\d+\S*)/) ?? [];
  return found === undefined ? undefined : { version: found, major: Number(major) };
}
