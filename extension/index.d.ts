/**
 * The JavaScript module of k6-realtime's extension, for scripts that run in a k6 built with it (`bin/k6`).
 * All times are in milliseconds, fractional.
 */
declare module "k6/x/realtime" {
  /** How long each phase of a connection may take. */
  export interface Timeouts {
    /** Look-up of the host. */
    resolveMs?: number;
    /** The TCP connection, to all addresses of the host together. */
    tcpMs?: number;
    /** CONNECT written to a proxy's answer. */
    proxyMs?: number;
    tlsMs?: number;
    /** Request written to the 101 response. */
    upgradeMs?: number;
    /** Close frame sent to the end of the connection. */
    closeMs?: number;
  }

  /**
   * The options of a {@link Swarm}. An invalid or unknown option throws an error with its name, the expected value
   * and the actual one.
   */
  export interface SwarmOptions {
    /**
     * ws:// or wss:// URLs, or http:// or https:// URLs of event streams, taken in turn by the connections. `${name}` in a path or query stands for one of
     * {@link variables}, percent-encoded.
     */
    servers: readonly string[];
    /** How many connections there are to be, of all shards and instances together: 1 to 1,000,000. */
    connections: number;
    /**
     * Parts that the connections are cut into, one for each virtual user of the scenario. Default 1. Other scenarios of
     * the test have virtual users of their own. A test that
     * runs in several instances (`--execution-segment`) needs at least as many.
     */
    shards?: number;
    /** Connections begun in a second, evenly. This or {@link batchSize}. */
    rate?: number;
    /** Connections begun at once, then again after {@link batchDelayMs}. */
    batchSize?: number;
    /** Default 1000. */
    batchDelayMs?: number;
    /** How often a connection that failed is tried again; -1 until it opens. Default 0. */
    retries?: number;
    /** How long after a failure that is. Default 1000. */
    retryDelayMs?: number;
    /** How long all connections may take to open; {@link Swarm.run} rejects after it. Default 10 minutes. */
    reachWithinMs?: number;
    /** What messages are checked against. Default: nothing. */
    contract?: Contract;
    /** How long they are held once each is open or given up. Default 0. */
    holdMs?: number;
    /** Time over which they are closed, the last opened first. Default 0. */
    closeOverMs?: number;
    /** Local addresses to connect from, taken in turn. Default: those of k6's `--local-ips`, else the kernel's choice. */
    sources?: readonly string[];
    /** What to do when this machine gives no more descriptors or ports. Default "fail": {@link Swarm.run} rejects. */
    onExhausted?: "fail" | "continue";
    /**
     * "realtime" has the engine read and write before every ordinary thread of the machine, so that it is on time
     * beside a busy server. Linux with CAP_SYS_NICE and two processors at least; elsewhere {@link Swarm.run} rejects.
     * The same for all swarms that run at a time. Default "normal".
     */
    priority?: "normal" | "realtime";
    /**
     * The largest message taken, in bytes, up to 1 GiB. A larger one ends its connection with 1009, as a drop by
     * `generator`. The same for all swarms that run at a time. Default 64 MiB.
     */
    messageBytes?: number;
    /**
     * What all connections of the process together may hold of messages half received, in bytes: at least
     * {@link messageBytes}. More ends a connection in the same way. The same for all swarms that run at a time.
     * Default 1 GiB.
     */
    bufferedBytes?: number;
    /**
     * "deflate" offers compression (permessage-deflate, RFC 7692). Default "off": none is offered.
     */
    compression?: "off" | "deflate";
    /**
     * With compression, whose messages may refer to earlier ones. A connection then keeps a window for each such
     * direction. Default "none".
     */
    contextTakeover?: "none" | "client" | "server" | "both";
    /** With compression, the window of what this side sends, 8 to 15 bits. Default 15. */
    clientWindowBits?: number;
    /** With compression, the window of what the server sends, 8 to 15 bits. Default 15. */
    serverWindowBits?: number;
    /**
     * "2" connects by HTTP/2 (WebSockets by RFC 8441): over `wss` and `https` by ALPN, else without an upgrade.
     * Connections are then streams that share TCP connections. Default "1.1".
     */
    httpVersion?: "1.1" | "2";
    /** With HTTP/2, the largest number of connections that share a TCP connection, 1 to 10,000. Default 100. */
    streamsPerConnection?: number;
    /** Subprotocols offered, the preferred one first; `${name}` stands for one of {@link variables}. Default none. */
    subprotocols?: readonly string[];
    /**
     * Header fields by name. `${name}` stands for one of {@link variables}; in a `Cookie`, what cannot stand in a
     * cookie's value is percent-encoded. A `User-Agent` takes the place of k6's; an empty one leaves it out.
     */
    headers?: Readonly<Record<string, string>>;
    /**
     * Values for `${name}`: a text or a list. In a text, `${connection}` stands for the connection's number (from 0).
     * Of a list, connection i takes element i, starting over if there are fewer elements. `connection` and `vu`
     * always have values.
     */
    variables?: Readonly<Record<string, string | readonly string[]>>;
    /**
     * Variables that a login gives each connection, before {@link variables} and {@link users}. {@link Swarm.run} then
     * takes who logs in. Default: none comes first.
     */
    loginVariables?: readonly string[];
    /** From {@link readUsers}: each column is a variable, of which connection i takes line i, before {@link variables}. */
    users?: Users;
    /** Bounds on each phase. Defaults: 10 s, and 5 s to close. */
    timeouts?: Timeouts;
    /**
     * Messages that a connection is expected to receive in a second, 0 to 1,000,000; default 1. It decides which
     * fraction of the values k6's thresholds see (see {@link Distribution.oneIn}), so that k6's memory stays bounded.
     */
    messagesPerSecond?: number;
    /**
     * What the connections do once all are open: subscribe to rooms, into which further connections publish.
     * {@link connections} counts the subscribers, and {@link holdMs} has no meaning. Default: they are held.
     */
    fanOut?: FanOut;
    /**
     * What the connections do instead: each asks, again and again, and each answer is timed. {@link holdMs} has no
     * meaning then.
     */
    probing?: Probing;
    /**
     * If a test is several swarms, one after the other: which one this is, as the tag `step` on all of its samples
     * and in {@link steps}. Up to 32 letters, digits, `_` and `.`. Default: no tag.
     */
    step?: string;
  }

