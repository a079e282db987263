/** A server that a test plays for a page, from the descriptor alone. */
import type { Page, WebSocketRoute } from "@playwright/test";
import { deliveriesOf, errorsOf } from "../lib/protocols/check.ts";
import { parsePointer, resolvePointer } from "../lib/protocols/pointer.ts";
import { mirrored, type Recognized, Recognizer } from "../lib/protocols/recognize.ts";
import type { Descriptor } from "../lib/protocols/schema.ts";
import { type Wire, wireOf } from "../lib/protocols/wire.ts";
import { write } from "../lib/protocols/write.ts";
import { answerFor, NoAnswerError, type Places, put } from "./answers.ts";
import type { FramesOptions } from "./frames.ts";
import { hubOf, payloadOf } from "./hub.ts";
import { Line, putLine } from "./line.ts";

/** Makes the answer to a message of the page: text, or what becomes JSON. Undefined: no answer. */
export type Answer = (message: Recognized) => string | object | undefined;

export interface ServerOptions extends FramesOptions {
  /** How long each message to the page waits, in milliseconds. Default: 0. */
  readonly delayMs?: number;
  /**
   * What to answer instead of what the descriptor says, by the field: `session[0]`, `reply[0]`, `delivery`, `error`,
   * `refresh`, `resume`; `probe`, `publish` and `unmatched` take the place of the whole reaction to such a message.
   */
  readonly answers?: { readonly [field: string]: Answer };
}

/** The fields of a delivery that are not its content. */
export interface DeliveryFields {
  /** Default: numbered from 1, as text. */
  readonly id?: string;
  /** Default: counted from 1. */
  readonly seq?: number;
  /** Default: `server`. */
  readonly publisher?: string;
  /** Default: the room that the page has joined last. */
  readonly room?: string;
}

/** What the server's part in a step is made of. */
type Step = Pick<
  NonNullable<Descriptor["session"]>[number],
  "await" | "capture" | "codec" | "framing" | "delimiter"
>;

/** Plays the server of a page. It answers at once and rightly, until it is told otherwise. */
export class PlayedServer extends Line {
  /** How long each message to the page waits, in milliseconds. Messages due together keep their order. */
  delayMs: number;
  readonly #descriptor: Descriptor;
  readonly #page: Page;
  readonly #wire: Wire;
  readonly #answers: NonNullable<ServerOptions["answers"]>;
  readonly #complaints: string[] = [];
  readonly #connections = new Map<
    WebSocketRoute,
    { readonly number: number; readonly recognizer: Recognizer }
  >();
  /** Errors to give instead of the next replies. */
  readonly #errors: string[] = [];
  /** Deliveries that are kept back, and how many are to be, to go out the last one first. */
  #kept: { readonly atMost: number; readonly held: (() => void)[] } | undefined;
  #room: string | undefined;
  #delivered = 0;

  constructor(page: Page, descriptor: Descriptor, { delayMs = 0, answers = {}, ...options }: ServerOptions) {
    super(page, descriptor, options);
    this.delayMs = delayMs;
    this.#page = page;
    this.#descriptor = descriptor;
    this.#answers = answers;
    this.#wire = wireOf(mirrored(descriptor));
  }

  /** What the page asked for that the descriptor does not say enough to answer, each as a sentence. */
  get complaints(): readonly string[] {
    return this.#complaints;
  }

  /**
   * Delivers a message to the page.
   *
   * @param content what is in its JSON beside the fields that the descriptor names: `{ text: "Hello" }`
   * @throws NoAnswerError where the descriptor does not say enough to make one, Error where the page is not connected
   */
  deliver(content: object = {}, fields: DeliveryFields = {}): void {
    if (this.pages.length === 0) throw new Error("The page has no open connection to deliver to.");
    const text = this.#delivery(content, fields);
    for (const page of this.pages) this.#deliverTo(page, text);
  }

  /** Sends the page a message as it is. */
  send(message: string | object): void {
    if (this.pages.length === 0) throw new Error("The page has no open connection to send to.");
    for (const page of this.pages) this.#send(page, textOf(message));
  }

  /** Keeps the next `count` deliveries back and then sends them in the reverse order. */
  reverseNext(count: number): void {
    this.#kept = { atMost: count, held: [] };
  }

