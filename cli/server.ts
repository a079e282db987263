import { once } from "node:events";
import { type CommandDef, defineCommand } from "citty";
import { DEFAULTS, readOptions, serverHelp } from "../server/command-line.ts";
import { startServer } from "../server/server.ts";
import { InvalidInput } from "../server/validation.ts";
import { EXIT, type Surroundings, UserError } from "./command.ts";

/** What `--help` says. */
export const SERVER_MANUAL = serverHelp("k6-realtime server");

/** `k6-realtime server`: the reference server, until it is interrupted. */
export const server = ({ out, env, signal }: Surroundings): CommandDef =>
  defineCommand({
    meta: { name: "server", description: "Start the reference server, to try scenarios on" },
    async run({ rawArgs }): Promise<number> {
      const server = await started(rawArgs, env);
      out.write(`listening on ${server.url}\n`);
      if (!signal.aborted) await once(signal, "abort");
      await server.close();
      return EXIT.pass;
    },
  });

async function started(args: string[], env: NodeJS.ProcessEnv) {
  try {
    return await startServer({ ...DEFAULTS, ...readOptions(args, env) });
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    throw new UserError(`server: ${error.message}`);
  }
}
