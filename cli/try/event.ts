import type { Checked } from "../../lib/contract/checker.ts";
import type { Effect, Frame, Purpose } from "../../lib/protocols/index.ts";
import type { ConnectReason, LoginReason } from "../../lib/reasons.ts";
import type { Ms } from "../../lib/units.ts";

/** What happened on the connection that is tried. JSON as it stands: `--json` prints these. */
export type TryEvent = {
  readonly atMs: Ms;
} /** A request of the login before it, and the status that answered; null where none did. */ & (
  | {
      readonly event: "login-request";
      readonly method: string;
      readonly url: string;
      readonly status: number | null;
    }
  /** The variables that the login gave, by name: values may be secrets. */
  | { readonly event: "logged-in"; readonly variables: readonly string[] }
  | { readonly event: "login-failed"; readonly reason: LoginReason; readonly detail: string }
  | {
      readonly event: "connecting";
      readonly url: string;
      /** Names only: values may be secrets. */
      readonly headers: readonly string[];
      readonly subprotocols: readonly string[];
      /** The proxy that it goes by, without credentials, and the variable that names it. */
      readonly proxy?: string;
      /** Present where an event stream is asked for. */
      readonly eventStream?: true;
    }
  | {
      readonly event: "connected";
      readonly subprotocol: string | null;
      readonly headers: HeaderLines;
      /** The agreed compression, null for none; absent if none was offered. */
      readonly compression?: string | null;
      readonly eventStream?: true;
      /** The version of HTTP, where it is not 1.1. */
      readonly httpVersion?: "2";
      /** How the answer breaks RFC 6455, if k6 takes it nevertheless. */
      readonly problem?: string;
    }
  /** An HTTP answer other than 101. */
  | {
      readonly event: "refused";
      readonly status: number;
      readonly statusText: string;
      readonly headers: HeaderLines;
      readonly body: string;
    }
  /** No HTTP answer, or one that is not a WebSocket handshake. */
  | { readonly event: "unconnected"; readonly reason: ConnectReason; readonly detail: string }
  | ({
      readonly event: "sent";
      readonly purpose: Purpose;
      readonly probe?: string;
      /** Its kind, and how it breaks the contract, where the contract describes messages of the client. */
      readonly checked?: Checked;
    } & FrameText)
  | ({
      readonly event: "received";
      readonly meaning: readonly Meaning[];
      /** Its kind, and how it breaks the contract, where there is one. */
      readonly checked?: Checked;
    } & FrameText)
  /** A message of WebSocket without a whole one of the protocol in it. */
  | ({ readonly event: "part" } & FrameText)
  /** What time alone brought about. */
  | { readonly event: "elapsed"; readonly meaning: readonly Meaning[] }
  | { readonly event: "ping"; readonly bytes: number }
  /** Of an event stream: a comment, and how long the server asks to wait before a reconnection. */
  | { readonly event: "comment"; readonly text: string }
  | { readonly event: "retry"; readonly retryMs: number }
  /** A message beside an event stream that the server did not take. */
  | { readonly event: "not-taken"; readonly purpose: Purpose; readonly detail: string }
  /** The end of an event stream. `network`: it broke off before the response was complete. */
  | {
      readonly event: "ended";
      readonly by: "us" | "server" | "network";
      /** The words of HTTP/2 for an irregular end. */
      readonly detail?: string;
    }
  /** The peer broke the WebSocket protocol. */
  | { readonly event: "violation"; readonly detail: string }
  /** A message was larger than what this side takes, which ended the connection. */
  | { readonly event: "limit"; readonly detail: string }
  /** `awaiting` is the step of the session whose message had not come. */
  | { readonly event: "closing"; readonly code: number; readonly awaiting?: string }
  | {
      readonly event: "closed";
      readonly by: "server" | "us" | "network";
      readonly code: number | null;
      readonly reason: string;
      /** Whether the peer sent a Close frame. */
      readonly answered: boolean;
    }
  | { readonly event: "close-unanswered"; readonly waitedMs: Ms }
);

/** An event before it has its time. */
export type Untimed = TryEvent extends infer E ? (E extends TryEvent ? Omit<E, "atMs"> : never) : never;

/** The meaning that a message was taken to have. */
export type Meaning = Exclude<Effect, { readonly kind: "send" }>;

export type HeaderLines = readonly (readonly [name: string, value: string])[];

/** A message: text where its bytes are UTF-8, otherwise the first of its bytes in hexadecimal digits. */
export type FrameText = { readonly kind: "text" | "binary"; readonly bytes: number } & (
  | { readonly text: string }
  | { readonly hex: string }
);

/** Bytes of a binary message that are shown. */
const SHOWN_BYTES = 4_096;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** @param coded how many bytes it is where a codec made, or will make, the text of them */
export function frameText(frame: Frame, coded?: number): FrameText {
  if (typeof frame === "string") {
    if (coded !== undefined) return { kind: "binary", bytes: coded, text: frame };
    return { kind: "text", bytes: Buffer.byteLength(frame), text: frame };
  }
  const binary = { kind: "binary", bytes: frame.length } as const;
  try {
    return { ...binary, text: utf8.decode(frame) };
  } catch {
    return { ...binary, hex: Buffer.from(frame.subarray(0, SHOWN_BYTES)).toString("hex") };
  }
}
