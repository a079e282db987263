/** One connection of a fuzzing run, hostile or well-behaved: everything that happens on it goes into its log. */
import type { Socket } from "node:net";
import type { RawData, WebSocket } from "ws";
import { fill } from "../../lib/fuzz/fill.ts";
import type { ConnectionSeen, Meaning, ProbeSeen, Shown } from "../../lib/fuzz/observation.ts";
import { MODEST_BYTES } from "../../lib/fuzz/oracle.ts";
import type { Opening, Step } from "../../lib/fuzz/sequence.ts";
import { isGeneratorFault } from "../../lib/generator-faults.ts";
import type { Identity } from "../../lib/identity.ts";
import type { Conversation, Effect, Frame, Send } from "../../lib/protocols/index.ts";
import { ms } from "../../lib/units.ts";
import { appendToUrl, encodeTarget } from "../../lib/url.ts";
import { readBody, reasonOf, tolerateSubprotocol } from "../try/handshake.ts";
import { nameOf } from "../try/proxy.ts";
import type { Network } from "../try/route.ts";
import { dial } from "./dial.ts";
import { frameBytes } from "./frames.ts";
import { Journal, shownFrame } from "./journal.ts";
import { LoginFailed, type Target } from "./target.ts";
import { writeStep } from "./write-step.ts";

/** Who a connection is. */
export interface Part {
  readonly name: string;
  readonly role: ConnectionSeen["role"];
  /** Its number among all connections: which user it is. */
  readonly index: number;
  readonly room: string;
  /** The user beside it that did nothing wrong. */
  readonly neighbourUser: string;
  readonly opening: Opening;
}

/** Counts all connections of this process, so that no identifier comes twice. */
let identifiers = 1_000_000;

export const nextIdentifier = (): number => ++identifiers;

export class Client {
  readonly part: Part;
  readonly #target: Target;
  readonly #journal: Journal;
  readonly #waiting = new Map<string, (outcome: ProbeSeen["outcome"], reason?: string) => void>();
  readonly #controls = new AbortController();
  #variables: Readonly<Record<string, string>> = {};
  #socket: WebSocket | undefined;
  #tcp: Socket | undefined;
  #conversation: Conversation | undefined;
  #alarm: NodeJS.Timeout | undefined;
  #state: "connecting" | "open" | "closing" | "over" = "connecting";
  #session: ConnectionSeen["session"] = "none";
  #pongs = 0;
  #ponged: boolean | undefined;
  #closeAnswered: boolean | undefined;
  #isValidSoFar = true;
  /** Then an end without a Close may be the proxy's doing. */
  #isProxied = false;

  private constructor(part: Part, target: Target, journal: Journal) {
    this.part = part;
    this.#target = target;
    this.#journal = journal;
  }

