/** A proxy of HTTP before a server of event streams. */
import { createServer, type IncomingMessage, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { Cleanup } from "../k6/run.ts";

interface StreamProxy {
  /** Called with each request; its answer waits for the promise. */
  readonly hold?: (request: IncomingMessage, body: string) => Promise<unknown> | undefined;
  /** Whether a request is answered with 429 in the server's place. Default: none is. */
  readonly refuse?: (request: IncomingMessage) => boolean;
  /** Passes a body on in portions of so many bytes; the last one may be smaller. Default: as it comes. */
  readonly bufferBytes?: number;
}

/** Starts a proxy before `target`, and gives the origin to ask instead. */
export async function startStreamProxy(
  t: Cleanup,
  target: string,
  { hold, refuse, bufferBytes = 0 }: StreamProxy,
): Promise<string> {
  const server = createServer(async (asked, answer) => {
    const body = await text(asked);
    await hold?.(asked, body);
    if (refuse?.(asked)) {
      answer.writeHead(429).end();
      return;
    }
    const { method, headers } = asked;
    const passedOn = send(target + asked.url, { method, headers, agent: false }, (answered) => {
      answer.writeHead(answered.statusCode!, answered.headers).flushHeaders();
      let kept: Buffer = Buffer.alloc(0);
      answered.on("data", (bytes: Buffer) => {
        kept = Buffer.concat([kept, bytes]);
        if (kept.length < bufferBytes) return;
        answer.write(kept);
        kept = Buffer.alloc(0);
      });
      answered.on("end", () => answer.end(kept));
      answered.on("error", () => answer.destroy());
    });
    passedOn.on("error", () => answer.destroy());
    answer.on("close", () => passedOn.destroy());
    passedOn.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close().closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
