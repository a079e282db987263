import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { type RawData, WebSocket } from "ws";
import type { Compression } from "../../lib/compression.ts";
import type { Contract } from "../../lib/contract/contract.ts";
import { HEADER_BYTES } from "../../lib/generator-faults.ts";
import type { HttpVersion } from "../../lib/http-version.ts";
import type { Identity } from "../../lib/identity.ts";
import type { Conversation, Effect, Frame, Protocol, Send } from "../../lib/protocols/index.ts";
import type { ConnectReason } from "../../lib/reasons.ts";
import { type Ms, ms } from "../../lib/units.ts";
import { isEventStream, redactUrlOf } from "../../lib/url.ts";
import { type ContractCheck, checkBy } from "./contract-check.ts";
import { frameText, type HeaderLines, type Meaning, type Untimed } from "./event.ts";
import { EventStreamReader } from "./event-stream.ts";
import { headerLines, offerOf, readBody, reasonOf, sendAsGiven, tolerateSubprotocol } from "./handshake.ts";
import { BOTH_VERSIONS, overHttp2 } from "./over-http2.ts";
import { Posts } from "./posts.ts";
import { nameOf } from "./proxy.ts";
import { type Network, Route } from "./route.ts";

/** One connection to be tried, as one connection of a scenario would be made. */
export interface Attempt {
  readonly identity: Identity;
  /** Used if the identity has none. */
  readonly userAgent: string | undefined;
  readonly protocol: Protocol;
  /** Probes to send, the first as soon as the session is ready; none where the protocol has none. */
  readonly probes: number;
  /** Messages to publish, at the same times; none where the protocol publishes nothing. */
  readonly publications: number;
  /** Filler of the probes and publications. */
  readonly payload: string;
  /** The largest message taken. */
  readonly messageBytes: number;
  readonly compression: Compression;
  readonly httpVersion: HttpVersion["httpVersion"];
  readonly connectTimeout: Ms;
  readonly replyTimeout: Ms;
  /** From the first byte to our Close, whatever happens. */
  readonly stayFor: Ms;
  readonly network: Network;
  /** The same for publications by HTTP that go to another server. */
  readonly publishNetwork?: Network;
  /** What messages are checked against. Absent: they are not. */
  readonly contract?: Contract;
}

/** Takes an event; gives a promise when no more should come before it is settled. */
export type Report = (event: Untimed, at: Ms) => Promise<void> | undefined;

/** Time between two probes, and between two publications. */
const INTERVAL = ms(500);
/** How long the peer may take to answer our Close. */
const CLOSE_TIMEOUT = ms(2_000);

/**
 * Tries one connection: handshake, session, probes, Close. Resolves when it is over, which is `stayFor` and the
 * time for a Close from the start at the latest, or sooner when `signal` is aborted.
 *
 * @throws SyntaxError where the URL or a subprotocol cannot be used at all
 */
export const attempt = (what: Attempt, report: Report, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    try {
      // Before the time of the try begins, for schemas take long to compile on a busy machine.
      const check = what.contract && checkBy(what.contract);
      new Try(what, check, report, signal, resolve, reject);
    } catch (error) {
      reject(error);
    }
  });

class Try {
  readonly #what: Attempt;
  readonly #check: ContractCheck | undefined;
  readonly #report: Report;
  readonly #done: () => void;
  /** The protocol's own code threw: that ends it. */
  readonly #broke: (error: unknown) => void;
  /** By `performance.now()`. All other instants count from here. */
  readonly #origin = performance.now();
  readonly #socket: WebSocket | EventStreamReader;
  readonly #conversation: Conversation;
  readonly #controls = new AbortController();
  readonly #route: Route;
  readonly #posts: Posts;
  #state: "connecting" | "open" | "closing" | "over" = "connecting";
  #alarm: NodeJS.Timeout | undefined;
  /** From when on the stay counts: the 101, then the end of the session's steps. */
  #stayFrom = ms(0);
  #probesSent = 0;
  #nextProbe: Ms | undefined;
  #published = 0;
  #nextPublication: Ms | undefined;

