/**
 * What the messages of somebody else's connection are by a descriptor: a page's in a browser, which sends what it wants
 * when it wants. Templates recognise the messages of a client, conditions those of the server.
 */
import { ms } from "../units.ts";
import { latin1 } from "./codecs/framing.ts";
import { type Compiled, compileParts } from "./compile.ts";
import { readDelivery } from "./fields.ts";
import type { Effect } from "./protocol.ts";
import { type Condition, type Frame, MESSAGE_BYTES, Reader } from "./reader.ts";
import type { Descriptor } from "./schema.ts";
import { type Mould, mouldsOf, split, unfill } from "./unfill.ts";
import { decodeUtf8 } from "./utf8.ts";
import {
  codecOptions,
  hasWire,
  Inbox,
  type Incoming,
  isPlain,
  plainMessages,
  type Wire,
  type WireSpec,
  wireOf,
} from "./wire.ts";

/** The kind of a message. The last two: it matches no rule of the descriptor; the codec or framing cannot read it. */
export type MessageKind =
  | "session"
  | "probe"
  | "publish"
  | "heartbeat"
  | "refresh"
  | "resume"
  | "reply"
  | "delivery"
  | "error"
  | "unmatched"
  | "unreadable";

/** A delivery: the fields that the descriptor finds in it, and its JSON, from which they are. */
export type DeliveryFound = Omit<Extract<Effect, { kind: "delivery" }>, "kind" | "at"> & {
  /** The message, or the element if it came in a list. Undefined if it is not JSON. */
  readonly content: unknown;
};

/** What a descriptor takes a message for. */
interface Taken {
  readonly kind: MessageKind;
  /** The part of the descriptor that matched, such as `session[0]` or `reply[0]`. */
  readonly field?: string;
  /** Of a reply: its name. Of an error: its reason. */
  readonly name?: string;
  /** Of a message that a client sends: what stands for the template's variables, as text. */
  readonly values?: Readonly<Record<string, string>>;
  /** Of a reply: the probe that it answers. */
  readonly answers?: Recognized;
  /** The deliveries that the message brings. */
  readonly deliveries?: readonly DeliveryFound[];
}

/** A message, and what the descriptor takes it for. */
export interface Recognized extends Taken {
  /** The message as text; the JSON that a codec made of it. Undefined for other bytes. */
  readonly text: string | undefined;
  /** The JSON that it ends in, which may be all of it; undefined where there is none. */
  readonly json: unknown;
}

/** A message that a client may send. */
interface Sendable {
  readonly kind: MessageKind;
  readonly field: string;
  readonly mould: Mould;
}

/** A message of the protocol, taken from those of WebSocket. */
interface Whole {
  readonly text: string | undefined;
  readonly raw: Frame;
}

/**
 * Recognises the messages of one connection, in the order in which they pass. Of MQTT it reads the packets that a server
 * sends, and of a client's its publications: the codec reads no others.
 */
export class Recognizer {
  readonly #compiled: Compiled;
  readonly #sendables: readonly Sendable[];
  readonly #ways: { readonly sent: Way; readonly received: Way };
  readonly #reader = new Reader();
  readonly #element = new Reader();
  /** The step of the session whose message is awaited. */
  #step = 0;
  readonly #byId = new Map<string, Recognized>();
  /** Probes that wait for their own message to come back. */
  readonly #byText = new Map<string, Recognized[]>();
  /** Of each reply, the probes that wait for their turn. */
  readonly #turns: Recognized[][];

  /** @throws Error where the descriptor's codec has not been loaded */
  constructor(descriptor: Descriptor) {
    this.#compiled = compileParts(descriptor);
    this.#sendables = sendablesOf(descriptor);
    this.#ways = { sent: new Way(mirrored(descriptor)), received: new Way(descriptor) };
    this.#turns = this.#compiled.replies.map(() => []);
    this.#skipSteps();
  }

  /** Whether every message that the session awaits has come. */
  get isReady(): boolean {
    return this.#step === this.#compiled.session.length;
  }

  /** The protocol's messages in one of WebSocket that the client sent. */
  sent(frame: Frame): Recognized[] {
    return Array.from(
      this.#ways.sent.messages(frame, () => this.#step),
      (message) => this.#takeSent(message),
    );
  }

