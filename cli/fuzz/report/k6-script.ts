/** A finding as a k6 script of its own, where its messages can be sent by k6's sockets. Pure. */
import type { Finding } from "../../../lib/fuzz/finding.ts";
import { STANDS_FOR } from "../../../lib/fuzz/sequence.ts";
import type { Protocol } from "../../../lib/protocols/index.ts";
import { numberValue, parseTemplate, stringValue } from "../../../lib/protocols/template.ts";

/** Why there is no script; undefined where there is one. */
export function unscriptable({ sequence }: Finding, protocol: Protocol): string | undefined {
  if (
    protocol.inCode ||
    protocol.descriptor.codec !== undefined ||
    protocol.descriptor.framing !== undefined
  ) {
    return "its messages need the protocol's codec";
  }
  if (
    sequence.steps.some(
      ({ frames, cut, close }) =>
        frames || cut || (close && !(close.code === 1000 || (close.code ?? 0) >= 3000)),
    )
  ) {
    return "k6's sockets write no such frames";
  }
  if (sequence.connections.some(({ subprotocols, variables }) => subprotocols ?? variables))
    return "its handshake is not one of k6's own";
  return undefined;
}

/** The script: the session, the messages, and a probe on every connection and on one beside them. */
export function k6Script(finding: Finding, protocol: Protocol): string {
  const { descriptor } = protocol;
  const session = (descriptor.session ?? []).flatMap(({ send }) =>
    send === undefined ? [] : [filled(send, "session")],
  );
  const probe = descriptor.probe && filled(descriptor.probe.send, "probe");
  const steps = finding.sequence.steps.map((step) => ({
    on: step.on,
    ...(step.valid
      ? {
          text: filled(
            (step.valid.kind === "probe" ? descriptor.probe : descriptor.publish)!.send,
            "step",
            step.valid.payload,
          ),
        }
      : {}),
    ...(step.text !== undefined && { text: step.text + (step.coded ? (descriptor.delimiter ?? "") : "") }),
    ...(step.hex !== undefined && { hex: step.hex }),
    ...(step.close && { close: step.close.code ?? 1000 }),
  }));
  return `// ${oneLine(finding.title)}
// Expected: ${oneLine(finding.expected)}
// Received: ${oneLine(finding.received)}
//
// k6 run -e WS_URL=${oneLine(finding.url)} [-e WS_TOKEN=…] this-file.js exits with 99 where it happens again.
import { check } from "k6";
import { WebSocket } from "k6/websockets";

const URL = __ENV.WS_URL || ${JSON.stringify(finding.url)};
const SESSION = ${JSON.stringify(session)};
const PROBE = ${JSON.stringify(probe ?? null)};
const STARTS = ${JSON.stringify(finding.sequence.connections.map(({ start }) => start))};
const STEPS = ${JSON.stringify(steps, null, 2)};
const SUBPROTOCOLS = ${JSON.stringify(descriptor.subprotocols ?? [])};
const TOKEN = __ENV.WS_TOKEN || "";
const PAUSE_MS = 200;
const WAIT_MS = 2000;

export const options = { thresholds: { checks: ["rate==1"] } };

export default function () {
  const room = "fuzz-" + Date.now();
  const all = STARTS.map((start, i) => connect("user-" + i, room, start === "ready"));
  const beside = connect("user-beside", room, true);
  const fill = (text, one) =>
    text
      .replaceAll(${JSON.stringify(STANDS_FOR.room)}, room)
      .replaceAll(${JSON.stringify(STANDS_FOR.user)}, one.user)
      .replaceAll(${JSON.stringify(STANDS_FOR.neighbour)}, beside.user)
      .replaceAll(${JSON.stringify(STANDS_FOR.token)}, TOKEN);

  const begin = PAUSE_MS * (SESSION.length + 2);
  for (const one of [...all, beside]) {
    if (one.hasSession) SESSION.forEach((text, i) => setTimeout(() => send(one, fill(text, one)), PAUSE_MS * (i + 1)));
  }
  STEPS.forEach((step, i) =>
    setTimeout(() => {
      const one = all[step.on];
      if (one.ended) return;
      if (step.close !== undefined) { one.leaves = true; one.socket.close(step.close); }
      else if (step.hex !== undefined) one.socket.send(bytes(step.hex).buffer);
      else send(one, fill(step.text, one));
    }, begin + PAUSE_MS * i),
  );
  const end = begin + PAUSE_MS * (STEPS.length + 1);
  setTimeout(() => {
    for (const one of [...all, beside]) {
      one.before = one.received;
      if (PROBE && one.hasSession) send(one, fill(PROBE, one));
    }
  }, end);
  setTimeout(() => {
    for (const one of [...all, beside]) {
      const isBeside = one === beside;
      const name = isBeside ? "the connection beside" : "connection " + (all.indexOf(one) + 1);
      check(one, {
        [name + " was not ended by a fault of the server's"]: ({ ended, leaves }) =>
          ended === null || leaves || (!isBeside && ![1006, 1011, 1012, 1013, 1014].includes(ended)),
        ...(PROBE && one.hasSession && { [name + " is answered"]: ({ ended, received, before }) => ended !== null || received > before }),
      });
      one.leaves = true;
      if (one.ended === null) one.socket.close(1000);
    }
  }, end + WAIT_MS);
}

function connect(user, room, hasSession) {
  const headers = TOKEN ? { Authorization: "Bearer " + TOKEN } : {};
  const one = { user, hasSession, ended: null, leaves: false, received: 0, before: 0 };
  const url = (URL + ${JSON.stringify(descriptor.path ?? "")}).replace("\${room}", encodeURIComponent(room)).replace("\${user}", encodeURIComponent(user));
  one.socket = new WebSocket(url, SUBPROTOCOLS, { headers });
  one.socket.addEventListener("message", () => { one.received++; });
  one.socket.addEventListener("close", (event) => { if (one.ended === null) one.ended = event.code || 1006; });
  one.socket.addEventListener("error", () => {});
  return one;
}

function send(one, text) {
  if (one.ended === null) one.socket.send(text);
}

const bytes = (hex) => Uint8Array.from(hex.match(/../g) || [], (pair) => parseInt(pair, 16));
`;
}

const oneLine = (text: string): string => text.replace(/[^\x20-\x7e]+/g, " ").slice(0, 200);

/** A template with what stands for each variable in its place. */
function filled(send: string, what: string, payload = "x"): string {
  return parseTemplate(send).expand((name) => {
    if (name === "room" || name === "user" || name === "token") return stringValue(STANDS_FOR[name]);
    if (name === "payload") return stringValue(payload);
    if (["seq", "vu", "connection", "lastSeq"].includes(name)) return numberValue("1");
    if (name === "nowMs") return numberValue("1900000000000");
    return name === "id" ? { text: `1${what.length}`, json: JSON.stringify(`fz-${what}`) } : stringValue("");
  });
}