  /**
   * Opens one. Resolves when its session is ready, or that has failed: its log says which.
   *
   * @param origin the instant by `performance.now()` that its times count from
   */
  static async open(part: Part, target: Target, origin: number): Promise<Client> {
    const client = new Client(part, target, new Journal(origin));
    await client.#open();
    return client;
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  get isReady(): boolean {
    return this.isOpen && this.#session === "ready";
  }

  get user(): string {
    return this.#variables.user ?? "";
  }

  /** Its log as it stands. */
  seen(): ConnectionSeen {
    return {
      ...this.#journal.seen(),
      name: this.part.name,
      role: this.part.role,
      ponged: this.#ponged,
      closeAnswered: this.#closeAnswered,
      session: this.#session,
    };
  }

  /** Forgets what it has seen, but for the end of the connection: a neighbour begins its next run. */
  forget(): void {
    this.#journal.forget();
  }

  async #open(): Promise<void> {
    const { index, room, opening } = this.part;
    const given = { room, vu: String(index + 1), ...opening.variables };
    const known = await this.#target.identityOf(index, given).catch((error: Error) => error);
    if (known instanceof Error) {
      const ours = known instanceof LoginFailed && known.isOurs && { isOurs: true };
      this.#journal.tell({ event: "unconnected", reason: known.message, ...ours });
      this.#state = "over";
      return;
    }
    const { identity, network } = known;
    this.#variables = identity.variables;
    const { protocol } = this.#target;
    if (opening.start === "ready") {
      this.#conversation = protocol.connection({
        variables: identity.variables,
        authenticate: identity.authenticate,
        replyTimeoutMs: ms(Math.max(60_000, this.#target.messageTimeoutMs)),
        unixOffsetMs: ms(performance.timeOrigin),
      });
    }
    await new Promise<void>((resolve) => this.#connect(identity, network, resolve));
  }

  #connect(identity: Identity, network: Network, done: () => void): void {
    const { opening } = this.part;
    const { connectTimeoutMs } = this.#target;
    const url =
      opening.query === undefined
        ? identity.url
        : appendToUrl(identity.url, `?${encodeTarget(opening.query)}`);
    const subprotocols = opening.subprotocols ?? identity.subprotocols;
    let socket: WebSocket;
    try {
      const onTcp = (tcp: Socket) => {
        this.#tcp = tcp;
      };
      const call = { identity: { ...identity, url, subprotocols }, network, onTcp };
      socket = dial({ ...call, signal: this.#controls.signal }, this.#target);
    } catch (error) {
      this.#journal.tell({ event: "unconnected", reason: (error as Error).message });
      this.#state = "over";
      done();
      return;
    }
    this.#socket = socket;
    const settled = () => {
      clearTimeout(late);
      ignore();
      done();
    };
    const look = () => {
      if (
        this.#state === "over" ||
        this.#session !== "none" ||
        (this.#state === "open" && !this.#conversation)
      )
        settled();
    };
    const ignore = this.#journal.listen(look);
    const late = setTimeout(() => {
      if (this.#state === "connecting") {
        const reason =
          network.proxy && !this.#tcp
            ? `proxy_timeout: no tunnel through the proxy ${nameOf(network.proxy)} within ${connectTimeoutMs} ms`
            : `no answer to the upgrade request within ${connectTimeoutMs} ms`;
        this.#unconnected(reason);
        this.#end();
      } else this.#session = "failed";
      settled();
    }, connectTimeoutMs);
    this.#isProxied = network.proxy !== undefined;
    this.#listen(socket, subprotocols);
  }

  /** @param reason one of the closed list before its colon */
  #unconnected(reason: string): void {
    const [known = ""] = reason.split(":");
    const isCut = this.#isProxied && (known === "reset" || known === "closed");
    const ours = (isCut || isGeneratorFault("ws_connect_failures", known)) && { isOurs: true };
    this.#journal.tell({ event: "unconnected", reason, ...ours });
  }

  #listen(socket: WebSocket, subprotocols: readonly string[]): void {
    let subprotocol: string | null = null;
    socket.on("upgrade", (response) => {
      const agreed = tolerateSubprotocol(response, subprotocols);
      subprotocol = agreed.subprotocol;
      if (subprotocol !== null && agreed.problem && this.#target.checkSubprotocols)
        this.#journal.tell({ event: "violation", detail: agreed.problem });
    });
    socket.on("open", () => {
      this.#state = "open";
      this.#journal.tell({ event: "opened", subprotocol });
      if (this.#conversation) this.#apply(this.#conversation.open(this.#now()));
      this.#arm();
    });
    socket.on("unexpected-response", (request, response) => {
      void readBody(response, ms(2_000)).then((body) => {
        this.#journal.tell({ event: "refused", status: response.statusCode ?? 0, body });
        request.destroy();
        this.#end();
      });
    });
    socket.on("message", (data: RawData, isBinary: boolean) => this.#received(data as Buffer, isBinary));
    socket.on("pong", () => {
      this.#pongs++;
      this.#journal.tell({ event: "pong" });
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (this.#state === "connecting") {
        const [reason, detail] = reasonOf(error);
        this.#unconnected(`${reason}: ${detail}`);
        this.#end();
      } else if (error.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") {
        this.#journal.tell({ event: "limit", detail: error.message });
      } else if (error.code?.startsWith("WS_ERR"))
        this.#journal.tell({ event: "violation", detail: error.message });
    });
    socket.on("close", (code, reason) => {
      if (this.#state === "over") return;
      if (this.#state === "connecting") this.#unconnected("reset: the connection ended before an answer");
      const answered = code !== 1006;
      const by =
        this.#state === "closing" || this.#journal.isViolated ? "us" : answered ? "server" : "network";
      if (this.#state === "closing") this.#closeAnswered ??= answered;
      this.#journal.tell({
        event: "closed",
        code: !answered || code === 1005 ? null : code,
        reason: reason.toString(),
        by,
        ...(by === "network" && this.#isProxied && { isOurs: true }),
      });
      this.#end();
    });
  }

  /** The last texts that came, whole. */
  readonly whole: string[] = [];

  #received(data: Buffer, isBinary: boolean): void {
    if (this.#state === "over") return;
    if (!isBinary) {
      this.whole.push(data.toString());
      if (this.whole.length > 8) this.whole.shift();
    }
    const frame: Frame = isBinary ? new Uint8Array(data) : data.toString();
    const at = this.#now();
    if (!this.#conversation) {
      this.#journal.tell({ event: "received", meaning: [], ...shownFrame(frame) });
      return;
    }
    for (const { message = frame, role, effects } of this.#conversation.receiveEach(frame, at)) {
      const meaning = effects.filter((effect) => effect.kind !== "send");
      this.#note(message, meaning);
      this.#journal.tell({ event: "received", meaning, role, ...shownFrame(message) });
      this.#apply(effects);
    }
    this.#arm();
  }

  #note(message: Frame, meaning: readonly Meaning[]): void {
    this.#journal.noteDeliveries(meaning);
    const text = typeof message === "string" ? message : Buffer.from(message).toString("latin1");
    if (this.isForeign?.(text, meaning)) this.#journal.foreign.push(shownFrame(message));
  }

  /** Says whether a message is for another connection. */
  isForeign: ((text: string, meaning: readonly Meaning[]) => boolean) | undefined;

  /** When each delivery of a message came, by `performance.now()`. */
  deliveriesOf(id: string): readonly number[] {
    return this.#journal.deliveriesOf(id);
  }

  #apply(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind === "send") this.#write(effect);
      else if (effect.kind === "ready") this.#session = "ready";
      else if (effect.kind === "session-failed") this.#session = "failed";
      else if (effect.kind === "reply" && effect.last) this.#waiting.get(effect.id)?.("reply");
      else if (effect.kind === "error" && effect.id !== undefined)
        this.#waiting.get(effect.id)?.("error", effect.reason);
    }
    this.#journal.wake();
  }

  #write({ frame, json, purpose }: Send, step?: number): void {
    if (!this.isOpen) return;
    this.#journal.tell({
      event: "sent",
      purpose,
      ...(step !== undefined && { step }),
      ...shownFrame(json ?? frame),
    });
    this.#socket!.send(frame);
  }

