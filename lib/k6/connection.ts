import type { Identity, Known, LoginFirst } from "../identity.ts";
import { hasFailed } from "../login/login.ts";
import type { MetricName } from "../metrics.ts";
import type { DueTimes } from "../pacing.ts";
import type { PostSpec } from "../post-request.ts";
import type { Captured, Conversation, Effect, Protocol, Publication, Send } from "../protocols/protocol.ts";
import { decodeUtf8 } from "../protocols/utf8.ts";
import { type ConnectReason, type DropCause, dropCode, type MessageReason } from "../reasons.ts";
import { type Ms, ms } from "../units.ts";
import { isEventStream } from "../url.ts";
import { callAt, now, unixOffset } from "./clock.ts";
import type { Checks, ConnectionCheck } from "./contract.ts";
import { EventTimes } from "./event-times.ts";
import { notice, tellOfClose, tellOfFailure } from "./notices.ts";
import { Posts } from "./posts.ts";
import { ProbeRecorder } from "./probes.ts";
import type { Record } from "./recorder.ts";
import {
  type Frame,
  messageBytes,
  NO_CLOSE_FRAME,
  onStockSockets,
  type Resumption,
  Socket,
  type SocketOptions,
} from "./socket.ts";

/** How long a peer may take to answer our Close before that is counted. */
export const CLOSE_TIMEOUT = ms(5_000);

/** How many numbers one connection has for its probes, below 2^53 with a mark before them. */
const PROBES_OF_ONE = 1_000_000;

/** How long after a renewal of a login failed another is tried, while the old one is good. */
const RENEW_AGAIN_AFTER = ms(1_000);

/** What connections record by themselves. */
export const CONNECTION_METRICS = [
  "ws_connect_latency_ms",
  "ws_connect_failures",
  "ws_sessions_opened",
  "ws_sessions_closed",
  "ws_connection_drops",
  "ws_connection_drop_rate",
  "ws_deliveries",
  "ws_message_errors",
  "ws_generator_delay_ms",
  "ws_sessions_compressed",
  // The engine counts these beside the sockets of a script.
  ...(onStockSockets ? [] : (["ws_message_bytes", "ws_wire_bytes", "ws_tcp_connections"] as const)),
] as const satisfies readonly MetricName[];

export interface ConnectionOptions extends SocketOptions, Identity {
  readonly protocol: Protocol;
  readonly replyTimeout: Ms;
  /** When this connection was due to start. */
  readonly intended: Ms;
  /** When it is to be closed. */
  readonly end: Ms;
  readonly record: Record;
  /** Absent: the connection is only held. */
  readonly probing?: Probing;
  /** Whether it is there to publish alone: deliveries that come to it are nobody's. Default false. */
  readonly onlyPublishes?: boolean;
  /** Sends none of the protocol's heartbeats. Default false. */
  readonly silent?: boolean;
  /** {@link Connection.lastSeq} of the connection that this one continues; then the protocol's `resume` is sent. */
  readonly lastSeq?: string | undefined;
  /** {@link Connection.captured} of it. */
  readonly captured?: Captured | undefined;
  /** {@link Connection.resumption} of it, where it is an event stream. */
  readonly lastEventId?: string | undefined;
  /** What its client sends by HTTP, where the client has other connections before or after. Default: its own. */
  readonly posts?: Posts;
  /** Hears of all that happens in the conversation, once it is recorded. */
  observe?(effect: Effect): void;
}

/** What a connection asks for its probes. */
export interface Probing {
  /** The session's steps are done: the due times from here on. */
  begin(at: Ms): DueTimes;
  /** Names the next probe, uniquely within the connection. */
  nextId(): string;
  readonly payload: string;
}

let checks: Checks | undefined;

/** Has what connections receive from here on checked; nothing for none. */
export function checkMessages(by: Checks | undefined): void {
  checks = by;
}

