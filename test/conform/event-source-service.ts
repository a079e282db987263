import type { IncomingMessage, RequestListener } from "node:http";
import { EventSource } from "eventsource";

/**
 * The service by which a client of event streams is tested: `POST /` opens a stream, and what that says is called back.
 * The client is the `eventsource` of npm.
 */
export function eventSourceService(): RequestListener {
  const streams = new Map<string, { source: EventSource; tell(event: MessageEvent): void }>();
  let opened = 0;
  return async (request, response) => {
    const id = request.url!.slice(1);
    if (request.method === "GET") {
      response.end(
        JSON.stringify({ name: "eventsource", capabilities: ["event-type-listeners", "headers"] }),
      );
    } else if (request.method === "DELETE") {
      streams.get(id)?.source.close();
      streams.delete(id);
      response.end();
    } else if (id !== "") {
      const { listen } = await bodyOf(request);
      const { source, tell } = streams.get(id)!;
      source.addEventListener(listen.type, tell);
      response.end();
    } else {
      const stream = open(await bodyOf(request));
      const key = String(++opened);
      streams.set(key, stream);
      response.writeHead(201, { location: `/${key}` }).end();
    }
  };
}

interface Told {
  readonly streamUrl: string;
  readonly callbackUrl: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function open({ streamUrl, callbackUrl, headers }: Told) {
  let said = 0;
  let last: Promise<unknown> = Promise.resolve();
  const say = (message: object): void => {
    const at = `${callbackUrl}/${++said}`;
    last = last.then(() => fetch(at, { method: "POST", body: JSON.stringify(message) })).catch(() => {});
  };
  const tell = ({ type, data, lastEventId }: MessageEvent): void =>
    say({ kind: "event", event: { type, data, id: lastEventId } });
  const source = new EventSource(streamUrl, {
    fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, ...headers } }),
  });
  source.addEventListener("message", tell);
  source.addEventListener("error", ({ message }) => say({ kind: "error", comment: String(message) }));
  return { source, tell };
}

// biome-ignore lint/suspicious/noExplicitAny: whatever the test sends
async function bodyOf(request: IncomingMessage): Promise<any> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return JSON.parse(text);
}
