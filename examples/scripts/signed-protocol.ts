// A protocol in code: each message is signed with an HMAC over a number that its sender counts up.
//   k6 run -e WS_URL=ws://… -e PROTOCOL_FILE=signed-protocol.ts -e SIGNING_KEY=… chat-soak.js
import crypto from "k6/crypto";
import type { Message, ProtocolInCode } from "k6-realtime/protocols";

/** What one connection remembers. */
interface Memory {
  sent: number;
  received: number;
  seen?: string | undefined;
  body?: { op: string; [field: string]: string | number } | undefined;
}

const mac = (n: number, body: string): string =>
  crypto.hmac("sha256", __ENV.SIGNING_KEY ?? "", `${n}.${body}`, "hex");

/** Counts when it is called, which is when the message is sent. */
function signed(memory: Memory, content: object): string {
  const n = ++memory.sent;
  const body = JSON.stringify(content);
  return JSON.stringify({ n, body, mac: mac(n, body) });
}

/** What the message says, if the server signed it. Several rules ask of each message: it is verified once. */
function said({ text, json }: Message, memory: Memory): NonNullable<Memory["body"]> | undefined {
  if (text === memory.seen) return memory.body;
  memory.seen = text;
  memory.body = undefined;
  if (json?.n !== memory.received + 1 || json.mac !== mac(json.n, json.body)) return undefined;
  memory.received++;
  memory.body = JSON.parse(json.body);
  return memory.body;
}

const is = (op: string) => (message: Message, memory: Memory) => said(message, memory)?.op === op;
const field = (name: string) => (message: Message, memory: Memory) => said(message, memory)?.[name];

export default {
  name: "signed",
  state: () => ({ sent: 0, received: 0 }),
  session: [
    {
      send: ({ room, lastSeq }, memory) => signed(memory, { op: "join", room, resumes: lastSeq !== "" }),
      await: is("joined"),
    },
  ],
  probe: { send: ({ id, payload }, memory) => signed(memory, { op: "ask", id, payload }) },
  reply: [{ name: "answer", match: "id", where: is("answer"), id: field("id") }],
  publish: { send: ({ id, payload }, memory) => signed(memory, { op: "say", id, payload }) },
  delivery: { where: is("said"), id: field("id"), seq: field("number") },
  resume: {
    send: ({ lastSeq }, memory) => signed(memory, { op: "resume", after: Number(lastSeq) }),
    await: is("resumed"),
  },
  error: { where: is("error"), reason: field("reason") },
  unmatched: "error",
} satisfies ProtocolInCode<Memory>;
