import { once } from "node:events";
import { type CommandDef, defineCommand } from "citty";
import { DEFAULTS, readOptions, serverHelp } from "../server/command-line.ts";
import { startServer } from "../server/server.ts";
import { InvalidInput } from "../server/validation.ts";
import { type Context, EXIT, UserError } from "./command.ts";
import { play } from "./server/play.ts";

/** What `--help` says. */
export const SERVER_MANUAL = `${serverHelp("k6-realtime server")}
With --asyncapi FILE it plays that AsyncAPI document instead: it accepts and sends
the messages that the document gives to this side.

  --asyncapi FILE         the document, 2.x or 3.x
  --describes SIDE        whose operations it describes: server or client (by its title)
  --interval DURATION     time between two messages that nobody asked for (1s)
  --root DIR              a folder above the document, in which it may refer to files
  --port, --host          as above
`;

/** `k6-realtime server`: the reference server, until it is interrupted. */
export const server = ({ out, cwd, env, signal }: Context): CommandDef =>
  defineCommand({
    meta: { name: "server", description: "Start the reference server, to try scenarios on" },
    async run({ rawArgs }): Promise<number> {
      const playing = rawArgs.some((arg) => /^--asyncapi(=|$)/.test(arg));
      if (playing) return await play(rawArgs, { out, cwd, signal });
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
