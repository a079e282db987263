/** Who sends what, whichever side a document describes. */
import type { AsyncApiDocument, Channel, Message } from "./model.ts";

/** The side that the document's operations are told from. A document does not say which it is. */
export type Side = "server" | "client";

export interface Sides {
  readonly fromServer: readonly Message[];
  readonly fromClient: readonly Message[];
  /** Of the channels, but of no operation. */
  readonly unused: readonly Message[];
  readonly exchanges: readonly Exchange[];
}

/** Messages that the other side answers. */
export interface Exchange {
  /** The operation's name. */
  readonly name: string;
  readonly askedBy: Side;
  readonly requests: readonly Message[];
  /** Empty where the document says only that there is an answer. */
  readonly replies: readonly Message[];
}

/** @param channels those to look at. Default: all. */
export function sidesOf(
  document: AsyncApiDocument,
  described: Side,
  channels: readonly Channel[] = document.channels,
): Sides {
  const other = described === "server" ? "client" : "server";
  const sent = { server: new Set<Message>(), client: new Set<Message>() };
  const exchanges: Exchange[] = [];
  for (const { name, action, channel, messages, reply } of document.operations) {
    if (!channels.some((one) => one.name === channel)) continue;
    const askedBy = action === "send" ? described : other;
    for (const message of messages) sent[askedBy].add(message);
    if (!reply) continue;
    for (const message of reply) sent[askedBy === "server" ? "client" : "server"].add(message);
    exchanges.push({ name, askedBy, requests: messages, replies: reply });
  }
  const all = channels.flatMap(({ messages }) => messages);
  return {
    fromServer: [...sent.server],
    fromClient: [...sent.client],
    unused: [...new Set(all)].filter((message) => !sent.server.has(message) && !sent.client.has(message)),
    exchanges,
  };
}

/** The side that a document most likely describes, and why. */
export function describedBy(document: AsyncApiDocument): { readonly side: Side; readonly why: string } {
  const { title, servers } = document;
  if (servers.some(({ isRemote }) => isRemote)) {
    return { side: "client", why: "x-remoteServers names servers that it connects to" };
  }
  if (/\b(client|consumer|frontend|bot)\b/i.test(title)) {
    return { side: "client", why: `its title is ${JSON.stringify(title)}` };
  }
  const { fromServer, fromClient } = sidesOf(document, "server");
  const count = (messages: readonly Message[], pattern: RegExp) =>
    messages.filter(({ name }) => pattern.test(name)).length;
  const asServer = count(fromClient, REQUEST) + count(fromServer, RESPONSE);
  const asClient = count(fromServer, REQUEST) + count(fromClient, RESPONSE);
  if (asClient > asServer) {
    return { side: "client", why: "its messages called requests go to the clients otherwise" };
  }
  return { side: "server", why: "most documents do, and nothing in it says otherwise" };
}

const REQUEST = /request/i;
const RESPONSE = /respon[sd]|reply/i;