  /**
   * Rooms full of subscribers and who publishes into them. Connection i is in room i modulo {@link rooms}; who hears
   * a publication is in the process that made it, so that both ends are read from one clock.
   */
  export interface FanOut {
    /** A protocol descriptor that has `publish` with `${id}`, and `delivery` with `id`. */
    protocol: object;
    /** How publishers connect and what they speak. Default: as the subscribers. */
    publisher?: Publisher;
    /**
     * The URLs of publications by HTTP, which publishers take in turn; variables may stand in the path and the query. Default:
     * to the server of their connection.
     */
    publishUrls?: readonly string[];
    /** Whether the descriptor's `refresh` message opens each session, for servers that take the token in a message. */
    authenticate?: boolean;
    /** Rooms, a multiple of the shards, of which the subscribers are a multiple. Default 1. */
    rooms?: number;
    /**
     * Connections that publish, beside the subscribers: a multiple of the rooms, or 0 only to listen. Then subscribers
     * of a room are compared where deliveries have an `id`: what two hear is due to all. Default 1.
     */
    publishers?: number;
    /** Publications in a second, of all publishers together, evenly spaced. Default 1. */
    publicationsPerSecond?: number;
    /** Size of the descriptor's `${payload}`. Default 0. */
    payloadBytes?: number;
    /** For how long there are publications. */
    forMs: number;
    /** How long after its due time a delivery counts as late, and how long the last are waited for. Default 5000. */
    timeoutMs?: number;
    /** Subscribers of each shard that leave in a second, each to come back at once. Default 0. */
    churnPerSecond?: number;
  }

  /** Connections that publish and hear no deliveries. */
  export interface Publisher {
    /** A protocol descriptor that has `publish` with `${id}`, which that of the subscribers then needs not have. */
    protocol: object;
    /** URLs that publishers take in turn, as {@link SwarmOptions.servers} are; the same ones with other paths, or others. */
    servers: readonly string[];
    /** What they offer instead of {@link SwarmOptions.subprotocols}. Default: nothing. */
    subprotocols?: readonly string[];
  }

