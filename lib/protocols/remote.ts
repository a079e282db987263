/** How a protocol is driven from another process, call by call, in JSON. */
import type { Protocol } from "./protocol.ts";

/** One call on the protocol, or on its conversation. */
export interface Call {
  readonly method:
    | "computePath"
    | "connection"
    | "open"
    | "receiveEach"
    | "probe"
    | "sent"
    | "publish"
    | "due"
    | "drop";
  readonly args: readonly unknown[];
}

/** The facts about the protocol that come first. */
export type HostFacts = Pick<
  Protocol,
  "name" | "subprotocols" | "descriptor" | "variables" | "replies" | "numericIds"
> & { readonly hasPath: boolean };

/** For `JSON.stringify`: bytes as an object, which no value of a protocol has. */
export const shorten = (_: string, value: unknown): unknown =>
  value instanceof Uint8Array ? { "bytes of": [...value] } : value;

/** For `JSON.parse`: the reverse. */
export const revive = (_: string, value: unknown): unknown =>
  typeof value === "object" &&
  value !== null &&
  Array.isArray((value as { "bytes of"?: unknown })["bytes of"])
    ? Uint8Array.from((value as { "bytes of": number[] })["bytes of"])
    : value;

/** Whether a file of a protocol is a script, with a protocol in code. */
export const isScript = (path: string): boolean => /\.[cm]?[jt]s$/i.test(path);
