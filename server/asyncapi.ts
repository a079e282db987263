/** A server that plays an AsyncAPI document: it takes what the document says it takes, and sends what it says it sends. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import {
  type AsyncApiDocument,
  type Channel,
  type Message,
  type Side,
  sidesOf,
} from "../lib/asyncapi/index.ts";
import { byAddress, channelsOf, subprotocolsOf } from "../lib/import/address.ts";
import { pairsOf, tieOf } from "../lib/import/exchanges.ts";
import { formsOf } from "../lib/import/fields.ts";
import { isPlainText, withValue } from "../lib/import/message.ts";
import { type Known, nearest } from "../lib/import/nearest.ts";
import { sampleOf, validatorOf } from "../lib/import/sample.ts";
import { means } from "../lib/import/words.ts";
import { parsePointer, resolvePointer } from "../lib/protocols/pointer.ts";

export interface PlayOptions {
  /** Whose operations the document tells. */
  readonly described: Side;
  /** TCP port; 0 takes a free one. */
  readonly port: number;
  readonly host: string;
  /** Time between two messages that nobody asked for, on each connection. */
  readonly intervalMs: number;
}

export interface Play {
  /** `ws://HOST:PORT` and the path that the document's server has. */
  readonly url: string;
  /** How many messages of each kind came; messages of no kind are `unknown`. */
  readonly received: ReadonlyMap<string, number>;
  readonly sent: ReadonlyMap<string, number>;
  /** Ends all connections with 1001, and stops listening. */
  close(): Promise<void>;
}

const MESSAGE_BYTES = 1024 * 1024;

/** Starts it. Rejects with what `listen` said. */
export async function playDocument(document: AsyncApiDocument, options: PlayOptions): Promise<Play> {
  const routes = await routesOf(document, options.described);
  const counts = { received: new Map<string, number>(), sent: new Map<string, number>() };
  const http = createServer((_, response) => response.writeHead(426).end());
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MESSAGE_BYTES,
    handleProtocols: (offered) =>
      routes.flatMap(({ subprotocols }) => subprotocols).find((name) => offered.has(name)) ?? false,
  });
  http.on("upgrade", (request, socket, head) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    const fitting = routes.filter(({ path }) => path.test(pathname));
    const missing = fitting.flatMap(({ query }) => query).find((name) => !searchParams.has(name));
    if (fitting.length === 0 || missing !== undefined) {
      const status = fitting.length === 0 ? "404 Not Found" : "400 Bad Request";
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    // The longest address is the one that was meant.
    const route = fitting.sort((a, b) => b.address.length - a.address.length)[0]!;
    sockets.handleUpgrade(request, socket, head, (ws) => new Player(ws, route, counts, options.intervalMs));
  });
  http.listen(options.port, options.host);
  await once(http, "listening");
  const { port } = http.address() as AddressInfo;
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  return {
    url: `ws://${host}:${port}${pathsOf(document)[0] ?? ""}`,
    ...counts,
    async close() {
      for (const ws of sockets.clients) ws.close(1001);
      http.close();
      setTimeout(() => http.closeAllConnections(), CLOSE_TIMEOUT_MS).unref();
      for (const ws of sockets.clients) setTimeout(() => ws.terminate(), CLOSE_TIMEOUT_MS).unref();
      await once(http, "close");
    },
  };
}

const CLOSE_TIMEOUT_MS = 1_000;

/** A message, as it is sent or recognised. */
interface Part extends Known {
  readonly message: Message;
  readonly sample: unknown;
}

/** What one address has. */
interface Route {
  readonly address: string;
  readonly path: RegExp;
  /** Parameters that the query must have. */
  readonly query: readonly string[];
  readonly subprotocols: readonly string[];
  readonly fromClient: readonly Part[];
  /** Sent unasked. */
  readonly unasked: readonly Part[];
  readonly replies: ReadonlyMap<Message, Part>;
  /** Sent to all who are there. */
  readonly published: ReadonlySet<Message>;
  readonly open: Set<Player>;
}

async function routesOf(document: AsyncApiDocument, described: Side): Promise<readonly Route[]> {
  const channels = channelsOf(document);
  const prefixes = pathsOf(document);
  const groups = byAddress(channels);
  // Who opens the server's own path has all channels over one connection.
  const all = groups.length > 1 ? [{ address: "", channels }] : [];
  const routes = [...groups.map((group) => ({ address: group[0]!.address ?? "", channels: group })), ...all];
  const partOf = partsOf();
  return await Promise.all(routes.map((route) => routeOf(document, described, route, { prefixes, partOf })));
}

/** Paths that the document's servers have. */
const pathsOf = ({ servers }: AsyncApiDocument): string[] => [
  ...new Set(servers.map(({ pathname }) => pathname)),
];