  /**
   * Probes that every connection sends on due times of its own, from when its session is ready, whether or not the
   * last answer came. A connection that drops, or whose session failed, comes back; what falls due to it meanwhile is
   * lost. One that has never been open is tried again as {@link SwarmOptions.retries} says.
   */
  export interface Probing {
    /** A protocol descriptor that has `probe`. */
    protocol: object;
    /** Whether the descriptor's `refresh` message opens each session, for servers that take the token in a message. */
    authenticate?: boolean;
    /** Time between two probes of one connection. Each begins at another phase of it. */
    intervalMs: number;
    /** Size of the descriptor's `${payload}`. Default 0. */
    payloadBytes?: number;
    /** For how long there are probes once all connections are open or given up. */
    forMs: number;
    /** How long after its due time an answer counts as late, and how long the last are waited for. Default 5000. */
    timeoutMs?: number;
    /**
     * How long a connection waits before it comes back: at random, up to this before the first try, then twice as
     * long with each that fails. Default 500.
     */
    backoffBaseMs?: number;
    /** The longest that it waits, at least {@link backoffBaseMs}. Default 10,000. */
    backoffCapMs?: number;
  }

  /** How one virtual user's shard went. */
  export interface Outcome {
    /** Connections of this shard. */
    readonly wanted: number;
    /** Connections that opened, each counted once however often it did. */
    readonly opened: number;
    /** Connections that ended before they were meant to. */
    readonly dropped: number;
    /** Start until all were open; null when that never was. */
    readonly reachedInMs: number | null;
  }

  /** What messages were agreed to be. One of the same text is shared by all virtual users of a process. */
  export class Contract {
    /** @param text the contract as lib/contract reads it, as JSON. Throws where it cannot be used. */
    constructor(text: string);
    /** Begins a connection of the script, whose messages are then checked one by one. */
    open(): ContractSession;
    /** How messages of this process kept to it so far. */
    figures(): ContractFigures;
    /** How a message that is to be sent would break it, a sentence each. Counts nothing. */
    describe(message: string): string[];
    /**
     * The first valid message of each kind that this process received or sent. Then follow, for each reply of the
     * descriptor, a probe and the first valid message that answered it. None unless the text has `keepsExamples`.
     */
    examples(): readonly ContractExample[];
  }

  export interface ContractExample {
    /** "" for a request that the contract does not check. */
    readonly kind: string;
    readonly from: "server" | "client";
    /** The role that a descriptor took it for, "" for none. */
    readonly role: string;
    readonly text: string;
    /** Of a probe and its reply the name of the reply, "" for others. */
    readonly exchange: string;
  }

  export interface ContractSession {
    /**
     * Tells the kind of a message.
     *
     * @param role the role that a descriptor takes it for, "" for none
     * @param sender "server" or "client"
     * @param probe the identifier of the probe that it is, or answers in time, "" for none
     * @param reply which of the descriptor's replies it is, "" for none
     * @returns its kind and the rules that it breaks, separated by spaces; "" for a message that needs no schema, "-"
     * for one that there was no time for
     */
    check(message: string | Uint8Array, role: string, sender: string, probe: string, reply: string): string;
  }

  export interface ContractFigures {
    readonly messages: { readonly [kind: string]: number };
    /** Messages that there was no time for. */
    readonly unchecked: number;
    /** Fields and values of enums that no message had. */
    readonly unseen: readonly string[];
    readonly findings: readonly ContractFinding[];
    /** Those of what this side sent. */
    readonly sent: readonly ContractFinding[];
  }

  export interface ContractFinding {
    readonly kind: string;
    readonly rule: string;
    readonly at: string;
    readonly schema: string;
    readonly expected: string;
    readonly found: string;
    readonly count: number;
  }

  /** Many connections, driven outside JavaScript. Metrics are those of docs/reference/metrics.md. */
  export class Swarm {
    /** Create it in the init context, so that a wrong option ends the test before any load. */
    constructor(options: SwarmOptions);
    /**
     * Opens, holds and closes the shard of the virtual user that calls it: number `exec.vu.idInTest` - 1. Resolves
     * when all its connections have ended. Rejects when it was interrupted, when the connections were not open in
     * time, and when the machine gave no more. Throws when the virtual user has no shard.
     *
     * @param logIn with {@link SwarmOptions.loginVariables}, and only then
     */
    run(logIn?: LogIn): Promise<Outcome>;
  }