/** How a connection ended. */
export type Outcome =
  | { kind: "planned" }
  | { kind: "failed"; at: Ms; reason?: ConnectReason }
  /** `code` is undefined where no Close frame came. */
  | { kind: "dropped"; at: Ms; code: number | undefined };

/**
 * Opens one connection, drives its conversation until `end` and closes it. Resolves when it is over for
 * the caller: at `end` without waiting for the peer's Close, which `closed` does.
 */
export class Connection {
  /** How it ended. Never rejects. */
  readonly outcome: Promise<Outcome>;
  /** Settled when the socket is closed, or the peer had its time to answer our Close. */
  readonly closed: Promise<void>;

  private options: ConnectionOptions;
  /** Both once it is known who connects: at once where no login comes first. */
  private conversation: Conversation | undefined;
  private socket: Socket | undefined;
  /** What its login gave. */
  private given: readonly string[] = [];
  private check: ConnectionCheck | undefined;
  /** When its login is to be made anew, where the protocol can renew a token. */
  private renewal: Ms | undefined;
  private loginEnds: Ms | undefined;
  private dueTimes: DueTimes | undefined;
  private disarm = () => {};
  private armedFor: number | undefined;
  private readonly probes: ProbeRecorder;
  private settle!: (outcome: Outcome) => void;
  private markClosed!: () => void;
  private openedAt: Ms | undefined;
  private ending = false;
  private unanswered = false;
  private muted = false;
  private severed = false;
  private readonly posts: Posts;
  private readonly mark = Math.floor(Math.random() * 2 ** 32);
  private readonly isStream: boolean;
  private eventTimes: EventTimes | undefined;
  /** Of an event stream that is over: where the next one goes on. */
  resumption: Resumption | undefined;

  constructor(options: ConnectionOptions) {
    this.options = options;
    this.posts = options.posts ?? new Posts();
    this.probes = new ProbeRecorder(options.record, options.replyTimeout);
    this.isStream = isEventStream(options.url);
    this.outcome = new Promise((resolve) => {
      this.settle = resolve;
    });
    this.closed = new Promise((resolve) => {
      this.markClosed = resolve;
    });
    if (options.login) void this.logIn(options.login);
    else this.connect(options);
  }

  /** The time that a login takes is its own: the connection is due that much later. */
  private async logIn(login: LoginFirst): Promise<void> {
    const { options } = this;
    const startedAt = now();
    const known = await login.take(options.intended);
    if (this.ending) return;
    if (hasFailed(known)) {
      options.record("ws_connect_failures", 1, { reason: "login" });
      this.markClosed();
      this.settle({ kind: "failed", at: now() });
      return;
    }
    const took = now() - startedAt;
    this.options = {
      ...options,
      ...known.identity,
      intended: ms(options.intended + took),
      connectBy: ms(options.connectBy + took),
    };
    this.noteLogin(known);
    this.connect(this.options);
  }

  private noteLogin({ secrets, expiresAt, renewAt }: Known): void {
    this.given = secrets;
    this.loginEnds = expiresAt;
    this.renewal = this.options.protocol.descriptor.refresh ? renewAt : undefined;
  }

