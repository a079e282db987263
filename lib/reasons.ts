/**
 * The closed lists by which failures are counted: a tag with free text would make a series for every
 * wording. What is not on its list counts as `other`.
 */

/** The status of a refused upgrade, if it is one that proxies and servers commonly give. */
const HTTP_REASONS = [
  "http_200",
  "http_204",
  "http_301",
  "http_302",
  "http_400",
  "http_401",
  "http_403",
  "http_404",
  "http_426",
  "http_429",
  "http_500",
  "http_502",
  "http_503",
  "http_504",
] as const;

/**
 * Refusals of a proxy on the way, or that it could not be reached: never the server's doing. The status is one that
 * proxies commonly give.
 */
export const PROXY_REASONS = [
  "proxy_dns", // the proxy's name does not resolve
  "proxy_refused", // nothing listens there
  "proxy_unreachable", // no route to it, or a firewall says so
  "proxy_closed", // it ended the connection before it answered
  "proxy_timeout", // it could not be reached, or did not answer, in time
  "proxy_bad_answer", // its answer is no HTTP
  "proxy_rejected", // it answered with another status, or which one is not known:
  "proxy_403",
  "proxy_407",
  "proxy_429",
  "proxy_500",
  "proxy_502",
  "proxy_503",
  "proxy_504",
] as const;
export type ProxyReason = (typeof PROXY_REASONS)[number];

/** Why a connection did not reach the 101 response. */
export const CONNECT_REASONS = [
  "refused", // nothing listens there
  "unreachable", // no route, or a firewall says so
  "timeout", // no 101 within the time-out; the engine says in which phase:
  "timeout_resolve",
  "timeout_tcp",
  "timeout_tls",
  "timeout_upgrade",
  "reset", // cut by the peer before the 101
  "closed", // ended by the peer before the 101
  "dns", // the host name does not resolve
  "tls", // certificate or handshake
  "http_rejected", // answered, but not with 101; the check before the load and the engine say which (stock k6 hides it):
  ...HTTP_REASONS,
  "bad_upgrade", // the answer is no WebSocket handshake
  "bad_accept", // Sec-WebSocket-Accept does not answer our key
  "bad_subprotocol", // a subprotocol that was not offered
  "bad_extension", // an extension, or a parameter of one, that was not offered
  "bad_content_type", // the answer is no event stream
  "bad_content_encoding", // it is compressed by neither gzip nor deflate
  "header_too_large", // the answer's header passes our limit
  "no_descriptors", // this process may open no more files
  "no_ports", // no local port left towards that server
  "no_memory", // this machine has none left for sockets
  "http2_unsupported", // HTTP_VERSION=2, which the server does not speak
  "http2_no_websocket", // it does, but without extended CONNECT (RFC 8441)
  "http2_refused", // it takes no further stream on the connection
  "http2_reset", // it reset the stream before it answered
  "http2_goaway", // it ended the HTTP/2 connection before it answered
  "http2_broken", // it broke HTTP/2 (RFC 9113)
  "http2", // k6's HTTP client took HTTP/2, which has no such handshake
  "blocked", // refused by k6's own blacklistIPs or blockHostnames
  "login", // a login before it failed: ws_login_failures says why
  ...PROXY_REASONS,
  "other",
] as const;
export type ConnectReason = (typeof CONNECT_REASONS)[number];

/** Why a login before a connection failed: as for connections, but for the last two of the server's. */
export const LOGIN_REASONS = [
  "refused",
  "unreachable",
  "timeout",
  "reset",
  "dns",
  "tls",
  "http_rejected", // answered with another status, or one that is not listed:
  ...HTTP_REASONS,
  "unparsable", // the answer is not the JSON that it was to be
  "contract", // the answer lacks what is to be captured, or it cannot be sent
  "no_descriptors",
  "no_ports",
  "no_memory",
  "blocked",
  ...PROXY_REASONS,
  "other",
] as const;
export type LoginReason = (typeof LOGIN_REASONS)[number];