  /**
   * Logs a connection in, before each attempt to connect. At most 1,000 calls of a virtual user are under way at a time;
   * others wait, which counts in `ws_generator_delay_ms`. It must not reject.
   *
   * @param lateMs how long ago it was due
   * @returns undefined where the login failed: then the attempt has, by the reason `login`
   */
  export type LogIn = (connection: number, lateMs: number) => Promise<LoggedIn | undefined>;

  /** What a login gave. */
  export interface LoggedIn {
    /** Of {@link SwarmOptions.loginVariables}, in their order. */
    readonly values: readonly string[];
    /** The URL that replaces the server's, path and query included. Default: the server's. */
    readonly url?: string;
    /** In how long an open connection is to have another login; its token is then sent as the descriptor's `refresh` says. Default: never. */
    readonly renewInMs?: number;
    /** In how long this one stops being good. */
    readonly endsInMs?: number;
  }

  /** Requests whose answers are streams of tokens. Names of fields and their meaning are those of the scenario's settings. */
  export interface TokenStreamsOptions {
    /** `http://` or `https://`: requests are POST, answers event streams. `ws://` or `wss://`: a connection each. */
    server: string;
    /** As in {@link SwarmOptions}, by request instead of connection. Default "1.1". */
    httpVersion?: "1.1" | "2";
    /** With HTTP/2, how many requests share a TCP connection at a time, 1 to 10,000. Default 100. */
    streamsPerConnection?: number;
    /** Subprotocols of WebSocket connections. Default none. */
    subprotocols?: readonly string[];
    /** As in {@link SwarmOptions}, by request instead of connection. `Content-Type` is `application/json` unless given. */
    headers?: Readonly<Record<string, string>>;
    variables?: Readonly<Record<string, string | readonly string[]>>;
    users?: Users;
    /** What the requests say, in turn; `${request}` stands for the number of the request, from 0 within the run. */
    bodies: readonly string[];
    /** What answers look like: see docs/schemas/stream-format.schema.json, without `name`, `body` and `headers`. */
    format: object;
    /** Requests in a second, of all shards together, whatever became of earlier ones; or {@link concurrency}. */
    rate?: number;
    /** How many users make requests, each again {@link thinkMs} after the end of its stream. */
    concurrency?: number;
    /** Default 0. */
    thinkMs?: number;
    /** Over which the users begin. Default 0. */
    rampMs?: number;
    /** For how long requests fall due. */
    forMs: number;
    /** How long after its due time a stream may end. Default 60,000. */
    timeoutMs?: number;
    /** The least gap between two events with content that is a stall. Default 1000. */
    stallMs?: number;
    /** Estimates the tokens of streams whose server reports none. Default 4. */
    charactersPerToken?: number;
    /** The limits that a good request keeps; 0 or absent means unlimited. */
    good?: { firstContentMs?: number; perTokenMs?: number; wholeMs?: number };
    /** Parts of the load, each one virtual user's. Default 1. */
    shards?: number;
    priority?: "normal" | "realtime";
    messageBytes?: number;
    bufferedBytes?: number;
    timeouts?: Timeouts;
  }

  /** How one virtual user's share of the requests went. */
  export interface TokenOutcome {
    /** Requests that fell due. */
    readonly requests: number;
    /** Those whose stream came to its end in time. */
    readonly finished: number;
  }

  /** Requests for streams of tokens, made and timed outside JavaScript. */
  export class TokenStreams {
    /** Create it in the init context, so that a wrong option ends the test before any load. */
    constructor(options: TokenStreamsOptions);
    /** Makes the requests of the virtual user's shard; resolves when the last has ended. Rejects when it was interrupted. */
    run(): Promise<TokenOutcome>;
  }