  /** Time alone brings heartbeats about. */
  #arm(): void {
    clearTimeout(this.#alarm);
    const due = this.#conversation?.nextDue();
    if (!this.isOpen || due === undefined) return;
    this.#alarm = setTimeout(
      () => {
        if (!this.isOpen) return;
        const effects = this.#conversation!.due(this.#now());
        const meaning = effects.filter((effect) => effect.kind !== "send");
        if (meaning.length > 0) this.#journal.tell({ event: "elapsed", meaning });
        this.#apply(effects);
        this.#arm();
      },
      Math.max(0, Math.ceil(due - this.#now())),
    );
  }

  /**
   * Sends a step. What it says stands for this run is filled in.
   *
   * @param waitMs how long the reply of a valid probe may take
   */
  send(step: Step, index: number, waitMs: number): void {
    if (!this.isOpen) return;
    if (step.valid) {
      this.#sendValid(step.valid, index, waitMs);
      return;
    }
    this.#isValidSoFar = false;
    const note = (shown: Shown) =>
      this.#journal.tell({ event: "sent", purpose: "step", step: index, ...shown });
    if (step.cut) {
      note({ text: "cut", bytes: 0 });
      this.#state = "closing";
      this.#socket!.terminate();
      return;
    }
    const { protocol } = this.#target;
    const filled = (text: string) => this.#filled(text);
    writeStep(step, { socket: this.#socket!, tcp: this.#tcp!, protocol, filled, note });
  }

  #sendValid({ kind, payload }: NonNullable<Step["valid"]>, index: number, waitMs: number): void {
    if (!this.isReady || !this.#conversation!.ready) {
      // Before the session: the same message, whatever may be made of it.
      this.#isValidSoFar = false;
      this.#journal.tell({
        event: "sent",
        purpose: "step",
        step: index,
        text: `no ${kind}, for there is no session`,
        bytes: 0,
      });
      return;
    }
    if (kind === "probe") this.asked.push(this.probe(waitMs, { payload, step: index }));
    else this.publish(payload, index);
  }