async function routeOf(
  document: AsyncApiDocument,
  described: Side,
  { address, channels }: { address: string; channels: readonly Channel[] },
  { prefixes, partOf }: { prefixes: readonly string[]; partOf: ReturnType<typeof partsOf> },
): Promise<Route> {
  const sides = sidesOf(document, described, channels);
  const pairs = pairsOf(sides).filter(({ askedBy }) => askedBy === "client");
  const replies = new Map<Message, Part>();
  for (const { request, replies: known } of pairs) replies.set(request, await partOf(known[0]!));
  const answers = new Set(pairs.flatMap((pair) => pair.replies.slice(0, 1)));
  const readable = (messages: readonly Message[]) =>
    messages.filter(({ unreadFormat }) => unreadFormat === undefined);
  const unasked = readable(sides.fromServer).filter(
    (message) =>
      !answers.has(message) && !sides.fromClient.includes(message) && !means(message.name, "error"),
  );
  return {
    address,
    path: new RegExp(`^(${["", ...prefixes].map(patternOf).join("|")})${patternOf(address)}/?$`),
    query: channels.flatMap(({ ws }) => requiredOf(ws.query)),
    subprotocols: subprotocolsOf(channels),
    fromClient: await Promise.all(readable(sides.fromClient).map(partOf)),
    unasked: await Promise.all(unasked.map(partOf)),
    replies,
    published: new Set(sides.fromClient.filter((message) => sides.fromServer.includes(message))),
    open: new Set(),
  };
}

/** Makes the parts of messages, each once. */
function partsOf(): (message: Message) => Promise<Part> {
  const known = new Map<Message, Promise<Part>>();
  const made = async (message: Message): Promise<Part> => ({
    message,
    validate: validatorOf(message.payload ?? true),
    sample: (await sampleOf(message))?.value ?? {},
    forms: formsOf(message.payload ?? true),
  });
  return (message) => {
    const part = known.get(message) ?? made(message);
    known.set(message, part);
    return part;
  };
}

/** A path with `{parameters}`, each of which stands for one segment. */
const patternOf = (path: string): string =>
  path
    .replace(/\/$/, "")
    .replace(/^(?=[^/])/, "/")
    .split(/\{[^{}]*\}/)
    .map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"))
    .join("[^/]+");

const requiredOf = (schema: unknown): string[] => {
  const { required } = (typeof schema === "object" && schema !== null ? schema : {}) as {
    required?: unknown;
  };
  return Array.isArray(required) ? required.filter((name) => typeof name === "string") : [];
};

type Counts = { readonly received: Map<string, number>; readonly sent: Map<string, number> };

/** One connection. */
class Player {
  readonly #ws: WebSocket;
  readonly #route: Route;
  readonly #counts: Counts;
  readonly #timer: NodeJS.Timeout | undefined;
  #next = 0;

  constructor(ws: WebSocket, route: Route, counts: Counts, intervalMs: number) {
    this.#ws = ws;
    this.#route = route;
    this.#counts = counts;
    route.open.add(this);
    ws.on("message", (data) => this.#take(data));
    ws.on("error", () => ws.terminate());
    ws.on("close", () => {
      clearInterval(this.#timer);
      route.open.delete(this);
    });
    const { unasked } = route;
    for (const part of unasked) this.send(part);
    if (unasked.length > 0) {
      this.#timer = setInterval(() => this.send(unasked[this.#next++ % unasked.length]!), intervalMs);
    }
  }

  send({ message, sample }: Part, value: unknown = sample): void {
    // A client that does not read has no claim to more.
    if (this.#ws.bufferedAmount > MESSAGE_BYTES) return;
    const text = isPlainText(message) && typeof value === "string" ? value : JSON.stringify(value);
    this.#ws.send(text);
    count(this.#counts.sent, message.name);
  }

  #take(data: RawData): void {
    const text = data.toString();
    const value = parsed(text);
    const part = nearest(this.#route.fromClient, ({ message }) => (isPlainText(message) ? text : value));
    if (!part) {
      count(this.#counts.received, "unknown");
      this.#ws.close(1008, "no message of the document");
      return;
    }
    count(this.#counts.received, part.message.name);
    const reply = this.#route.replies.get(part.message);
    if (reply?.message === part.message) this.send(part, isPlainText(part.message) ? text : value);
    else if (reply) this.send(reply, answerTo(part.message, value, reply));
    else if (this.#route.published.has(part.message))
      for (const player of this.#route.open) player.send(part, value);
  }
}

/** The reply with the request's identifier in it, where the two have one. */
function answerTo(request: Message, value: unknown, { message, sample }: Part): unknown {
  const tie = tieOf(request, message);
  if (!tie) return sample;
  const id = resolvePointer(value, parsePointer(tie.request) ?? []);
  return id === undefined ? sample : withValue(sample, parsePointer(tie.reply) ?? [], id);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const count = (counts: Map<string, number>, name: string): void => {
  counts.set(name, (counts.get(name) ?? 0) + 1);
};