  /** The protocol's messages in one of WebSocket that the server sent. */
  received(frame: Frame): Recognized[] {
    return Array.from(
      this.#ways.received.messages(frame, () => this.#step),
      (message) => {
        if (!message) return UNREADABLE;
        const { text, raw } = message;
        const isDecoded = text !== undefined && typeof raw !== "string";
        this.#reader.load(text ?? raw, undefined, isDecoded ? latin1(raw) : undefined, this.#compiled.nested);
        return { ...this.#takeReceived(), text, json: jsonIn(text) };
      },
    );
  }

  #takeSent(message: Whole | undefined): Recognized {
    if (!message) return UNREADABLE;
    const { text, raw } = message;
    const best = text === undefined ? undefined : bestOf(this.#sendables, text);
    if (!best) return { kind: "unmatched", text, json: jsonIn(text) };
    const { kind, field, values } = best;
    const taken: Recognized = { kind, field, values, text, json: jsonIn(text) };
    if (kind !== "probe") return taken;
    if (values.id !== undefined) this.#byId.set(values.id, taken);
    const key = typeof raw === "string" ? raw : latin1(raw);
    this.#byText.set(key, [...(this.#byText.get(key) ?? []), taken]);
    for (const turns of this.#turns) turns.push(taken);
    return taken;
  }

  /** In the order in which a connection under load takes them: lib/protocols/machine.ts. */
  #takeReceived(): Taken {
    const brought = this.#listed();
    const beat = this.#heartbeat();
    const taken =
      this.#awaited() ??
      (beat?.consumes ? beat.taken : undefined) ??
      this.#later() ??
      this.#error() ??
      this.#reply();
    const deliveries = brought.length > 0 ? brought : taken ? [] : this.#delivered();
    if (taken) return deliveries.length > 0 ? { ...taken, deliveries } : taken;
    if (deliveries.length > 0) return { kind: "delivery", field: "delivery", deliveries };
    return beat?.taken ?? { kind: "unmatched" };
  }

  #awaited(): Taken | undefined {
    const awaits = this.#compiled.session[this.#step]?.awaits;
    if (!awaits || !this.#reader.matches(awaits)) return undefined;
    const field = `session[${this.#step}]`;
    this.#step++;
    this.#skipSteps();
    return { kind: "session", field };
  }

  /** Steps that await nothing. */
  #skipSteps(): void {
    const { session } = this.#compiled;
    while (this.#step < session.length && !session[this.#step]!.awaits) this.#step++;
  }

  /** One that is not consumed may be something else as well. */
  #heartbeat(): { readonly taken: Taken; readonly consumes: boolean } | undefined {
    const matching = this.#compiled.answers.filter(({ condition }) => this.#reader.matches(condition));
    if (matching.length === 0) return undefined;
    return {
      taken: { kind: "heartbeat", field: "heartbeat" },
      consumes: matching.some(({ consumes }) => consumes),
    };
  }