  private connect(options: ConnectionOptions): void {
    const { protocol, variables, replyTimeout, record, authenticate } = options;
    const conversation = protocol.connection({
      variables,
      authenticate,
      replyTimeoutMs: replyTimeout,
      messageBytes: messageBytes(),
      unixOffsetMs: unixOffset(),
      lastSeq: options.lastSeq,
      captured: options.captured,
    });
    this.conversation = conversation;
    const check = checks?.open(record);
    this.check = check;
    if (this.isStream) this.eventTimes = new EventTimes(record, options.intended);
    const { lastEventId = "" } = options;
    const headers =
      lastEventId === "" ? options.headers : { ...options.headers, "Last-Event-ID": lastEventId };
    this.socket = new Socket(
      { ...options, headers },
      {
        opened: (at, compressed, firstByteAt) => {
          record("ws_connect_latency_ms", at - options.intended);
          record("ws_sessions_opened", 1);
          if (compressed) record("ws_sessions_compressed", 1);
          this.eventTimes?.opened(firstByteAt);
          this.openedAt = at;
          // The session's timeouts count from its first message, which goes out now.
          const handledAt = now();
          this.apply(conversation.open(handledAt), handledAt);
          this.arm();
        },
        failed: (reason, said) => {
          record("ws_connect_failures", 1, { reason });
          tellOfFailure(reason, said, this.secrets);
          this.markClosed();
          this.settle({ kind: "failed", at: now(), reason });
        },
        received: (frame, at, handledAt) => {
          record("ws_generator_delay_ms", handledAt - at, { side: "receive" });
          this.eventTimes?.received(at);
          const effects = check
            ? this.receiveChecked(check, frame, at, handledAt)
            : conversation.receive(frame, at, handledAt);
          this.apply(this.muted ? effects.filter(({ kind }) => kind !== "send") : effects, handledAt);
          this.arm();
        },
        breached: (reason) => record("ws_message_errors", 1, { reason }),
        closed: (code, by, text, resumption) => {
          this.resumption = resumption;
          if (by === "timeout") this.giveUpClose();
          if (!this.ending && by === "server") tellOfClose(code, text, this.secrets);
          this.ended(code, by);
        },
      },
    );
  }

  private receiveChecked(check: ConnectionCheck, frame: Frame, at: Ms, handledAt: Ms): Effect[] {
    const all: Effect[] = [];
    for (const { message, role, effects } of this.conversation!.receiveEach(frame, at, handledAt)) {
      const text = typeof message === "object" ? decodeUtf8(message) : message;
      if (text !== undefined) check.received(text, role, this.secrets, effects);
      all.push(...effects);
    }
    return all;
  }

  /** @param probe the identifier of the probe that it is, "" for none */
  private checkSent(send: Send, probe = ""): void {
    if (!this.check?.checksSent) return;
    const messages = send.messages ?? [send.json ?? send.frame];
    for (const message of messages) {
      const text = typeof message === "object" ? decodeUtf8(message) : message;
      if (text !== undefined) this.check.sent(text, this.secrets, messages.length === 1 ? probe : "");
    }
  }

  /** Closes the connection before its planned end. */
  finish(): void {
    this.endPosts();
    if (!this.ending) this.close({ kind: "planned" });
  }

  /** Ends the connection without waiting for a peer that is thought to be gone. */
  cut(): void {
    if (this.ending) return;
    this.ending = true;
    this.disarm();
    this.endPosts();
    this.settle({ kind: "planned" });
    if (this.socket) this.socket.cut();
    else this.markClosed();
  }

  /** Ends the connection as if the network had, by this side's own doing: no drop is counted. */
  sever(): void {
    if (this.ending) return;
    this.ending = true;
    this.severed = true;
    this.disarm();
    this.socket?.cut();
  }

  ping(): void {
    this.socket?.ping();
  }

  /**
   * Whether incoming messages get no answer, as if they were not read. Messages that are due by time are still sent.
   */
  mute(on: boolean): void {
    this.muted = on;
  }

  /** Whether its session is ready and has not ended. */
  get open(): boolean {
    return !this.ending && (this.conversation?.ready ?? false);
  }

  /** Up to where it had deliveries; undefined where none had a number. */
  get lastSeq(): string | undefined {
    return this.conversation?.lastSeq;
  }

  /** What its session captured. */
  get captured(): Captured {
    return this.conversation?.captured ?? {};
  }

  /** Sends a message of no kind that the protocol knows; false where the connection is no longer open. */
  send(message: Frame): boolean {
    return this.open && (this.socket?.send(message) ?? false);
  }