  /**
   * The parameters of a {@link WebSocket}. An invalid or unknown one throws an error with its name, the expected
   * value and the actual one.
   */
  export interface WebSocketParams {
    /**
     * Header fields of the upgrade request, by name, each once whatever its case. `Cookie` is one of them; there is no
     * jar. A `User-Agent` takes the place of k6's; an empty one leaves it out.
     */
    headers?: Readonly<Record<string, string>>;
    /** On the samples of this connection, beside those of the virtual user. */
    tags?: Readonly<Record<string, string>>;
    /**
     * Size asked of the kernel for the receive buffer (`SO_RCVBUF`), set before the connection so that it bounds
     * the window: 1 to 1 GiB. Linux gives twice that, and 2,304 bytes at least. Default: the kernel's choice.
     */
    receiveBufferBytes?: number;
    /**
     * The largest message taken, in bytes, up to 1 GiB. A larger one ends the connection with 1009: an `error`
     * event, `message_too_big`, then `close` by `generator`. Default 64 MiB.
     */
    messageBytes?: number;
    /**
     * What all sockets of the process with the same bounds together may hold of messages half received, in bytes: at
     * least {@link messageBytes}. More ends a connection in the same way, as `buffer_limit`. Default 1 GiB.
     */
    bufferedBytes?: number;
    /**
     * "deflate" offers compression (permessage-deflate, RFC 7692). Default "off": none is offered.
     */
    compression?: "off" | "deflate";
    /**
     * With compression, whose messages may refer to earlier ones. A connection then keeps a window for each such
     * direction. Default "none".
     */
    contextTakeover?: "none" | "client" | "server" | "both";
    /** With compression, the window of what this side sends, 8 to 15 bits. Default 15. */
    clientWindowBits?: number;
    /** With compression, the window of what the server sends, 8 to 15 bits. Default 15. */
    serverWindowBits?: number;
    /**
     * "2" connects by HTTP/2 (WebSockets by RFC 8441): over `wss` and `https` by ALPN, else without an upgrade.
     * Connections are then streams that share TCP connections. Default "1.1".
     */
    httpVersion?: "1.1" | "2";
    /** With HTTP/2, the largest number of connections that share a TCP connection, 1 to 10,000. Default 100. */
    streamsPerConnection?: number;
    /** Bounds on each phase. Defaults: 10 s, and 5 s to close. */
    timeouts?: Timeouts;
  }

  /** What each event has. */
  export interface WebSocketEvent {
    readonly type: string;
    readonly target: WebSocket;
    /** When it happened, in milliseconds since 1970: as in `k6/websockets`. */
    readonly timestamp: number;
    /** When it happened, by {@link now}: of an arrival, when the kernel had it. */
    readonly atMs: number;
    /** How long ago that was when this event was handed to the script. */
    readonly ageMs: number;
  }
  export interface OpenEvent extends WebSocketEvent {
    /** Of an event stream: how long before this event the first byte of the answer came, in milliseconds. */
    readonly firstByteMs?: number;
  }
  export interface MessageEvent extends WebSocketEvent {
    /** Text, or the bytes of a binary message. */
    readonly data: string | ArrayBuffer;
    /**
     * When the kernel received the last bytes that were read with the message, by {@link now}. If the platform does
     * not tell, when the message was read.
     */
    readonly receivedAtMs: number;
  }
  export interface ErrorEvent extends WebSocketEvent {
    /**
     * The reason. Before the connection was open: a reason of `ws_connect_failures`, such as `refused`,
     * `timeout_upgrade` or `http_401`, or `aborted` if this side closed it first. If the peer broke the protocol: a
     * reason of `ws_message_errors`, such as `masked_frame`.
     */
    readonly error: string;
    /** Details in words, such as the fault of a certificate or the target of a redirect; "" if `error` says all. */
    readonly message: string;
  }
  export interface CloseEvent extends WebSocketEvent {
    /**
     * The peer's close code; 1005 for a Close frame without one, 1006 where there was no Close frame, and where the
     * peer broke the protocol what it was answered. 0 for an event stream that its server ended.
     */
    readonly code: number;
    /** What the peer's Close frame says beside its code, or "". */
    readonly reason: string;
    /** Whether the peer's Close frame came. */
    readonly wasClean: boolean;
    /**
     * Who ended it. `client`: this side, as it was told. `server`: a Close frame of the server, or its breach of the
     * protocol. `network`: the TCP connection ended without the protocol's end. `timeout`: a time ran out. `generator`: a
     * limit of the generator's own, or of its machine.
     */
    readonly by: "client" | "server" | "network" | "timeout" | "generator";
    /** Of an event stream: what a reconnection sends as `Last-Event-ID`, or "". */
    readonly lastEventId?: string;
    /** Of an event stream: how long the server asked to wait before a reconnection, in milliseconds, if it did. */
    readonly retryMs?: number;
  }
  export interface WebSocketEvents {
    open: OpenEvent;
    message: MessageEvent;
    error: ErrorEvent;
    close: CloseEvent;
    ping: WebSocketEvent;
    pong: WebSocketEvent;
  }

