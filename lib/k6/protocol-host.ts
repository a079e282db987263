/**
 * Runs a protocol in code for `k6-realtime try`, which is a program of Node.js and has none of k6's modules. It asks
 * `try` for the next call on the protocol, makes the call, and answers with the result (cli/try/in-k6.ts).
 */
import http from "k6/http";
import type { Options } from "k6/options";
import type { ConnectionInit, Conversation, Publication } from "../protocols/index.ts";
import { type Call, type HostFacts, revive, shorten } from "../protocols/remote.ts";
import type { Ms } from "../units.ts";
import { protocolFor } from "./protocol.ts";

const protocol = protocolFor(
  { PROTOCOL: "chat", PROTOCOL_FILE: __ENV.PROTOCOL_FILE! },
  JSON.parse(__ENV.PROTOCOL_COLUMNS ?? "[]"),
);

export const options: Options = {
  scenarios: { host: { executor: "per-vu-iterations", vus: 1, iterations: 1, maxDuration: "24h" } },
};

let conversation: Conversation;

/** What each call does. */
const DO: { readonly [K in Call["method"]]: (...args: never[]) => unknown } = {
  computePath: (variables: Record<string, string>) => protocol.computePath?.(variables) ?? "",
  connection: (init: ConnectionInit) => {
    conversation = protocol.connection(init);
  },
  open: (at: Ms) => conversation.open(at),
  receiveEach: (frame: string | Uint8Array, at: Ms) => [...conversation.receiveEach(frame, at)],
  probe: (id: string, dueAt: Ms, payload: string) => conversation.probe(id, dueAt, payload),
  sent: (id: string, at: Ms) => conversation.sent(id, at),
  publish: (publication: Publication, at: Ms) => conversation.publish(publication, at),
  due: (at: Ms) => conversation.due(at),
  drop: (at: Ms) => conversation.drop(at),
};

function answerTo({ method, args }: Call): string {
  const state = () => ({
    ready: conversation?.ready ?? false,
    awaiting: conversation?.awaiting,
    nextDue: conversation?.nextDue(),
  });
  try {
    const result = DO[method](...(args as never[]));
    return JSON.stringify({ result, state: state() }, shorten);
  } catch (error) {
    return JSON.stringify({ error: String((error as Error).message ?? error), state: state() });
  }
}

export default function () {
  const { name, subprotocols, descriptor, variables, replies, numericIds } = protocol;
  const facts: HostFacts = {
    ...{ name, subprotocols, descriptor, variables, replies, numericIds },
    hasPath: protocol.computePath !== undefined,
  };
  const ask = (body: string) =>
    http.post(__ENV.PROTOCOL_HOST_URL!, body, { timeout: "24h", responseType: "text" }).body as string;
  for (let text = ask(JSON.stringify(facts)); text; ) text = ask(answerTo(JSON.parse(text, revive)));
}
