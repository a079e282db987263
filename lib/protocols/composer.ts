import { type Ms, ms } from "../units.ts";
import type { Outgoing } from "./compile.ts";
import type { Captured, ConnectionInit, Effect, Purpose, Send } from "./protocol.ts";
import type { Frame, Scope } from "./reader.ts";
import { NO_VALUE, numberValue, stringValue, type Value } from "./template.ts";
import { kindOf, VARIABLES } from "./variables.ts";
import { type Written, write, writeOwn } from "./write.ts";

/** The variables of one connection, and the messages made from them. */
export class Composer {
  /** What the connection remembers for a protocol's own code. */
  readonly own: unknown;
  /** The place from which the server is to go on after this connection. */
  lastSeq: Value | undefined;
  readonly #unixOffsetMs: Ms;
  readonly #variables = new Map<string, Value>();
  readonly #captured = new Map<string, Value>();
  /** The variables as conditions ask for them. */
  readonly scope: Scope;

  constructor({ variables, unixOffsetMs = ms(0), lastSeq, captured = {} }: ConnectionInit, own: unknown) {
    this.own = own;
    this.#unixOffsetMs = unixOffsetMs;
    for (const [name, text] of Object.entries(variables)) {
      this.#variables.set(name, variableValue(name, text));
    }
    // Not where it is declared: k6's JavaScript engine panics at a field that is set to a function beside private ones.
    this.scope = (name) => this.#variables.get(name)?.text;
    if (lastSeq !== undefined) this.lastSeq = parseValue(lastSeq);
    for (const [name, value] of Object.entries(captured)) this.capture(name, value);
  }

  get captured(): Captured {
    return Object.fromEntries(this.#captured);
  }

  capture(name: string, value: Value): void {
    this.#variables.set(name, value);
    this.#captured.set(name, value);
  }

  setToken(token: string): void {
    this.#variables.set("token", stringValue(token));
  }

  /**
   * A protocol in code makes a message when the message is read, which is when it is sent. A message that is kept
   * back therefore uses up no sequence number of that code.
   *
   * @throws RangeError on a message that the codec cannot write
   */
  send(message: Outgoing, purpose: Purpose, at: Ms, locals?: ReadonlyMap<string, Value>): Send {
    if (!message.encode) return { kind: "send", ...frameOf(this.written(message, at, locals)), purpose };
    const make = () => this.written(message, at, locals).frame;
    let made: Frame | undefined;
    return {
      kind: "send",
      purpose,
      get frame() {
        made ??= make();
        return made;
      },
    };
  }

  /** As {@link send}; what cannot be written, since the peer gave something else than expected, breaks the contract. */
  sendOrTell(
    message: Outgoing,
    purpose: Purpose,
    at: Ms,
    locals?: ReadonlyMap<string, Value>,
  ): Send | Extract<Effect, { kind: "invalid" }> {
    try {
      return this.send(message, purpose, at, locals);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return { kind: "invalid", reason: "contract", detail: error.message };
    }
  }

  /** @throws RangeError on a message that the codec cannot write */
  written(
    { template, wire, binary, encode }: Outgoing,
    at: Ms,
    locals?: ReadonlyMap<string, Value>,
  ): Written {
    if (!encode) {
      return write(
        template.expand((name) => locals?.get(name) ?? this.#value(name, at)),
        wire,
        binary,
      );
    }
    const own = encode(this.#values(at, locals), this.own);
    if (typeof own === "string") return write(own, wire, binary);
    return writeOwn(own instanceof ArrayBuffer ? new Uint8Array(own) : own, wire);
  }

  /** All variables that there are, as texts. */
  #values(at: Ms, locals: ReadonlyMap<string, Value> = new Map()): Record<string, string> {
    const values: Record<string, string> = {};
    for (const name of Object.keys(VARIABLES)) values[name] = this.#value(name, at).text;
    for (const [name, { text }] of this.#variables) values[name] = text;
    for (const [name, { text }] of locals) values[name] = text;
    return values;
  }

  #value(name: string, at: Ms): Value {
    if (name === "nowMs") return numberValue(String(Math.floor(at + this.#unixOffsetMs)));
    if (name === "lastSeq") return this.lastSeq ?? NO_VALUE;
    return this.#variables.get(name) ?? NO_VALUE;
  }
}

/** A variable's value, as its kind is written in JSON. */
export const variableValue = (name: string, text: string): Value =>
  kindOf(name) === "number" ? numberValue(text) : stringValue(text);

/** What of a message goes out. A codec's has its JSON, others may have their messages. */
export function frameOf({ frame, json, messages }: Written): Pick<Send, "frame" | "json" | "messages"> {
  if (messages) return { frame, messages };
  return json === undefined ? { frame } : { frame, json };
}

function parseValue(json: string): Value {
  const value: unknown = JSON.parse(json);
  return typeof value === "string" ? stringValue(value) : numberValue(json);
}
