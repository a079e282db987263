import { resolve } from "node:path";
import { defineCommand } from "citty";
import { SETTINGS } from "../lib/settings.ts";
import { startServer } from "../server/server.ts";
import type { Context } from "./command.ts";
import { findK6 } from "./find-k6.ts";
import { terminalScreen } from "./live/displays.ts";
import { closingLines } from "./run/closing-lines.ts";
import { bundleFor, findScript } from "./run/script.ts";
import { runK6 } from "./run-k6.ts";

/** The chat soak in its short form: every part of it happens, in under a minute. */
const SHORT_FORM = {
  CONNECTIONS: "20",
  RAMP: "5s",
  DURATION: "25s",
  RAMP_DOWN: "5s",
  PROBE_INTERVAL: "1s",
  SESSION: "10s",
};

/** What k6 itself may need. A CONNECTIONS or K6_VUS left in the user's shell changes nothing. */
const ENVIRONMENT = ["PATH", "HOME", "TMPDIR", "TERM", "NO_COLOR", "PWD"];

/** What `--help` says beyond the flags. */
export const DEMO_MANUAL = `WHAT IT DOES

  Starts the reference server on a free port of 127.0.0.1 and runs the chat soak
  against it: ${SHORT_FORM.CONNECTIONS} connections, opened in ${SHORT_FORM.RAMP}, held ${SHORT_FORM.DURATION}, closed in ${SHORT_FORM.RAMP_DOWN}. The
  directory results holds its files: open results/chat-soak.report.html.

EXIT CODE

  As of k6-realtime run.
`;

/** `k6-realtime demo`: the chat soak against the reference server. */
export const demo = ({ out, cwd, env, signal }: Context) =>
  defineCommand({
    meta: { name: "demo", description: "Run the chat soak, in its short form, against the reference server" },
    async run(): Promise<number> {
      const say = (line: string) => out.write(`${line}\n`);
      const k6 = await findK6(env);
      say(`Using k6 ${k6.version} (${k6.command}), ${k6.extension ? "with" : "without"} the extension`);
      const server = await startServer();
      try {
        say(`Started the reference server on ${server.url}`);
        const { CONNECTIONS, RAMP, DURATION, RAMP_DOWN } = SHORT_FORM;
        say(
          `Running the chat soak: ${CONNECTIONS} connections, opened in ${RAMP}, held ${DURATION}, closed in ${RAMP_DOWN}`,
        );
        const result = await runK6({
          k6,
          script: bundleFor(await findScript("chat-soak", cwd), k6),
          settings: {
            ...SHORT_FORM,
            WS_URL: `${server.url}/ws/chat`,
            WS_TOKEN: SETTINGS.WS_TOKEN.default,
          },
          resultsDir: resolve(cwd, "results"),
          args: ["--quiet"],
          env: Object.fromEntries(ENVIRONMENT.map((name) => [name, env[name]])),
          signal,
          ...("isTTY" in out && out.isTTY === true
            ? { screen: terminalScreen(out as NodeJS.WriteStream) }
            : { say }),
        });
        for (const line of closingLines(result, cwd)) say(line);
        return result.exitCode;
      } finally {
        await server.close();
      }
    },
  });