  /** Answers the page's next probe or publication with an error; `times` of them. */
  failNext(reason: string, times = 1): void {
    for (let i = 0; i < times; i++) this.#errors.push(reason);
  }

  /** Takes a connection of the page. */
  readonly take = (page: WebSocketRoute): void => {
    if (!this.opens(page)) return;
    const hub = hubOf(this.#page);
    const connection = hub.open(page.url());
    const recognizer = new Recognizer(this.#descriptor);
    this.#connections.set(page, { number: connection, recognizer });
    page.onMessage((frame) => {
      hub.tell({ kind: "frame", connection, direction: "sent", payload: frame });
      for (const message of recognizer.sent(frame)) this.#react(page, message);
    });
    page.onClose((code, reason) => {
      this.ends(page);
      hub.tell({ kind: "close", connection });
      void page.close({ ...(code !== undefined && { code }), ...(reason !== undefined && { reason }) });
    });
    this.#runSteps(page, 0);
  };

  #react(page: WebSocketRoute, message: Recognized): void {
    const { kind, field = kind } = message;
    const own = this.#answers[kind] ?? (kind === "session" ? undefined : this.#answers[field]);
    const isAsking = kind === "probe" || kind === "publish";
    const reason = isAsking && !own ? this.#errors.shift() : undefined;
    if (own) this.#reply(page, () => own(message));
    else if (reason !== undefined) this.#reply(page, () => this.#error(reason, message));
    else if (kind === "session") this.#stepTaken(page, message);
    else if (kind === "probe") this.#probed(page, message);
    else if (kind === "publish") this.#published(page, message);
    else if (kind === "unreadable")
      this.#complain(new NoAnswerError("The page sent what the descriptor's codec does not read."));
    else if (kind === "refresh" || kind === "resume")
      this.#awaited(page, kind, this.#descriptor[kind], message);
  }

  #stepTaken(page: WebSocketRoute, message: Recognized): void {
    this.#room = message.values?.room ?? this.#room;
    const step = Number(/\d+/.exec(message.field!)![0]);
    this.#awaited(page, `session[${step}]`, this.#descriptor.session?.[step], message);
    this.#runSteps(page, step + 1);
  }

  #probed(page: WebSocketRoute, message: Recognized): void {
    for (const [i, { match, id, ...condition }] of (this.#descriptor.reply ?? []).entries()) {
      const field = `reply[${i}]`;
      this.#reply(page, () => {
        const own = this.#answers[field];
        if (own) return own(message);
        if (match === "whole") return message.text;
        return answerFor(condition, [[id, this.#probeId(message)]], field);
      });
    }
  }

  #published(page: WebSocketRoute, message: Recognized): void {
    const { id, seq, room } = message.values ?? {};
    const fields = {
      ...(id !== undefined && { id }),
      ...(seq !== undefined && { seq: Number(seq) }),
      ...(room !== undefined && { room }),
      publisher: "page",
    };
    try {
      const own = this.#answers.delivery;
      const answer = own ? own(message) : this.#delivery(objectOf(message.json), fields);
      if (answer !== undefined) this.#deliverTo(page, textOf(answer));
    } catch (error) {
      this.#complain(error);
    }
  }

