import { type Ms, ms } from "../units.ts";
import { MOST_VALUES } from "./codecs/codec.ts";
import { latin1 } from "./codecs/framing.ts";
import type { Compiled, CompiledDelivery, CompiledList } from "./compile.ts";
import { Composer, frameOf } from "./composer.ts";
import { contract, readCaptures, readDelivery } from "./fields.ts";
import { Ledger, type Probe } from "./ledger.ts";
import type {
  Captured,
  ConnectionInit,
  Conversation,
  Effect,
  MessageRole,
  Publication,
  Received,
  Send,
} from "./protocol.ts";
import { type Frame, MESSAGE_BYTES, MOST_MESSAGES, Reader } from "./reader.ts";
import { numberValue, stringValue } from "./template.ts";
import { isWhole } from "./variables.ts";
import { Inbox, type Incoming, plainMessages, type StreamEnd, type Wire } from "./wire.ts";

const NONE: readonly Effect[] = [];

/** No part of a message outlives its reading, so all connections can share one reader, and one for elements. */
const reader = new Reader();
const element = new Reader();

const TOO_MANY: Effect = {
  kind: "invalid",
  reason: "too_many_elements",
  detail: `more than ${MOST_VALUES} values in one message`,
};

/** Interprets a compiled descriptor for one connection. See {@link Conversation} for what each method promises. */
export class Machine implements Conversation {
  readonly #protocol: Compiled;
  readonly #ledger: Ledger;
  readonly #composer: Composer;
  readonly #steps: Compiled["session"];
  readonly #nextBeats: Ms[] = [];
  readonly #inbox: Inbox | undefined;
  readonly #messageBytes: number;
  /** Whether some reply is the message that was sent. */
  readonly #comparesWhole: boolean;
  /** Whether the message was answered, and may be something else all the same. */
  #wasAnswered = false;
  #state: "new" | "session" | "ready" | "ended" = "new";
  #step = 0;
  #stepDeadline: Ms | undefined;
  #refreshAt: Ms | undefined;
  /** Whether a message of its session asks for what the connection before missed. */
  readonly #resumes: boolean;
  /** When the message at hand was taken up: what answers it is sent then, however long before it came. */
  #handledAt: Ms = ms(0);

  constructor(protocol: Compiled, init: ConnectionInit) {
    this.#protocol = protocol;
    this.#ledger = new Ledger(protocol.replies.length, init.replyTimeoutMs);
    this.#composer = new Composer(init, protocol.newState?.());
    this.#comparesWhole = protocol.replies.some(({ match }) => match === "whole");
    this.#messageBytes = init.messageBytes ?? MESSAGE_BYTES;
    this.#inbox = protocol.hasWires ? new Inbox(this.#messageBytes) : undefined;
    this.#scheduleRefresh(init.tokenExpiresAt);
    this.#steps = stepsOf(protocol, init);
    this.#resumes = init.lastSeq !== undefined && protocol.resume !== undefined;
  }

  get ready(): boolean {
    return this.#state === "ready";
  }

  get awaiting(): string | undefined {
    return this.#state === "session" ? this.#steps[this.#step]?.path : undefined;
  }

  get lastSeq(): string | undefined {
    return this.#composer.lastSeq?.json;
  }

  get captured(): Captured {
    return this.#composer.captured;
  }

  openProbes(): number {
    return this.#ledger.open;
  }