  #later(): Taken | undefined {
    const { refresh, resume } = this.#compiled;
    for (const step of [refresh?.step, resume]) {
      if (step?.awaits && this.#reader.matches(step.awaits)) {
        return { kind: step.purpose, field: step.purpose };
      }
    }
    return undefined;
  }

  #error(): Taken | undefined {
    const { errors } = this.#compiled;
    const at = this.#matching(errors);
    if (at === undefined) return undefined;
    const { reason, id } = errors[at]!;
    const settled = id && this.#reader.textAt(id);
    const answers = settled === undefined ? undefined : this.#byId.get(settled);
    const name = (reason && this.#reader.textAt(reason)) ?? "unknown";
    return { kind: "error", field: "error", name, ...(answers && { answers }) };
  }

  #reply(): Taken | undefined {
    for (const [at, { name, condition, match, id }] of this.#compiled.replies.entries()) {
      if (!this.#reader.matches(condition)) continue;
      const answers =
        match === "fifo"
          ? this.#turns[at]!.shift()
          : match === "whole"
            ? this.#byText.get(this.#reader.sent ?? "")?.shift()
            : this.#byId.get(this.#reader.textAt(id!) ?? "");
      if (answers) return { kind: "reply", field: `reply[${at}]`, name, answers };
    }
    return undefined;
  }

  #delivered(): DeliveryFound[] {
    const { deliveries } = this.#compiled;
    const at = this.#matching(deliveries);
    if (at === undefined) return [];
    return foundIn(readDelivery(this.#reader, deliveries[at]!, ms(0)).effect, jsonIn(this.#reader.text));
  }

  #listed(): DeliveryFound[] {
    for (const list of this.#compiled.lists) {
      const elements = this.#reader.matches(list.condition) ? this.#reader.elements(list.each) : undefined;
      const found: DeliveryFound[] = [];
      for (const json of elements ?? []) {
        this.#element.loadElement(json, this.#reader);
        if (!this.#element.fits(list.element)) continue;
        found.push(...foundIn(readDelivery(this.#element, list, ms(0)).effect, JSON.parse(json)));
      }
      if (found.length > 0) return found;
    }
    return [];
  }

  #matching(all: readonly { readonly condition: Condition }[]): number | undefined {
    const at = all.findIndex(({ condition }) => this.#reader.matches(condition));
    return at === -1 ? undefined : at;
  }
}

/** Takes the messages of WebSocket of one direction apart. */
class Way {
  readonly #wire: Wire;
  readonly #steps: readonly (Wire | undefined)[];
  /** Undefined where every message is text, or all of one of WebSocket. */
  readonly #inbox: Inbox | undefined;

  constructor({ session = [], ...spec }: Descriptor) {
    this.#wire = wireOf(spec);
    this.#steps = session.map((step) => (hasWire(step) ? wireOf(step) : undefined));
    const isAllPlain = isPlain(this.#wire) && this.#steps.every((wire) => wire === undefined);
    this.#inbox = isAllPlain ? undefined : new Inbox(MESSAGE_BYTES);
  }

  /**
   * Undefined stands for what cannot be read.
   *
   * @param step gives that of the session, which may have a wire of its own
   */
  *messages(frame: Frame, step: () => number): Generator<Whole | undefined> {
    const found = this.#inbox
      ? this.#inbox.take(frame, () => this.#steps[step()] ?? this.#wire)
      : plainMessages(frame, this.#wire);
    for (const incoming of found) {
      yield typeof incoming === "string" ? undefined : wholeOf(incoming);
    }
  }
}

function wholeOf({ frame: raw, wire }: Incoming): Whole | undefined {
  if (typeof raw === "string") return { text: raw, raw };
  if (!wire.codec) return { text: decodeUtf8(raw), raw };
  const text = wire.codec.decode(raw);
  return text === undefined ? undefined : { text, raw };
}

/** The descriptor from the server's side: it sends the messages that a client receives, and the reverse. */
export const mirrored = (descriptor: Descriptor): Descriptor => ({
  ...descriptor,
  ...mirroredWire(descriptor),
  ...(descriptor.session && {
    session: descriptor.session.map((step) => ({ ...step, ...mirroredWire(step) })),
  }),
});

/** Only Protocol Buffers have one schema for each direction. */
function mirroredWire(spec: WireSpec): Pick<Descriptor, "codec"> {
  const { send, receive, ...options } = codecOptions(spec) ?? {};
  if (send === undefined || receive === undefined) return {};
  return { codec: { ...options, send: receive, receive: send } as NonNullable<Descriptor["codec"]> };
}

function sendablesOf(d: Descriptor): Sendable[] {
  const part = (kind: MessageKind, field: string, send: string | undefined, own: WireSpec = d): Sendable[] =>
    send === undefined ? [] : mouldsOf(send, delimiterOf(own)).map((mould) => ({ kind, field, mould }));
  return [
    ...(d.session ?? []).flatMap((step, i) =>
      part("session", `session[${i}]`, step.send, hasWire(step) ? step : d),
    ),
    ...part("probe", "probe", d.probe?.send),
    ...part("publish", "publish", d.publish?.send),
    ...part("refresh", "refresh", d.refresh?.send),
    ...part("resume", "resume", d.resume?.send),
    ...(d.heartbeat ?? []).flatMap(({ answer, send }) => part("heartbeat", "heartbeat", answer ?? send)),
  ];
}

/** What parts the messages of one template. */
const delimiterOf = ({ delimiter, framing }: WireSpec): string | undefined =>
  framing === "nats" ? "\r\n" : delimiter;

/** The one that has the most in common with the message; of equal ones the first. */
function bestOf(sendables: readonly Sendable[], text: string) {
  let best: (Sendable & { values: Readonly<Record<string, string>>; score: number }) | undefined;
  for (const sendable of sendables) {
    const found = unfill(sendable.mould, text);
    if (found && found.score > (best?.score ?? -1)) best = { ...sendable, ...found };
  }
  return best;
}

function foundIn(effect: Effect, content: unknown): DeliveryFound[] {
  if (effect.kind !== "delivery") return [];
  const { kind: _, at: __, ...fields } = effect;
  return [{ ...fields, content }];
}

const jsonIn = (text: string | undefined): unknown => (text === undefined ? undefined : split(text).json);

const UNREADABLE: Recognized = { kind: "unreadable", text: undefined, json: undefined };