/** Why a request for a stream of tokens failed: as for connections, and what may befall a stream. */
export const TOKEN_REASONS = [
  "refused",
  "unreachable",
  "timeout", // it had not ended by STREAM_TIMEOUT; a connection that was not made in time says in which phase:
  "timeout_resolve",
  "timeout_tcp",
  "timeout_tls",
  "timeout_upgrade",
  "reset",
  "closed",
  "dns",
  "tls",
  "http_rejected", // answered with another status, or one that is not listed:
  ...HTTP_REASONS,
  "bad_upgrade",
  "bad_content_type", // the answer is no event stream
  "bad_content_encoding",
  "cut", // the connection ended in the middle of the response
  "protocol", // the response breaks HTTP or WebSocket
  "no_done", // the response ended without the last message of the format
  "error_event", // an error came in the middle
  "no_content", // it came to its end without content
  "generator", // ours: a limit of this side
  "header_too_large",
  "no_descriptors",
  "no_ports",
  "no_memory",
  "blocked",
  ...PROXY_REASONS,
  "other",
] as const;
export type TokenReason = (typeof TOKEN_REASONS)[number];

/** How many tokens there were: as the server said, or by their characters. */
export const TOKEN_BASES = ["reported", "estimated"] as const;

/**
 * Breaches of WebSocket itself (RFC 6455, RFC 7692) and of our own limits, and ends that are HTTP/2's, each of which ends
 * its connection; k6's own sockets hide most.
 */
const BREACHES = [
  "reserved_bits",
  "unknown_opcode",
  "masked_frame",
  "unmasked_frame",
  "bad_length",
  "fragmented_control",
  "long_control",
  "bad_continuation",
  "bad_close",
  "bad_close_code",
  "bad_utf8",
  "http2_reset", // RST_STREAM in place of a Close
  "http2_goaway", // GOAWAY, and the TCP connection's end
  "http2_broken", // frames that break HTTP/2 (RFC 9113)
  "bad_deflate", // a compressed message that cannot be inflated (RFC 7692)
  "message_too_big", // larger than MESSAGE_BYTES: ours
  "buffer_limit", // more half-received messages than BUFFERED_BYTES: ours
  "bad_encoding", // an event stream that cannot be inflated (RFC 9110 section 8.4.1)
  "bad_chunk", // an event stream whose chunks break HTTP (RFC 9112 section 7.1)
] as const;

/** The fault of a message that should not have come like that. */
export const MESSAGE_REASONS = [
  "error_reply", // the protocol's own error message
  "unparsable", // not the format that the protocol speaks
  "contract", // parsable, but breaks the protocol
  "unmatched", // matches no rule, and the protocol allows none such
  "too_many_elements", // a longer list than is read here: ours
  "pieces_limit", // a longer message in pieces than is kept here: ours
  "session", // a step of the session did not succeed
  "unsent", // fell due without a connection, or the peer does not read
  "clock_differs", // a time stamp that cannot be, by this machine's clock
  "generator", // sent by HTTP, and this machine gave no connection for it: ours
  "proxy", // sent by HTTP, and the proxy, or the server behind it, did not take it: ours
  "protocol_code", // a function of the protocol's own code threw: ours
  "close_unanswered", // the peer did not answer our Close (RFC 6455 section 5.5.1)
  ...BREACHES,
  "other",
] as const;
export type MessageReason = (typeof MESSAGE_REASONS)[number];