  /**
   * Publishes a message. Throws unless {@link open}. By HTTP, resolves to whether the server took it; on the connection,
   * to true.
   */
  publish(publication: Publication): Promise<boolean> {
    if (!this.conversation) throw new Error("a publish before the session is ready");
    const sent = this.conversation.publish(publication, now());
    const http = this.options.protocol.descriptor.publish?.http;
    const taken = http
      ? this.post({ ...http, to: this.options.publishUrl }, sent.frame)
      : Promise.resolve(true);
    if (!http) this.socket!.send(sent.frame);
    this.checkSent(sent);
    return taken;
  }

  /** Sends a message beside the connection. One that the server does not take is an error of its own. */
  private async post(http: PostSpec, message: Frame): Promise<boolean> {
    const failure = await this.posts.send(this.options, http, message, this.options.replyTimeout);
    if (failure === undefined) return true;
    const { reason, said } = failure;
    this.options.record("ws_message_errors", 1, { reason });
    this.tell(reason, said, "a message sent by HTTP was not taken");
    return false;
  }

  /** Replaces the token; where the protocol has a refresh message, it is sent before `expiresAt`. */
  renew(token: string, expiresAt: Ms): void {
    this.conversation?.setToken(token, expiresAt);
    this.arm();
  }

  /** Makes the login anew, and has the protocol renew the token while the one before it is still good. */
  private async renewLogin(login: LoginFirst, at: Ms): Promise<void> {
    const ends = this.loginEnds;
    const known = await login.take(at);
    if (this.ending) return;
    if (hasFailed(known)) {
      const again = ms(now() + RENEW_AGAIN_AFTER);
      if (ends !== undefined && again < ends) this.renewal = again;
    } else {
      this.noteLogin(known);
      this.renew(known.identity.variables.token ?? "", ends ?? now());
    }
    this.arm();
  }

  /** Waits for whatever comes next: a probe, a timeout of the conversation, the planned end. */
  private arm(): void {
    if (this.ending || this.openedAt === undefined) return;
    const next = Math.min(
      this.options.end,
      this.conversation?.nextDue() ?? Number.POSITIVE_INFINITY,
      this.renewal ?? Number.POSITIVE_INFINITY,
      this.dueTimes?.next() ?? Number.POSITIVE_INFINITY,
    );
    if (next === this.armedFor) return; // a timer that is set anew comes later than one that is left alone
    this.disarm();
    this.armedFor = next;
    this.disarm = callAt(ms(next), () => {
      this.armedFor = undefined;
      this.tick();
    });
  }

  private tick(): void {
    const at = now();
    this.apply(this.conversation!.due(at), at);
    if (this.ending) return; // the session failed just now
    if (this.renewal !== undefined && this.renewal <= at) {
      this.renewal = undefined;
      void this.renewLogin(this.options.login!, at);
    }
    const { probing } = this.options;
    if (probing) {
      for (let due = this.dueTimes?.take(at); due !== undefined; due = this.dueTimes?.take(at))
        this.probe(due, probing);
    }
    if (at < this.options.end) this.arm();
    else {
      if (this.isOverdue(at)) this.options.record("ws_message_errors", 1, { reason: "session" });
      this.close({ kind: "planned" });
    }
  }

  /** Whether its session is still not ready though a reply would have timed out by now. */
  private isOverdue(at: Ms): boolean {
    const { openedAt, conversation } = this;
    return openedAt !== undefined && !conversation?.ready && at - openedAt >= this.options.replyTimeout;
  }

  private probe(due: Ms, { nextId, payload }: Probing): void {
    const { record } = this.options;
    const http = this.options.protocol.descriptor.probe?.http;
    const id = http ? this.idForAll(nextId()) : nextId();
    const sent = this.conversation!.probe(id, due, payload);
    const sentAt = now();
    record("ws_probes", 1);
    if (http) void this.post(http, sent.frame);
    else if (!this.socket!.send(sent.frame)) return; // its end is on the way, and counts the open probe as lost
    this.conversation!.sent(id, sentAt);
    record("ws_generator_delay_ms", sentAt - due, { side: "send" });
    this.checkSent(sent, id);
  }