  /**
   * One connection, with the interface of `k6/websockets` and control of what stock k6 leaves to itself. The
   * iteration lasts until it has ended. Of a failed connection there is an `error` and a `close` event, of any
   * other `open`, and `close` at the end; each comes within a bound.
   */
  export class WebSocket {
    /**
     * Begins to connect. Throws in the init context, and on a wrong argument.
     * @param url ws:// or wss://; or http:// or https:// of an event stream, each of whose events is a message:
     *   `{"event":…,"id":…,"data":…}`. Nothing can be sent on it.
     * @param protocols the subprotocols offered, the preferred one first
     */
    constructor(url: string, protocols?: string | readonly string[] | null, params?: WebSocketParams | null);
    readonly url: string;
    /** 0 connecting, 1 open, 2 closing, 3 closed. */
    readonly readyState: 0 | 1 | 2 | 3;
    /** The subprotocol that the server chose, or "". */
    readonly protocol: string;
    /** The agreed extensions, such as `permessage-deflate; client_no_context_takeover`, or "". */
    readonly extensions: string;
    /** Bytes of messages sent that the kernel has not taken yet. */
    readonly bufferedAmount: number;
    /** "arraybuffer", which is all there is. Setting another throws. */
    binaryType: "arraybuffer";
    onopen: ((event: OpenEvent) => unknown) | null;
    onmessage: ((event: MessageEvent) => unknown) | null;
    onerror: ((event: ErrorEvent) => unknown) | null;
    onclose: ((event: CloseEvent) => unknown) | null;
    onping: ((event: WebSocketEvent) => unknown) | null;
    onpong: ((event: WebSocketEvent) => unknown) | null;
    addEventListener<E extends keyof WebSocketEvents>(
      type: E,
      listener: (event: WebSocketEvents[E]) => unknown,
    ): void;
    /**
     * Sends a message. Throws unless the connection is open. A peer may not read. If 1 MiB waits for it already, or
     * 256 MiB for all such peers together, the message is not sent and there is an `error` event, `unsent`.
     */
    send(data: string | ArrayBuffer | ArrayBufferView): void;
    /**
     * Begins the closing handshake; of a connection that is not open yet, gives it up. The end comes within
     * `timeouts.closeMs`. A paused or slowed connection reads at full speed again, so that the answer can be seen;
     * unread messages are delivered first.
     * @param code from 0 to 65535, even codes that must not be sent (RFC 6455 section 7.4); 1005 sends none. Default
     * 1000.
     * @param reason at most 123 bytes
     */
    close(code?: number, reason?: string): void;
    /** Sends a Ping. */
    ping(): void;
    /** Stops reading from the socket: what the peer sends fills the kernel's buffers, then its window closes. */
    pause(): void;
    /** Reads again, as fast as {@link setReadRate} says. Like it and {@link pause}, throws while connecting. */
    resume(): void;
    /** Reads so many bytes in a second, of all layers; 0 as fast as they come, which is the default. */
    setReadRate(bytesPerSecond: number): void;
    /**
     * Whether Pings are answered (RFC 6455 section 5.5.2), as they are by default: a client that does not read answers
     * none. Throws while connecting.
     */
    answerPings(on: boolean): void;
    /** Ends the connection at once by a TCP RST. */
    reset(): void;
    /**
     * Writes bytes as they are: frames of the script's own making, malformed ones too. They count as `data_sent`,
     * not as `ws_msgs_sent`. Throws unless open.
     */
    sendRaw(bytes: ArrayBuffer | ArrayBufferView): void;
    /** Bytes in the kernel's receive queue (`ss`: Recv-Q); -1 where the platform does not tell; 0 once closed. */
    readonly unreadBytes: number;
    /** Whether it is connecting, and a proxy has not opened the way yet. */
    readonly awaitsProxy: boolean;
    /** Bytes that wait in this process for the kernel to take them. */
    readonly unsentBytes: number;
  }