/** Close codes worth a series of their own (RFC 6455 section 7.4, and what applications commonly use). */
export const DROP_CODES = [
  "1000",
  "1001",
  "1002",
  "1003",
  "1005", // a Close without a code, as Engine.IO's
  "1006", // no Close at all
  "1007",
  "1008",
  "1009",
  "1011",
  "1012",
  "1013",
  "3000", // registered with IANA: unauthorized, forbidden, timeout
  "3003",
  "3008",
  "4000",
  "4001", // customary: token expired
  "4003",
  "4008", // customary: rate limit
  "4400", // these are graphql-transport-ws's: invalid message, unauthorized, forbidden, no connection_init,
  "4401",
  "4403",
  "4408",
  "4409", // a subscription's identifier taken twice, connection_init twice, internal error
  "4429",
  "4500",
  "end_of_stream", // an event stream that its server ended
  "other",
] as const;
export type DropCode = (typeof DROP_CODES)[number];

/** Which way bytes went, as this side sees it. */
export const DIRECTIONS = ["sent", "received"] as const;

/** Who ended a connection that was meant to stay: `generator` is a limit of our own, see generator-faults.ts. */
export const DROP_CAUSES = ["server", "network", "timeout", "generator"] as const;
export type DropCause = (typeof DROP_CAUSES)[number];