  open(at: Ms): readonly Effect[] {
    if (this.#state !== "new") throw new Error("a conversation is opened once");
    this.#state = "session";
    const effects: Effect[] = [];
    this.#runSteps(at, effects);
    return effects;
  }

  receive(frame: Frame, at: Ms, handledAt: Ms = at): readonly Effect[] {
    if (this.#state === "new" || this.#state === "ended") return NONE;
    this.#handledAt = handledAt;
    const effects: Effect[] = [];
    this.#elapse(at, effects);
    for (const incoming of this.#messagesIn(frame)) this.#takeIncoming(incoming, at, effects);
    return effects;
  }

  *receiveEach(frame: Frame, at: Ms, handledAt: Ms = at): Generator<Received> {
    if (this.#state === "new" || this.#state === "ended") return;
    this.#handledAt = handledAt;
    let effects: Effect[] = [];
    this.#elapse(at, effects);
    for (const incoming of this.#messagesIn(frame)) {
      const received = this.#takeIncoming(incoming, at, effects);
      yield { ...received, effects };
      effects = [];
    }
    if (effects.length > 0) yield { message: undefined, effects };
  }

  #messagesIn(frame: Frame): Iterable<Incoming | StreamEnd> {
    const { wire } = this.#protocol;
    return this.#inbox ? this.#inbox.take(frame, () => this.#wireNow()) : plainMessages(frame, wire);
  }

  #streamEnd(end: StreamEnd) {
    return end === "broken"
      ? ({ reason: "unparsable", detail: "a stream of bytes that breaks its framing" } as const)
      : ({
          reason: "pieces_limit",
          detail: `a message in pieces of more than ${this.#messageBytes} bytes`,
        } as const);
  }

  /** How the next message that comes is written. */
  #wireNow(): Wire {
    const step = this.#state === "session" ? this.#steps[this.#step] : undefined;
    return step?.wire ?? this.#protocol.wire;
  }

  /** Takes a message; gives it as text if a codec could decode it. */
  #takeIncoming(incoming: Incoming | StreamEnd, at: Ms, effects: Effect[]): Omit<Received, "effects"> {
    if (typeof incoming === "string") {
      if (!this.#isEnded()) effects.push({ kind: "invalid", ...this.#streamEnd(incoming) });
      return { message: undefined };
    }
    const { frame, wire } = incoming;
    const { own, scope } = this.#composer;
    if (this.#isEnded()) return { message: frame }; // by time, or by the message before
    if (!wire.codec || typeof frame === "string") {
      reader.load(frame, own, undefined, this.#protocol.nested, scope);
      return { message: frame, role: this.#take(at, effects) };
    }
    const json = wire.codec.decode(frame);
    if (json === undefined && wire.codec.hasTooMany?.(frame)) {
      effects.push(TOO_MANY);
      return { message: frame };
    }
    if (json === undefined) {
      effects.push(unparsable(`bytes that are not ${wire.codec.title}`));
      return { message: frame };
    }
    reader.load(json, own, this.#comparesWhole ? latin1(frame) : "", this.#protocol.nested, scope);
    return { message: json, bytes: frame.length, role: this.#take(at, effects) };
  }

  /** Takes the message that the reader has; gives what it was taken for. */
  #take(at: Ms, effects: Effect[]): MessageRole | undefined {
    this.#wasAnswered = false;
    const brought = this.#takeLists(at, effects);
    const role = this.#takeAs(brought, at, effects);
    if (reader.failure !== undefined) {
      effects.push({ kind: "invalid", reason: "protocol_code", detail: reader.failure });
    } else if (role === undefined) effects.push(reader.hasTooMany ? TOO_MANY : this.#unknown());
    return role;
  }

  #takeAs(brought: boolean, at: Ms, effects: Effect[]): MessageRole | undefined {
    if (this.#takeAwaited(effects)) return "session";
    if (this.#takeHeartbeat(effects)) return "heartbeat";
    if (this.#takeRefreshed()) return "refresh";
    if (this.#takeError(effects)) return "error";
    if (this.#takeReply(at, effects)) return "reply";
    if (brought || this.#takeDelivery(at, effects)) return "delivery";
    return this.#wasAnswered ? "heartbeat" : undefined;
  }

  probe(id: string, dueAt: Ms, payload = ""): Send {
    const { probe } = this.#protocol;
    if (!probe) throw new Error("this protocol has no probe");
    this.#requireReady("probe");
    if (probe.numericId && !isWhole(id)) {
      throw new RangeError(`this protocol's identifiers are whole numbers, got ${JSON.stringify(id)}`);
    }
    const own = this.#ownId(id);
    const locals = new Map([
      ["id", probe.numericId ? numberValue(own) : stringValue(own)],
      ["payload", stringValue(payload)],
    ]);
    const written = this.#composer.written(probe, dueAt, locals);
    const opened = this.#ledger.add(own, dueAt);
    for (const [index, { match }] of this.#protocol.replies.entries()) {
      if (match === "fifo") this.#ledger.awaitTurn(index, opened);
      else if (match === "whole") this.#ledger.awaitMessage(index, opened, written.message);
    }
    return { kind: "send", ...frameOf(written), purpose: "probe" };
  }

  sent(id: string, at: Ms): void {
    const probe = this.#ledger.byId(this.#ownId(id));
    if (!probe) throw new RangeError(`this connection had no probe ${JSON.stringify(id)}`);
    probe.sentAt = at;
  }

  /** The identifier that a probe has in this protocol. */
  #ownId(id: string): string {
    if (!this.#protocol.probe?.idsInTwoBytes) return id;
    const [n, most] = [BigInt(id), 65_535n];
    return String(((n + most - 1n) % most) + 1n);
  }

  publish({ id, seq, payload = "" }: Publication, at: Ms): Send {
    const { publish } = this.#protocol;
    if (!publish) throw new Error("this protocol publishes nothing");
    this.#requireReady("publish");
    const locals = new Map([
      ["id", stringValue(id)],
      ["seq", numberValue(String(seq))],
      ["payload", stringValue(payload)],
    ]);
    return this.#composer.send(publish, "publish", at, locals);
  }

  setToken(token: string, expiresAt?: Ms): void {
    this.#composer.setToken(token);
    this.#scheduleRefresh(expiresAt);
  }

  nextDue(): Ms | undefined {
    if (this.#state === "session") return this.#stepDeadline;
    if (this.#state !== "ready") return undefined;
    let next = earlier(this.#ledger.nextDeadline, this.#refreshAt);
    for (const at of this.#nextBeats) next = earlier(next, at);
    return next;
  }

  due(at: Ms): readonly Effect[] {
    const effects: Effect[] = [];
    this.#elapse(at, effects);
    if (this.#state !== "ready") return effects;
    for (const [index, { every, message }] of this.#protocol.beats.entries()) {
      const dueAt = this.#nextBeats[index]!;
      if (dueAt > at) continue;
      effects.push(this.#composer.sendOrTell(message, "heartbeat", at));
      // Beats that were missed are not made up for: they would arrive in a burst.
      this.#nextBeats[index] = ms(dueAt + every > at ? dueAt + every : at + every);
    }
    if (this.#refreshAt !== undefined && this.#refreshAt <= at) {
      this.#refreshAt = undefined;
      effects.push(this.#composer.sendOrTell(this.#protocol.refresh!.step.message!, "refresh", at));
    }
    return effects;
  }

  drop(at: Ms): readonly Effect[] {
    const effects: Effect[] = [];
    this.#elapse(at, effects);
    for (const probe of this.#ledger.lose()) this.#endReplies("lost", probe, effects);
    this.#state = "ended";
    return effects;
  }

  /** Goes through the steps as far as nothing is awaited; `at` is when their messages are sent. */
  #runSteps(at: Ms, effects: Effect[]): void {
    for (; this.#step < this.#steps.length; this.#step++) {
      const step = this.#steps[this.#step]!;
      if (step.message) {
        const sent = this.#composer.sendOrTell(step.message, step.purpose, at);
        if (sent.kind === "invalid") {
          this.#failSession("contract", sent.detail, effects);
          return;
        }
        effects.push(sent);
      }
      if (!step.awaits) continue;
      this.#stepDeadline = ms(at + step.within);
      return;
    }
    this.#stepDeadline = undefined;
    this.#state = "ready";
    for (const [index, { every }] of this.#protocol.beats.entries()) this.#nextBeats[index] = ms(at + every);
    effects.push({ kind: "ready" });
  }

  #failSession(reason: "timeout" | "error" | "contract", detail: string, effects: Effect[]): void {
    this.#state = "ended";
    effects.push({ kind: "session-failed", step: this.#steps[this.#step]!.path, reason, detail });
  }

  /** What time alone brings about, before anything else that happens at `at`. */
  #elapse(at: Ms, effects: Effect[]): void {
    if (this.#state === "session" && this.#stepDeadline !== undefined && this.#stepDeadline <= at) {
      const { awaited, within } = this.#steps[this.#step]!;
      this.#failSession("timeout", `no ${awaited} came within ${within} ms`, effects);
    }
    for (const probe of this.#ledger.expire(at)) this.#endReplies("timeout", probe, effects);
  }

  #takeAwaited(effects: Effect[]): boolean {
    if (this.#state !== "session") return false;
    const step = this.#steps[this.#step];
    if (!step?.awaits || !reader.matches(step.awaits)) return false;
    const taken = readCaptures(reader, step.captures);
    if (typeof taken === "string") {
      this.#failSession("contract", `nothing to capture as "${taken}"`, effects);
      return true;
    }
    for (const [name, value] of taken) {
      this.#composer.capture(name, value);
      effects.push({ kind: "captured", name, value: value.text });
    }
    this.#step++;
    this.#runSteps(this.#handledAt, effects);
    return true;
  }

  #takeHeartbeat(effects: Effect[]): boolean {
    for (const { condition, captures, answer, consumes } of this.#protocol.answers) {
      if (!reader.matches(condition)) continue;
      const taken = readCaptures(reader, captures);
      if (typeof taken === "string") effects.push(contract(`heartbeat: nothing to capture as "${taken}"`));
      else if (answer) effects.push(this.#composer.sendOrTell(answer, "heartbeat", this.#handledAt, taken));
      if (consumes) return true;
      this.#wasAnswered = true;
    }
    return false;
  }

  #takeRefreshed(): boolean {
    const awaits = this.#protocol.refresh?.step.awaits;
    return awaits !== undefined && reader.matches(awaits);
  }

  #takeError(effects: Effect[]): boolean {
    const error = this.#protocol.errors.find(({ condition }) => reader.matches(condition));
    if (!error) return false;
    const reason = (error.reason && reader.textAt(error.reason)) ?? "unknown";
    const probe = this.#probeOfError(error);
    const names = probe ? this.#missing(probe) : [];
    if (probe && this.#ledger.fail(probe)) {
      effects.push({ kind: "error", reason, id: probe.id, dueAt: probe.dueAt, names });
    } else {
      effects.push({ kind: "error", reason });
    }
    if (this.#state === "session") this.#failSession("error", reason, effects);
    return true;
  }

  #probeOfError(error: Compiled["errors"][number]): Probe | undefined {
    if (error.settles === "oldest") return this.#ledger.oldest();
    const id = error.id && reader.textAt(error.id);
    return id === undefined ? undefined : this.#ledger.byId(id);
  }

  #takeReply(at: Ms, effects: Effect[]): boolean {
    const { replies } = this.#protocol;
    for (let index = 0; index < replies.length; index++) {
      const { name, match, condition, id } = replies[index]!;
      if (!reader.matches(condition)) continue;
      let probe: Probe | undefined;
      if (match === "fifo") probe = this.#ledger.takeTurn(index);
      else if (match === "whole") {
        if (reader.sent !== undefined) probe = this.#ledger.takeMessage(index, reader.sent);
      } else {
        const given = reader.textAt(id!);
        if (given === undefined && !condition.always) {
          effects.push(contract(`reply "${name}" without an identifier`));
          return true;
        }
        if (given !== undefined) probe = this.#ledger.byId(given);
      }
      if (!probe) continue;
      const effect = this.#answered(index, name, probe, at);
      if (effect) effects.push(effect);
      return true;
    }
    return false;
  }

  #answered(index: number, name: string, probe: Probe, at: Ms): Effect | undefined {
    const verdict = this.#ledger.answer(index, probe);
    const { id, dueAt, sentAt } = probe;
    if (verdict === "moot") return undefined;
    if (verdict === "duplicate") return { kind: "duplicate", name, id };
    if (verdict === "late") return { kind: "late", name, id, dueAt, at };
    return { kind: "reply", name, id, dueAt, sentAt, at, last: verdict === "reply-last" };
  }

  #takeDelivery(at: Ms, effects: Effect[]): boolean {
    const { deliveries, lists } = this.#protocol;
    for (let i = 0; i < deliveries.length; i++) {
      if (!reader.matches(deliveries[i]!.condition)) continue;
      this.#deliver(reader, deliveries[i]!, at, effects);
      return true;
    }
    // A message that brings a list, by its regex, but whose JSON is not valid.
    const broken = lists.find(
      ({ condition }) => condition.pattern && reader.matches(condition) && !reader.isJson,
    );
    if (broken) this.#deliver(reader, broken, at, effects);
    return broken !== undefined;
  }

  /** Deliveries that the message brings in a list, whatever else it is. */
  #takeLists(at: Ms, effects: Effect[]): boolean {
    const { lists } = this.#protocol;
    for (let i = 0; i < lists.length; i++) {
      const list = lists[i]!;
      const elements = reader.matches(list.condition) ? elementsOf(list) : undefined;
      if (elements && this.#takeElements(elements, list, at, effects)) return true;
    }
    return false;
  }

  /** Whether any is a delivery, or there is none at all. */
  #takeElements(elements: Iterable<Frame>, list: CompiledList, at: Ms, effects: Effect[]): boolean {
    let count = 0;
    let fitting = 0;
    for (const one of elements) {
      if (count++ === MOST_MESSAGES) {
        const detail = `more than ${MOST_MESSAGES} elements in the list of one message`;
        effects.push({ kind: "invalid", reason: "too_many_elements", detail });
        return true;
      }
      element.loadElement(one, reader);
      if (element.fits(list.element, list.test)) {
        fitting++;
        this.#deliver(element, list, at, effects);
      }
      if (element.failure !== undefined)
        effects.push({ kind: "invalid", reason: "protocol_code", detail: element.failure });
    }
    return fitting > 0 || count === 0;
  }

  #deliver(from: Reader, delivery: CompiledDelivery, at: Ms, effects: Effect[]): void {
    const read = readDelivery(from, delivery, at);
    // Until the server has answered the resume message, live deliveries overtake the missed ones: a client that is cut
    // off then must ask from the same place again.
    if (read.cursor && (this.ready || !this.#resumes)) this.#composer.lastSeq = read.cursor;
    if (read.complaint) effects.push(read.complaint);
    effects.push(read.effect);
  }

  #unknown(): Effect {
    if (reader.lackedJson) {
      const detail = reader.text === undefined ? "bytes that are not UTF-8" : "a message that is not JSON";
      return { kind: "invalid", reason: "unparsable", detail };
    }
    if (!this.#protocol.unmatchedIsError) return { kind: "unmatched" };
    return {
      kind: "invalid",
      reason: "unmatched",
      detail: "a message that the descriptor does not describe",
    };
  }

  #endReplies(kind: "timeout" | "lost", { id, dueAt, answered }: Probe, effects: Effect[]): void {
    for (const name of this.#missing({ answered })) effects.push({ kind, name, id, dueAt });
  }

  /** Names of the replies that a probe has not had. */
  #missing({ answered }: Pick<Probe, "answered">): string[] {
    return this.#protocol.replies.flatMap(({ name }, index) => (answered & (2 ** index) ? [] : [name]));
  }

  #scheduleRefresh(expiresAt: Ms | undefined): void {
    const { refresh } = this.#protocol;
    this.#refreshAt = refresh && expiresAt !== undefined ? ms(expiresAt - refresh.before) : undefined;
  }

  #requireReady(what: string): void {
    if (this.#state !== "ready") throw new Error(`a ${what} before the session is ready, or after its end`);
  }

  /** Apart, since the compiler does not know that a call changes the state. */
  #isEnded(): boolean {
    return this.#state === "ended";
  }
}

/** The session's steps, after authentication where that takes a message, with what there is to resume. */
function stepsOf(
  { session, refresh, resume, resumeReplaces = session.length }: Compiled,
  init: ConnectionInit,
): Compiled["session"] {
  const first = init.authenticate && refresh ? [refresh.step] : [];
  if (init.lastSeq === undefined || !resume) return [...first, ...session];
  return [...first, ...session.slice(0, resumeReplaces), resume, ...session.slice(resumeReplaces + 1)];
}

const elementsOf = ({ find, each }: CompiledList): Iterable<Frame> | undefined =>
  find ? reader.elementsBy(find) : reader.elements(each);

const unparsable = (detail: string): Effect => ({ kind: "invalid", reason: "unparsable", detail });

const earlier = (a: Ms | undefined, b: Ms | undefined): Ms | undefined =>
  a === undefined || (b !== undefined && b < a) ? b : a;