  /** An identifier that no other connection uses: what a probe by HTTP brings may come to all of a room. */
  private idForAll(id: string): string {
    if (!this.options.protocol.numericIds) return `${this.mark.toString(36)}-${id}`;
    return String(this.mark * PROBES_OF_ONE + (Number(id) % PROBES_OF_ONE));
  }

  private apply(effects: readonly Effect[], handledAt: Ms): void {
    const { record, probing } = this.options;
    for (const effect of effects) {
      switch (effect.kind) {
        case "send":
          if (this.options.silent && effect.purpose === "heartbeat") break;
          this.socket!.send(effect.frame);
          this.checkSent(effect);
          break;
        case "ready":
          this.dueTimes = probing?.begin(handledAt);
          break;
        case "session-failed":
          record("ws_message_errors", 1, { reason: "session" });
          this.tell("session", effect.detail, `a session failed at ${effect.step}`);
          this.close({ kind: "failed", at: handledAt });
          break;
        case "reply":
          this.probes.replied(effect, effect.at, { reply: effect.name }, handledAt);
          break;
        case "timeout":
          this.probes.timedOut({ reply: effect.name });
          break;
        case "late":
          this.probes.late();
          break;
        case "lost":
          this.probes.lost({ reply: effect.name });
          break;
        case "duplicate":
          this.probes.duplicate();
          break;
        case "error":
          record("ws_message_errors", 1, { reason: "error_reply" });
          this.tell("error_reply", effect.reason, "the server answered with an error");
          for (const _ of effect.names ?? []) this.probes.refused();
          break;
        case "invalid":
          record("ws_message_errors", 1, { reason: effect.reason });
          this.tell(
            effect.reason,
            effect.detail,
            effect.reason === "protocol_code"
              ? "the protocol's own code failed"
              : `a message broke the protocol (${effect.reason})`,
          );
          break;
        case "delivery":
          if (!this.options.onlyPublishes) record("ws_deliveries", 1);
          break;
      }
      this.options.observe?.(effect);
    }
  }

  /** What only this connection may know of. */
  private get secrets(): readonly string[] {
    return [this.options.variables.token ?? "", ...this.given];
  }

  private tell(reason: MessageReason, said: string, what: string): void {
    notice(reason, said, (text) => `${what}: ${text}`, this.secrets);
  }

  /** Ends the connection from our side. At the planned end no probe is open: none falls due that late. */
  private close(outcome: Outcome): void {
    this.ending = true;
    this.disarm();
    this.endPosts();
    // Before it is open there is no peer that could answer a Close.
    if (this.openedAt === undefined) this.markClosed();
    else void this.closed.then(callAt(ms(now() + CLOSE_TIMEOUT), () => this.giveUpClose()));
    this.socket?.close(1000);
    this.settle(outcome);
  }

  private endPosts(): void {
    if (this.options.posts === undefined) this.posts.end();
  }

  /** The peer did not answer our Close. The engine gives up at the same time as this side: it counts once. */
  private giveUpClose(): void {
    if (this.unanswered) return;
    this.unanswered = true;
    this.options.record("ws_message_errors", 1, { reason: "close_unanswered" });
    this.markClosed();
  }

  private ended(code: number | undefined, by: DropCause): void {
    const { record } = this.options;
    const at = now();
    const closeCode = code === NO_CLOSE_FRAME ? undefined : code;
    this.disarm();
    if (this.options.probing) this.endPosts(); // its probes are lost by now
    this.apply(this.conversation!.drop(at), at);
    this.probes.end();
    record("ws_sessions_closed", 1);
    record("ws_connection_drop_rate", !this.ending);
    this.eventTimes?.ended(at, this.ending);
    if (this.severed) this.settle({ kind: "dropped", at, code: undefined });
    if (!this.ending) {
      this.ending = true;
      record("ws_connection_drops", 1, { code: dropCode(code), by });
      this.settle({ kind: "dropped", at, code: closeCode });
    }
    this.markClosed();
  }
}