  /** Publishes a message; gives its identifier. */
  publish(payload: string, step?: number): string | undefined {
    if (!this.isReady || !this.#conversation!.ready) return undefined;
    const id = `fz-${nextIdentifier()}`;
    try {
      this.#write(this.#conversation!.publish({ id, seq: identifiers, payload }, this.#now()), step);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return undefined;
    }
    if (this.#isValidSoFar && payload.length <= MODEST_BYTES) this.#published.push(id);
    return id;
  }

  /** Probes of its steps that wait for their replies. */
  readonly asked: Promise<ProbeSeen | undefined>[] = [];

  /** The identifier of the probe that it sent last. */
  lastProbe: string | undefined;

  readonly #published: string[] = [];
  /** How many of these the server has read: it answered something that was sent behind them. */
  #read = 0;

  /** What it has published that others are owed. Nobody is owed what was on its way when the connection ended. */
  get owed(): readonly string[] {
    return this.isOpen ? this.#published : this.#published.slice(0, this.#read);
  }

  /** Sends a probe of the protocol, and waits for all of its replies. */
  async probe(
    withinMs: number,
    { payload = "", step }: { payload?: string; step?: number } = {},
  ): Promise<ProbeSeen | undefined> {
    const conversation = this.#conversation;
    if (!this.isReady || !conversation?.ready || !this.#target.protocol.descriptor.probe) return undefined;
    const number = nextIdentifier();
    const id = this.#target.protocol.numericIds ? String(number) : `fz-${number}`;
    const sentAt = this.#now();
    const published = this.#published.length;
    const common = {
      id,
      payloadBytes: Buffer.byteLength(payload),
      afterValid: this.#isValidSoFar,
      ...(step !== undefined && { step }),
    };
    let send: Send;
    try {
      send = conversation.probe(id, sentAt, payload);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return undefined;
    }
    conversation.sent(id, sentAt);
    this.lastProbe = id;
    const seen = await new Promise<ProbeSeen>((resolve) => {
      const settle = (outcome: ProbeSeen["outcome"], reason?: string) => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        ignore();
        resolve({
          ...common,
          outcome,
          afterMs: this.#now() - sentAt,
          ...(reason !== undefined && { reason }),
        });
      };
      const timer = setTimeout(() => settle("silence"), withinMs);
      const look = () => {
        if (!this.isOpen) settle("ended");
      };
      const ignore = this.#journal.listen(look);
      this.#waiting.set(id, settle);
      this.#write(send, step);
      look();
    });
    if (seen.outcome === "reply") this.#read = Math.max(this.#read, published);
    this.#journal.probes.push(seen);
    return seen;
  }

  /** Sends a Ping, and waits for any Pong. Gives whether one came, or the connection ended. */
  async ping(withinMs: number): Promise<boolean> {
    if (!this.isOpen) return true;
    const before = this.#pongs;
    const published = this.#published.length;
    this.#tcp!.write(frameBytes({ fin: true, opcode: 9, text: "fuzz" }));
    const answered = await this.#journal.until(() => this.#pongs > before || !this.isOpen, withinMs);
    this.#ponged = answered;
    if (this.#pongs > before) this.#read = Math.max(this.#read, published);
    return answered;
  }

  /** Closes it as it should be, and waits for the answer. */
  async close(withinMs: number): Promise<void> {
    if (this.#state !== "open") {
      this.#end();
      return;
    }
    this.#state = "closing";
    this.#socket!.close(1000);
    const answered = await this.#journal.until(() => this.#state === "over", withinMs);
    this.#closeAnswered ??= answered;
    this.#end();
  }

  /** Waits until a message has come this often. */
  delivered(id: string, withinMs: number): Promise<boolean> {
    return this.#journal.until(() => this.deliveriesOf(id).length > 0 || !this.isOpen, withinMs);
  }

  /** The same in all steps of the connection: a message that is sent twice has the same identifier twice. */
  readonly #number = nextIdentifier();

  #filled(text: string): string {
    return fill(text, {
      room: this.part.room,
      user: this.user,
      neighbour: this.part.neighbourUser,
      token: this.#variables.token ?? "",
      number: this.#number,
      captured: this.#conversation?.captured ?? {},
    });
  }

  #end(): void {
    if (this.#state !== "over") {
      this.#state = "over";
      clearTimeout(this.#alarm);
      this.#conversation?.drop(this.#now());
      this.#controls.abort();
      this.#socket?.terminate();
    }
    this.#journal.wake();
  }

  #now() {
    return ms(performance.now());
  }
}