  /** A file of users, which all virtual users of a process share. */
  export interface Users {
    /** The names in its header line. */
    readonly columns: readonly string[];
    /** Lines below it. */
    readonly length: number;
    /** A line, counted from 0; over again when there are fewer. */
    row(index: number): readonly string[];
  }

  /**
   * Reads users from a CSV file (RFC 4180) with a header line, once for the process, for {@link SwarmOptions.users}.
   * Throws where the file cannot be read, or says which line and column is wrong; never a value.
   *
   * @param path an absolute path
   * @param reserved names that no column may have
   */
  export function readUsers(path: string, reserved?: readonly string[]): Users;

  /**
   * Measures as one instance of a benchmark of echoes (`k6 x echo-bench --listen`) until it has no more to measure.
   * Connections are made with k6's own options of TLS, hosts and DNS. The promise rejects where the benchmark cannot be
   * joined, or ends the connection amid a case.
   *
   * @param leader its address, such as `echo-bench:9900`
   * @param headers for each handshake
   */
  export function joinEchoBench(leader: string, headers?: Readonly<Record<string, string>>): Promise<void>;

  /**
   * Asks by GET and gives the head of the answer, whose body may be a stream that does not end. Redirects are answers.
   * Status 0, with an error in words: none came within `timeoutMs`.
   */
  export function answerTo(
    url: string,
    headers: Readonly<Record<string, string>>,
    timeoutMs: number,
  ): { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly error: string };

  /** Writes 64 KiB into a directory and removes them again; throws where that cannot be done. @param path absolute */
  export function tryDirectory(path: string): void;

  /** Whether the process's environment has a variable. One of `__ENV` that it has not was given by `-e`. */
  export function inherits(name: string): boolean;

  /** Milliseconds of a monotonic clock that all virtual users of the process share. */
  export function now(): number;

  /** Everything measured of one metric and tag in this process, exact to three digits. */
  export interface Distribution {
    readonly metric: string;
    /** Empty for the whole metric, else the one tag it is broken down by. */
    readonly tags: Readonly<Record<string, string>>;
    /** k6, and so its thresholds, saw one in so many of the values, chosen to follow the rest. */
    readonly oneIn: number;
    readonly count: number;
    readonly min: number;
    readonly avg: number;
    readonly max: number;
    /** In the order asked for. */
    readonly percentiles: readonly number[];
  }

  /** What this process has measured so far. For `handleSummary`. @param percentiles from 0 to 100 */
  export function distributions(percentiles: readonly number[]): Distribution[];

  /** What one step came to in this process, exactly. */
  export interface StepFigures {
    /** {@link SwarmOptions.step}. */
    readonly step: string;
    /** How long it took; 0 while it runs. */
    readonly durationMs: number;
    /** Why it ended before it was meant to; empty where it did not. */
    readonly failure: string;
    /** Whether that was k6's doing. */
    readonly interrupted: boolean;
    readonly distributions: readonly Distribution[];
    /** Counters, whole and by each of their tags. */
    readonly counts: readonly {
      readonly metric: string;
      readonly tags: Readonly<Record<string, string>>;
      readonly count: number;
    }[];
    readonly rates: readonly { readonly metric: string; readonly passes: number; readonly fails: number }[];
  }

  /** The steps so far, in the order of time. For virtual users between them, too. @param percentiles from 0 to 100 */
  export function steps(percentiles: readonly number[]): StepFigures[];

  /**
   * Keeps a sentence about what a peer said, and logs it; once each, at most 5 of a group, 30 in all. In virtual users
   * only.
   */
  export function notice(group: string, sentence: string): void;
  /** The sentences so far, those of swarms too: what closed lists of reasons and codes leave out. */
  export function notices(): string[];

  /** The extension's version. */
  export const version: string;
}
