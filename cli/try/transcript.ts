/** The events of a try as people read them. Pure. */
import type { Checked } from "../../lib/contract/checker.ts";
import { describeBreach, describeOwn } from "../../lib/contract/findings.ts";
import { counted } from "../../lib/counted.ts";
import { number } from "../../lib/summary/verdict.ts";
import type { FrameText, Meaning, TryEvent } from "./event.ts";
import { cut } from "./safe-text.ts";

/** Characters of a message that are shown. */
const SHOWN = 300;

/** The lines that report an event. Text from the server stands in them as it came: see `printable`. */
export function linesOf(event: TryEvent): string[] {
  const [first = "", ...more] = wordsOf(event);
  return [
    `${number(event.atMs).padStart(8)} ms  ${first}`,
    ...more.map((line) => `${" ".repeat(13)}${line}`),
  ];
}

function wordsOf(event: TryEvent): string[] {
  switch (event.event) {
    case "login-request":
      return [`→ ${event.method} ${event.url}`, `← ${event.status ?? "no answer"}`];
    case "logged-in":
      return [
        `= logged in, with ${event.variables.map((name) => `\${${name}}`).join(", ") || "no variables"}`,
      ];
    case "login-failed":
      return [`! ${event.detail} (${event.reason})`];
    case "connecting": {
      const { url, headers, subprotocols, proxy } = event;
      const withThese = headers.length > 0 ? `, with ${headers.join(", ")}` : "";
      const offer = subprotocols.length > 0 ? `, offering ${subprotocols.join(", ")}` : "";
      return [
        ...(proxy ? [`by the proxy ${proxy}`] : []),
        `→ ${event.eventStream ? "GET" : "upgrade"} ${url}${withThese}${offer}`,
      ];
    }
    case "connected":
      if (event.eventStream)
        return [`← 200${event.httpVersion === "2" ? " over HTTP/2" : ""}, an event stream`];
      return [
        `← ${event.httpVersion === "2" ? "200 over HTTP/2" : "101"}, ${event.subprotocol === null ? "no subprotocol" : `subprotocol ${event.subprotocol}`}`,
        ...(event.compression === undefined
          ? []
          : [`  compression: ${event.compression ?? "none, the server declined"}`]),
        ...(event.problem ? [`! ${event.problem}`] : []),
      ];
    case "refused":
      return [
        `← ${event.status} ${event.statusText}`,
        ...event.headers.map(([name, value]) => `  ${name}: ${cut(value, SHOWN)}`),
        ...(event.body === "" ? [] : [`  ${cut(event.body.trimEnd(), SHOWN)}`]),
      ];
    case "unconnected":
      return [`! ${event.detail} (${event.reason})`];
    case "sent":
      return [
        `→ ${shown(event)}`,
        `= ${event.probe === undefined ? event.purpose : `probe ${event.probe}`}`,
        ...(event.checked ? wordsOfChecked(event.checked, describeOwn) : []),
      ];
    case "received":
      return [
        `← ${shown(event)}`,
        ...meaningsOf(event.meaning, "expected, by a step or a heartbeat"),
        ...(event.checked ? wordsOfChecked(event.checked) : []),
      ];
    case "part":
      return [`← ${shown(event)}`, "= no whole message yet"];
    case "elapsed":
      return [`· ${event.meaning.map(wordsOfMeaning).join("; ")}`];
    case "ping":
      return [`← ping, ${counted(event.bytes, "byte")}; pong sent`];
    case "comment":
      return [`← comment${event.text === "" ? "" : `  ${cut(event.text, SHOWN)}`}`];
    case "retry":
      return [`← retry: ${event.retryMs} ms before a reconnection`];
    case "not-taken":
      return [`! the server did not take the ${event.purpose}: ${cut(event.detail, SHOWN)}`];
    case "ended":
      return [
        event.detail === undefined ? ENDS[event.by] : `! the stream ended: ${cut(event.detail, SHOWN)}`,
      ];
    case "violation":
      return [`! the server broke the WebSocket protocol: ${event.detail}`];
    case "limit":
      return [`! ${event.detail}`];
    case "closing":
      return [`→ Close ${event.code}`];
    case "closed":
      return [
        !event.answered
          ? `! the connection ended without ${event.by === "us" ? "an answer to our Close" : "a Close frame (1006)"}`
          : `← Close ${event.code ?? "without a code"}${event.reason === "" ? "" : ` "${event.reason}"`}`,
      ];
    case "close-unanswered":
      return [
        `! no answer to our Close within ${event.waitedMs} ms: stock k6 waits for one, long past its planned end`,
      ];
  }
}

const ENDS = {
  us: "→ end of the connection",
  server: "← end of the stream",
  network: "! the stream broke off before its end",
};

const shown = (frame: FrameText): string => {
  const size = `${counted(frame.bytes, "byte")}${frame.kind === "binary" ? " binary" : ""}`;
  return `${size}  ${"text" in frame ? cut(frame.text, SHOWN) : `hex ${cut(frame.hex, SHOWN)}`}`;
};

const meaningsOf = (meaning: readonly Meaning[], none: string): string[] =>
  (meaning.length > 0 ? meaning.map(wordsOfMeaning) : [none]).map((words) => `= ${words}`);

function wordsOfChecked({ kind, breaches }: Checked, describe = describeBreach): string[] {
  if (breaches.length === 0) return [`= contract: ${kind}`];
  return breaches.map((breach) => `! ${describe(kind, breach)}`);
}

function wordsOfMeaning(meaning: Meaning): string {
  switch (meaning.kind) {
    case "ready":
      return "session ready";
    case "session-failed":
      return `session failed at ${meaning.step} (${meaning.reason}): ${meaning.detail}`;
    case "captured":
      return `\${${meaning.name}} is ${cut(meaning.value, SHOWN)}`;
    case "reply":
      return `reply "${meaning.name}" to probe ${meaning.id}, RTT ${number(meaning.at - (meaning.sentAt ?? meaning.dueAt))} ms`;
    case "duplicate":
      return `reply "${meaning.name}" to probe ${meaning.id} once more: a duplicate`;
    case "late":
      return `reply "${meaning.name}" to probe ${meaning.id}, too late: ${number(meaning.at - meaning.dueAt)} ms`;
    case "timeout":
      return `reply "${meaning.name}" to probe ${meaning.id} did not come in time`;
    case "lost":
      return `reply "${meaning.name}" to probe ${meaning.id} had not come at the end`;
    case "delivery": {
      const { id, publisher, room, seq, sentAtMs } = meaning;
      const found = Object.entries({ id, publisher, room, seq, sentAtMs }).filter(
        ([, value]) => value !== undefined,
      );
      return `delivery${found.map(([name, value]) => ` ${name}=${value}`).join("")}`;
    }
    case "error":
      return `error "${cut(meaning.reason, SHOWN)}"${meaning.id === undefined ? ", which settles no probe" : ` settles probe ${meaning.id}`}`;
    case "invalid":
      return `breaks the protocol (${meaning.reason}): ${meaning.detail}`;
    case "unmatched":
      return "matches nothing in the descriptor: ignored";
  }
}
