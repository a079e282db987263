import { once } from "node:events";
import { parseArgs } from "node:util";
import { describedBy, type Side } from "../../lib/asyncapi/index.ts";
import { parseDuration } from "../../lib/units.ts";
import { playDocument } from "../../server/asyncapi.ts";
import { readAsyncApi } from "../asyncapi-file.ts";
import { type Context, EXIT, strictly, UserError } from "../command.ts";
import { printable } from "../try/safe-text.ts";

const OPTIONS = {
  asyncapi: { type: "string" },
  describes: { type: "string" },
  interval: { type: "string" },
  root: { type: "string" },
  port: { type: "string" },
  host: { type: "string" },
} as const;

/** Plays an AsyncAPI document until it is interrupted, and says then what came and went. */
export async function play(
  args: readonly string[],
  { out, cwd, signal }: Pick<Context, "out" | "cwd" | "signal">,
): Promise<number> {
  const { values } = strictly("server", () => parseArgs({ args: [...args], options: OPTIONS }));
  const document = readAsyncApi(values.asyncapi!, {
    cwd,
    ...(values.root !== undefined && { root: values.root }),
  });
  const described = values.describes ?? describedBy(document).side;
  if (described !== "server" && described !== "client")
    throw new UserError(`--describes: expected server or client, got ${JSON.stringify(described)}`);
  const intervalMs = parseDuration(values.interval ?? "1s");
  if (!intervalMs)
    throw new UserError(`--interval: expected a duration above 0 such as 1s, got "${values.interval}"`);
  const port = Number(values.port ?? 8_080);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new UserError(`--port: expected a number from 0 to 65535, got "${values.port}"`);
  const host = values.host ?? "127.0.0.1";
  const server = await playDocument(document, { described: described as Side, port, host, intervalMs });
  out.write(
    `listening on ${server.url}, as the ${described === "server" ? "server" : "other side"} of ${printable(document.title || values.asyncapi!)}\n`,
  );
  if (!signal.aborted) await once(signal, "abort");
  await server.close();
  for (const [what, counts] of [
    ["received", server.received],
    ["sent", server.sent],
  ] as const) {
    const shown = [...counts].map(([name, count]) => `${name} ${count}`).join(", ");
    out.write(`${what}: ${printable(shown || "nothing")}\n`);
  }
  return EXIT.pass;
}