/** What becomes of a connection that a scenario puts to a test; each scenario says what its own mean. */
export const OUTCOMES = [
  "as_specified",
  "alive",
  "late",
  "closed",
  "wrong_code",
  "wrong_status",
  "wrong_header",
  "closed_on_probe",
  "cut",
  "cut_on_probe",
  "half_open",
  "unanswered",
  "refreshed",
  "refused",
  "accepted",
  "early",
  "came_back",
  "stayed",
  "gone",
  "queued",
  "dropped",
  "blocked",
  "unclear",
  "not_ready",
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** What became of messages that were published while a subscriber was cut off. */
export const GAP_FATES = ["replayed", "reordered", "repeated", "lost"] as const;

/** Whether an event came in a read of its own. */
export const EVENT_READS = ["alone", "together"] as const;

/** What could not be measured, or not as it was. */
export const UNMEASURED = [
  "joining", // a delivery so soon after its subscriber joined that it may be history, whose age is no lag
  "no_stamp", // a delivery without the usable time stamp that the protocol says it has, where nothing else tells when it was published
  "stamp_1s", // a delivery whose time stamp tells whole seconds, tenths or hundredths at best
  "stamp_100ms",
  "stamp_10ms",
  "forgotten", // a publication of so many at once that its spread, or who missed it, is no longer known
  "undecided", // a delivery so long after its publication that it may have come before
  "cuts", // of CUTS, for which a connection was not back before the publications ended
  "out_of_range", // a time below zero, or beyond 78 hours: it counts as the nearest that is kept
  "not_taken", // a time that k6 did not take for so long that no more was kept for it
] as const;

/** What a connection of the load is there for. */
export const ROLES = ["healthy", "slow", "publisher"] as const;
export type Role = (typeof ROLES)[number];

/** Which half of the generator a delay belongs to. */
export const SIDES = ["send", "receive"] as const;

/** The legs of a publication's way to a screen: to the engine, to the page's handler, to the DOM, to the next frame. */
export const PAGE_LEGS = ["wire", "handler", "dom", "frame"] as const;
export type PageLeg = (typeof PAGE_LEGS)[number];

/** The parts of a connection's way to the 101 response. */
export const PHASES = ["resolve", "tcp", "proxy", "tls", "settings", "upgrade"] as const;

const CONNECT_ERRORS: readonly (readonly [RegExp, ConnectReason])[] = [
  [/bad handshake|malformed HTTP/i, "http_rejected"],
  [/connection refused/i, "refused"],
  [/no route to host|network is unreachable/i, "unreachable"],
  [/connection reset|broken pipe|\bEOF\b/i, "reset"],
  [/too many open files/i, "no_descriptors"],
  [/cannot assign requested address|address already in use/i, "no_ports"],
  [/cannot allocate memory|no buffer space|no space left on device/i, "no_memory"],
  [/blacklist|blocked/i, "blocked"],
  [/no such host|lookup /i, "dns"],
  [/tls:|x509:|certificate/i, "tls"],
  [/timeout|deadline exceeded/i, "timeout"],
];

/** Whether a proxy, or the way to it, is the reason. */
export const isProxyReason = (reason: string): reason is ProxyReason =>
  (PROXY_REASONS as readonly string[]).includes(reason);

/** What k6 makes of a proxy's refusal: the status' words, and nothing else. */
const PROXY_ERRORS: Readonly<Record<string, ConnectReason>> = {
  forbidden: "proxy_403",
  "proxy authentication required": "proxy_407",
  "too many requests": "proxy_429",
  "internal server error": "proxy_500",
  "bad gateway": "proxy_502",
  "service unavailable": "proxy_503",
  "gateway timeout": "proxy_504",
  "gateway time-out": "proxy_504",
};

/** What k6 makes of a SOCKS proxy's refusal. */
const SOCKS_ERRORS: readonly (readonly [RegExp, ConnectReason])[] = [
  [/requires authentication|rejected username/, "proxy_407"],
  [/connection forbidden/, "proxy_403"],
  [/failed to connect: (network unreachable|host unreachable|connection refused|TTL expired)/, "proxy_502"],
  [/general failure/, "proxy_500"],
  [/failed to connect/, "proxy_rejected"],
  [/unexpected version|unknown address type/, "proxy_bad_answer"],
];

/** What goes wrong with a TCP connection that goes to a proxy. */
const TO_PROXY: Readonly<Partial<Record<ConnectReason, ConnectReason>>> = {
  refused: "proxy_refused",
  unreachable: "proxy_unreachable",
  dns: "proxy_dns",
  timeout: "proxy_timeout",
  reset: "proxy_closed",
  closed: "proxy_closed",
};

/** The name of a reason if the connection was one to a proxy. */
export const ofProxy = (reason: ConnectReason): ConnectReason => TO_PROXY[reason] ?? reason;

/**
 * Puts the words of k6's (Go's) connection error on the closed list, or the reason that the engine names.
 *
 * @param isProxied whether the connection was to go by a proxy
 */
export function connectReason(error: string, isProxied = false): ConnectReason {
  if ((CONNECT_REASONS as readonly string[]).includes(error)) return error as ConnectReason;
  if (/^http_\d{3}$/.test(error)) return "http_rejected";
  if (/^proxy_\d{3}$/.test(error)) return "proxy_rejected";
  const listed = CONNECT_ERRORS.find(([pattern]) => pattern.test(error))?.[1];
  if (!isProxied) return listed ?? "other";
  // k6's own sockets do not tell a proxy that hangs or hangs up from a server behind it that does.
  if (/malformed HTTP/i.test(error)) return "proxy_bad_answer";
  const refusal =
    PROXY_ERRORS[error.toLowerCase()] ??
    (error.startsWith("proxy: ") && SOCKS_ERRORS.find(([pattern]) => pattern.test(error))?.[1]);
  return refusal || (listed ? ofProxy(listed) : "proxy_rejected");
}

/** Whether an error says that this machine gives no more. In the engine it is `exhausted` of `extension/binding/post.go`. */
export const saysExhausted = (error: string): boolean =>
  ["no_descriptors", "no_ports", "no_memory"].includes(connectReason(error));

/** As {@link connectReason}, for a login. */
export function loginReason(error: string, isProxied = false): LoginReason {
  const reason = connectReason(error, isProxied);
  return (LOGIN_REASONS as readonly string[]).includes(reason) ? (reason as LoginReason) : "other";
}

/** Maps the engine's word for a faulty message to the closed list. */
export function messageReason(error: string): MessageReason {
  return (MESSAGE_REASONS as readonly string[]).includes(error) ? (error as MessageReason) : "other";
}

/** Puts a close code on the closed list; a connection that ended without one is 1006, an event stream's end 0. */
export function dropCode(code: number | undefined): DropCode {
  const text = code === 0 ? "end_of_stream" : String(code ?? 1006);
  return (DROP_CODES as readonly string[]).includes(text) ? (text as DropCode) : "other";
}