  /** Steps of the session from there on that the server begins. */
  #runSteps(page: WebSocketRoute, from: number): void {
    const steps = this.#descriptor.session ?? [];
    for (let i = from; i < steps.length && steps[i]!.send === undefined; i++) {
      this.#awaited(page, `session[${i}]`, steps[i]);
    }
  }

  #awaited(page: WebSocketRoute, field: string, step: Step | undefined, message?: Recognized): void {
    const { await: condition, capture = {} } = step ?? {};
    if (!condition) return;
    const own = this.#answers[field];
    const captured: Places = Object.entries(capture).map(([name, at]) => [at, `${name}-1`]);
    const make = () => (own && message ? own(message) : answerFor(condition, captured, field));
    this.#reply(page, make, step && this.#wireOf(step));
  }

  /** A step may write its messages in a way of its own. */
  #wireOf(step: Step): Wire {
    if (!("framing" in step || "codec" in step || "delimiter" in step)) return this.#wire;
    return wireOf(mirrored({ name: "step", session: [step] }).session![0]!);
  }

  #delivery(content: object, fields: DeliveryFields): string {
    const [delivery] = deliveriesOf(this.#descriptor);
    if (!delivery) throw new NoAnswerError("delivery: the descriptor describes no deliveries");
    const { each, where, text, regex, sentAt, ...at } = delivery;
    const count = ++this.#delivered;
    const { id = String(count), seq = count, publisher = "server", room = this.#room } = fields;
    const places: Places = [
      [at.id, id],
      [at.seq, seq],
      [at.cursor, at.cursor === undefined ? undefined : count],
      [at.publisher, publisher],
      [at.room, room],
      [sentAt?.at, sentAt && timeNow(sentAt.unit)],
    ];
    const outer = { ...(text !== undefined && { text }), ...(regex !== undefined && { regex }) };
    if (each === undefined)
      return answerFor({ ...outer, ...(where && { where }) }, places, "delivery", content);
    const listed = resolvePointer(content, parsePointer(each)!);
    const own = Array.isArray(listed) ? listed[0] : content;
    const element: unknown = JSON.parse(answerFor(where ? { where } : {}, places, "delivery", own));
    return answerFor(outer, [], "delivery", put(undefined, each, [element]));
  }

  /** The identifier of the page's probe, written as the page wrote it. */
  #probeId({ values: { id } = {} }: Recognized): string | number | undefined {
    const isText = (this.#descriptor.probe?.id ?? "string") === "string";
    return id === undefined || isText || !Number.isSafeInteger(Number(id)) ? id : Number(id);
  }

  #error(reason: string, message: Recognized): string {
    const [error] = errorsOf(this.#descriptor);
    if (!error) throw new NoAnswerError("error: the descriptor describes no errors");
    const { reason: at, settles, id, ...condition } = error;
    const replies = this.#descriptor.reply?.find((reply) => reply.id !== undefined);
    return answerFor(
      condition,
      [
        [at, reason],
        [settles === "id" ? (id ?? replies?.id) : undefined, this.#probeId(message)],
      ],
      "error",
    );
  }

  #deliverTo(page: WebSocketRoute, text: string): void {
    const held = this.#kept?.held ?? [];
    held.push(() => this.#send(page, text));
    if (this.#kept && held.length < this.#kept.atMost) return;
    this.#kept = undefined;
    for (const send of held.reverse()) send();
  }

  #reply(page: WebSocketRoute, make: () => string | object | undefined, wire?: Wire): void {
    try {
      const answer = make();
      if (answer !== undefined) this.#send(page, textOf(answer), wire);
    } catch (error) {
      this.#complain(error);
    }
  }

  /** What cannot be answered is told, and does not end the test's process. */
  #complain(error: unknown): void {
    if (!(error instanceof NoAnswerError || error instanceof RangeError)) throw error;
    this.#complaints.push(error.message);
    console.warn(`server(page, …): ${error.message}`);
  }

  #send(page: WebSocketRoute, text: string, wire = this.#wire): void {
    const { frame } = write(text, wire, wire.isBytes);
    const send = () => {
      if (!this.pages.includes(page)) return; // it has gone meanwhile
      const { number, recognizer } = this.#connections.get(page)!;
      recognizer.received(frame); // so that it knows how far the session is
      hubOf(this.#page).tell({
        kind: "frame",
        connection: number,
        direction: "received",
        payload: frame,
      });
      page.send(payloadOf(frame));
    };
    if (this.delayMs > 0) setTimeout(send, this.delayMs);
    else send();
  }
}

/**
 * Plays the server of the page's connections, as the descriptor describes it: it takes the session's steps, replies
 * to probes and delivers publications. No real server is asked. Call it before the page opens its connection.
 */
export async function server(
  page: Page,
  descriptor: Descriptor,
  options: ServerOptions = {},
): Promise<PlayedServer> {
  const played = new PlayedServer(page, descriptor, options);
  return putLine(page, played, played.take, options);
}

const PER_MS = { s: 0.001, ms: 1, us: 1_000, ns: 1_000_000 } as const;

const timeNow = (unit: keyof typeof PER_MS | "iso8601"): number | string =>
  unit === "iso8601" ? new Date().toISOString() : Date.now() * PER_MS[unit];

const textOf = (message: string | object): string =>
  typeof message === "string" ? message : JSON.stringify(message);

const objectOf = (json: unknown): object => (typeof json === "object" && json !== null ? json : {});
