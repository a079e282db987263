import { existsSync } from "node:fs";
import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import { buildK6, GoMissing } from "../tools/k6.mjs";
import { StepError } from "../tools/step.mjs";
import { type Context, EXIT, UserError } from "./command.ts";
import { findK6, type K6 } from "./find-k6.ts";
import { packageFile } from "./package-file.ts";

/** What `--help` says beyond the flags. */
export const SETUP_MANUAL = `WHAT IT DOES

  Builds k6 with the extension into bin/k6 of this package, where every command
  finds it, unless it is there and current. That needs Go 1.21 or newer, and
  takes a few minutes the first time. Without Go, a k6 2 or newer on the PATH
  runs the scenarios that need no extension.

EXIT CODE

  0  there is a k6 to run scenarios with, and the last line says where
  1  there is none, or it could not be built: the last line says what to install
`;

/** `k6-realtime setup`: a k6 to run scenarios with, and where it is. */
export const setup = ({ out, env, signal }: Context): CommandDef =>
  defineCommand({
    meta: { name: "setup", description: "Build or find the k6 that runs the scenarios" },
    args: {} as ArgsDef,
    async run(): Promise<number> {
      const say = (line: string) => out.write(`${line}\n`);
      if (!existsSync(packageFile("extension/go.mod")))
        say("The extension's sources are not in this package.");
      else {
        await buildK6(signal).catch((error: unknown) => {
          if (error instanceof GoMissing) return say(error.message);
          throw error instanceof StepError ? new UserError(error.message, EXIT.error) : error;
        });
      }
      say(describe(await findK6(env)));
      return EXIT.pass;
    },
  });

const describe = ({ command, version, extension }: K6): string =>
  extension
    ? `k6 ${version} with the extension: ${command}`
    : `k6 ${version} without the extension: ${command} on the PATH. It runs every scenario except the ones marked by k6-realtime list, and records nothing.`;