  constructor(
    what: Attempt,
    check: ContractCheck | undefined,
    report: Report,
    signal: AbortSignal,
    done: () => void,
    broke: (error: unknown) => void,
  ) {
    this.#broke = broke;
    const { identity, protocol } = what;
    this.#what = what;
    this.#check = check;
    this.#report = report;
    this.#done = done;
    this.#conversation = protocol.connection({
      variables: identity.variables,
      authenticate: identity.authenticate,
      replyTimeoutMs: what.replyTimeout,
      unixOffsetMs: ms(performance.timeOrigin + this.#origin),
    });
    const isHttp2 = what.httpVersion === "2";
    this.#route = new Route(
      identity.url,
      what.network,
      this.#controls.signal,
      isHttp2 ? BOTH_VERSIONS : undefined,
    );
    this.#posts = new Posts(what, this.#controls.signal, (purpose, detail) => {
      if (this.#state === "open") this.#tell({ event: "not-taken", purpose, detail });
    });
    this.#socket = isEventStream(identity.url) ? this.#openStream() : this.#openSocket();
    this.#tell({
      event: "connecting",
      url: redactUrlOf(identity),
      headers: Object.keys(identity.headers),
      subprotocols: identity.subprotocols,
      ...(what.network.proxy && { proxy: nameOf(what.network.proxy) }),
      ...(this.#socket instanceof EventStreamReader && { eventStream: true }),
    });
    signal.addEventListener("abort", () => this.#leave(), { signal: this.#controls.signal });
    this.#arm();
  }

  #openStream(): EventStreamReader {
    const { identity, userAgent, messageBytes } = this.#what;
    const stream = new EventStreamReader({
      request: identity,
      userAgent,
      messageBytes,
      connect: () => this.#connect(),
    });
    stream.on(
      "open",
      this.#orBreak(({ rawHeaders }) => {
        const at = this.#now();
        this.#state = "open";
        this.#tell(
          {
            event: "connected",
            eventStream: true,
            subprotocol: null,
            headers: headerLines(rawHeaders),
            ...this.#version(),
          },
          at,
        );
        this.#happened(this.#conversation.open(at), at);
        this.#arm();
      }),
    );
    stream.on("refused", (response) => void this.#refused(response));
    stream.on(
      "event",
      this.#orBreak((text) => this.#received(text, this.#now())),
    );
    stream.on("comment", (text) => this.#tell({ event: "comment", text }));
    stream.on("retry", (retryMs) => this.#tell({ event: "retry", retryMs }));
    stream.on("error", (error) => this.#failed(error));
    stream.on("close", (isComplete, broken) => {
      if (this.#state === "over") return;
      this.#drop();
      this.#tell({
        event: "ended",
        by: isComplete || broken ? "server" : "network",
        ...(broken && { detail: `${broken.message} (${broken.reason})` }),
      });
      this.#end();
    });
    return stream;
  }

  #openSocket(): WebSocket {
    const { identity } = this.#what;
    const socket = new WebSocket(identity.url, [...identity.subprotocols], {
      finishRequest: (request) => {
        if (this.#what.userAgent) request.setHeader("User-Agent", this.#what.userAgent);
        sendAsGiven(identity, request);
      },
      // The types know no connection that is made later, as Node.js does.
      createConnection: ((_: unknown, made: (error: Error | null, socket?: Socket) => void) => {
        this.#connect().then((socket) => made(null, socket), made);
      }) as never,
      perMessageDeflate: offerOf(this.#what.compression),
      maxPayload: this.#what.messageBytes,
      maxHeaderSize: HEADER_BYTES, // Node.js takes 16 KiB by itself
    });
    this.#listen(socket);
    return socket;
  }

  /** Makes the connection, or the stream of HTTP/2 that looks like one. */
  async #connect(): Promise<Socket> {
    const { identity, httpVersion } = this.#what;
    const socket = await this.#route.connect(this.#deadline());
    return httpVersion === "2" ? (overHttp2(socket, /^(wss|https):/.test(identity.url)) as Socket) : socket;
  }

  #version(): { httpVersion?: "2" } {
    return this.#what.httpVersion === "2" ? { httpVersion: "2" } : {};
  }

  #listen(socket: WebSocket): void {
    let headers: HeaderLines = [];
    let compression: string | null | undefined;
    let agreed: ReturnType<typeof tolerateSubprotocol> = { subprotocol: null };
    socket.on("upgrade", (response) => {
      headers = headerLines(response.rawHeaders);
      if (this.#what.compression.compression !== "off")
        compression = response.headers["sec-websocket-extensions"] ?? null;
      agreed = tolerateSubprotocol(response, this.#what.identity.subprotocols);
    });
    socket.on(
      "open",
      this.#orBreak(() => {
        const at = this.#now();
        this.#state = "open";
        this.#stayFrom = this.#now();
        this.#tell(
          {
            event: "connected",
            headers,
            ...agreed,
            ...(compression !== undefined && { compression }),
            ...this.#version(),
          },
          at,
        );
        this.#happened(this.#conversation.open(at), at);
        this.#arm();
      }),
    );
    socket.on("unexpected-response", (request, response) => {
      void this.#refused(response).finally(() => request.destroy());
    });
    socket.on(
      "message",
      this.#orBreak((data: RawData, isBinary: boolean) =>
        this.#received(isBinary ? new Uint8Array(data as Buffer) : data.toString(), this.#now()),
      ),
    );
    socket.on("ping", (data) => this.#tell({ event: "ping", bytes: data.length }));
    socket.on("error", (error) => this.#failed(error));
    socket.on("close", (code, reason) => this.#closed(code, reason.toString()));
  }

  async #refused(response: IncomingMessage): Promise<void> {
    if (this.#state !== "connecting") return;
    this.#state = "closing"; // an answer is an answer, even where the time is over before its body
    clearTimeout(this.#alarm);
    const { statusCode = 0, statusMessage = "", rawHeaders } = response;
    const at = this.#now();
    const body = await readBody(response, CLOSE_TIMEOUT);
    this.#tell(
      {
        event: "refused",
        status: statusCode,
        statusText: statusMessage,
        headers: headerLines(rawHeaders),
        body,
      },
      at,
    );
    this.#end();
  }

  #failed(error: Error): void {
    if (this.#state === "connecting") this.#unconnected(...reasonOf(error));
    else if (this.#state !== "over") this.#tell(this.#breach(error));
  }

  #breach(error: NodeJS.ErrnoException): Untimed {
    if (error.code !== "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH")
      return { event: "violation", detail: error.message };
    const detail = `a message was larger than ${this.#what.messageBytes} bytes: raise --message-bytes`;
    return { event: "limit", detail };
  }

  #unconnected(reason: ConnectReason, detail: string): void {
    this.#tell({ event: "unconnected", reason, detail });
    this.#end();
  }

  #received(frame: Frame, at: Ms): void {
    if (this.#state === "over") return;
    let congested: Promise<void> | undefined;
    let count = 0;
    for (const { message = frame, bytes, role, effects } of this.#conversation.receiveEach(frame, at)) {
      count++;
      const meaning = meaningOf(effects);
      const text = frameText(message, bytes);
      const checked = "text" in text ? this.#check?.received(text.text, role) : undefined;
      congested = this.#tell({ event: "received", ...text, meaning, ...(checked && { checked }) }, at);
      this.#apply(effects, at);
    }
    if (count === 0) congested = this.#tell({ event: "part", ...frameText(frame) }, at);
    this.#arm();
    if (!congested) return;
    this.#socket.pause();
    void congested.then(() => this.#socket.resume());
  }

  /** What came about without a message. */
  #happened(effects: readonly Effect[], at: Ms): void {
    for (const effect of effects) {
      if (effect.kind !== "send") this.#tell({ event: "elapsed", meaning: [effect] }, at);
      this.#apply([effect], at);
    }
  }

  /** Sends what is to be sent, starts the probes, gives up on a session that cannot be had. */
  #apply(effects: readonly Effect[], at: Ms): void {
    for (const effect of effects) {
      if (effect.kind === "send") this.#send(effect);
      else if (effect.kind === "ready") this.#start(at);
      else if (effect.kind === "session-failed") this.#leave();
    }
  }

  #start(at: Ms): void {
    this.#stayFrom = at;
    if (this.#what.probes > 0) this.#nextProbe = at;
    if (this.#what.publications > 0) this.#nextPublication = at;
  }

  #send({ frame, json, messages, purpose }: Send, probe?: string): void {
    if (this.#state !== "open") return;
    const spec = this.#posts.specOf(purpose);
    if (spec) this.#posts.send(frame, purpose, spec);
    else if (!(this.#socket instanceof EventStreamReader)) this.#socket.send(frame);
    const message = json === undefined ? frameText(frame) : frameText(json, frame.length);
    const checked = this.#check?.sent(messages ?? ("text" in message ? [message.text] : []));
    this.#tell({
      event: "sent",
      purpose,
      ...(probe !== undefined && { probe }),
      ...message,
      ...(checked && { checked }),
    });
  }

  #probe(): void {
    const { protocol, payload, probes } = this.#what;
    this.#probesSent++;
    const id = protocol.numericIds ? String(this.#probesSent) : `try-${this.#probesSent}`;
    const at = this.#now();
    const sent = this.#conversation.probe(id, at, payload);
    this.#conversation.sent(id, this.#now());
    this.#send(sent, id);
    this.#nextProbe = this.#probesSent < probes ? ms(at + INTERVAL) : undefined;
  }

  #publish(): void {
    const { payload, publications } = this.#what;
    const seq = ++this.#published;
    const at = this.#now();
    this.#send(this.#conversation.publish({ id: `published-${seq}`, seq, payload }, at));
    this.#nextPublication = seq < publications ? ms(at + INTERVAL) : undefined;
  }

  /** Waits for whatever is next: a probe, a timeout of the conversation, the end. */
  #arm(): void {
    if (this.#state === "closing" || this.#state === "over") return; // the alarm is the Close's
    clearTimeout(this.#alarm);
    const next = Math.min(
      this.#deadline(),
      this.#nextProbe ?? Infinity,
      this.#nextPublication ?? Infinity,
      this.#conversation.nextDue() ?? Infinity,
    );
    this.#alarm = setTimeout(
      this.#orBreak(() => this.#wake()),
      Math.max(0, Math.ceil(next - this.#now())),
    );
  }

  #deadline(): Ms {
    const { stayFor, connectTimeout } = this.#what;
    return this.#state === "connecting"
      ? ms(Math.min(stayFor, connectTimeout))
      : ms(this.#stayFrom + stayFor);
  }

  /** Does it, or gives up on the whole where the protocol's own code throws. */
  #orBreak<A extends unknown[]>(act: (...args: A) => void): (...args: A) => void {
    return (...args) => {
      try {
        act(...args);
      } catch (error) {
        this.#broke(error); // first, for the end resolves what this rejects
        this.#end();
      }
    };
  }

  #wake(): void {
    const at = this.#now();
    if (this.#state === "open") {
      this.#happened(this.#conversation.due(at), at);
      const isDue = (next: Ms | undefined) => next !== undefined && next <= at && this.#conversation.ready;
      if (isDue(this.#nextProbe)) this.#probe();
      if (isDue(this.#nextPublication)) this.#publish();
    }
    if (at >= this.#deadline()) this.#leave();
    else this.#arm();
  }

  /** Ends it from our side. */
  #leave(): void {
    if (this.#state === "connecting") {
      const waited = Math.round(this.#now());
      if (this.#route.awaitsProxy) {
        this.#unconnected("proxy_timeout", `no tunnel through the proxy within ${waited} ms`);
        return;
      }
      this.#unconnected("timeout", `no answer to the upgrade request within ${waited} ms`);
      return;
    }
    if (this.#state !== "open") return;
    this.#state = "closing";
    clearTimeout(this.#alarm);
    if (this.#socket instanceof EventStreamReader) {
      this.#drop();
      this.#tell({ event: "ended", by: "us" });
      this.#end();
      return;
    }
    this.#socket.resume(); // the answer to our Close is among what waits
    this.#socket.close(1000);
    const { awaiting } = this.#conversation;
    this.#tell({ event: "closing", code: 1000, ...(awaiting !== undefined && { awaiting }) });
    this.#alarm = setTimeout(() => {
      this.#drop();
      this.#tell({ event: "close-unanswered", waitedMs: CLOSE_TIMEOUT });
      this.#end();
    }, CLOSE_TIMEOUT);
  }

  #closed(code: number, reason: string): void {
    if (this.#state === "connecting") this.#unconnected("reset", "the connection ended before an answer");
    if (this.#state === "over") return;
    this.#drop();
    const answered = code !== 1006;
    // Whatever ends it after our Close, with the answer that it is owed or without, ends it as we wanted.
    const by = this.#state === "closing" ? "us" : answered ? "server" : "network";
    this.#tell({ event: "closed", by, code: !answered || code === 1005 ? null : code, reason, answered });
    this.#end();
  }

  /** What the conversation still waited for is lost. */
  #drop(): void {
    const at = this.#now();
    this.#happened(this.#conversation.drop(at), at);
  }

  #end(): void {
    this.#state = "over";
    clearTimeout(this.#alarm);
    this.#controls.abort();
    this.#socket.terminate();
    this.#done();
  }

  #tell(event: Untimed, at: Ms = this.#now()): Promise<void> | undefined {
    return this.#report(event, at);
  }

  #now(): Ms {
    return ms(performance.now() - this.#origin);
  }
}

const meaningOf = (effects: readonly Effect[]): Meaning[] =>
  effects.filter((effect) => effect.kind !== "send");
