/**
 * The meaning of each reason, code and cause, and what to do about it. The source of docs/reference/reasons-and-codes.md, and
 * of a report's list of the reasons that occurred. Pure.
 */
import { GENERATOR_FAULTS } from "./generator-faults.ts";
import {
  type ConnectReason,
  type DropCause,
  type DropCode,
  type MessageReason,
  PROXY_REASONS,
  TOKEN_REASONS,
  type TokenReason,
} from "./reasons.ts";
import { ruleTerms } from "./rule-meanings.ts";
import type { Summary } from "./summary/summary.ts";

export interface Term {
  readonly means: string;
  readonly advice: string;
}

const term = (means: string, advice: string): Term => ({ means, advice });

const BROKEN_SERVER = "The server or a proxy breaks RFC 6455: its log and k6-realtime try show the message.";
const SEE_LOG = "The server's log says why.";

/** What this side did, in the words of its own table. */
const ours = (value: string, metric?: (typeof GENERATOR_FAULTS)[number]["metric"]): Term =>
  term(
    "The cause is this side or its machine, not the server.",
    GENERATOR_FAULTS.find((row) => row.value === value && (metric ?? row.metric) === row.metric)!.says(1),
  );

type ProxyOrOurs =
  | (typeof PROXY_REASONS)[number]
  | "no_descriptors"
  | "no_ports"
  | "no_memory"
  | "header_too_large"
  | "blocked"
  | "http2";

/** Why a connection did not reach the 101 response: `ws_connect_failures`. */
const connect = (): Readonly<Record<Exclude<ConnectReason, ProxyOrOurs>, Term>> => ({
  refused: term(
    "Nothing listens at that address and port.",
    "Check host and port, and that the server runs and listens on that address.",
  ),
  unreachable: term(
    "There is no route to the host, or a firewall refused.",
    "Check the network, the address and the firewall.",
  ),
  timeout: term(
    "There was no 101 response within CONNECT_TIMEOUT.",
    "Check whether the server accepts connections. If it is only slow, raise CONNECT_TIMEOUT.",
  ),
  timeout_resolve: term(
    "The host's name was not resolved in time.",
    "Check the name server, or give an address with CONNECT_TO.",
  ),
  timeout_tcp: term(
    "TCP did not connect in time.",
    "A firewall may drop packets, or the server's accept queue (backlog) is full.",
  ),
  timeout_tls: term(
    "The TLS handshake was not done in time.",
    "The server is short of processor time, or the port speaks no TLS: try ws:// for wss://.",
  ),
  timeout_upgrade: term(
    "TCP and TLS connected, but the upgrade was not answered in time.",
    "The server or its proxy holds the request: look at its authentication and its queue.",
  ),
  reset: term(
    "The peer cut the connection before the 101 response.",
    "A limit of the server, a proxy or a load balancer is the usual cause; the port may speak TLS.",
  ),
  closed: term("The peer ended the connection before the 101 response.", SEE_LOG),
  dns: term("The host's name does not resolve.", "Check the name; CONNECT_TO gives an address for it."),
  tls: term(
    "The certificate or the TLS handshake is wrong.",
    "Check the certificate's name and issuer, or trust it: docs/reference/network.md.",
  ),
  http_rejected: term(
    "The server answered, but not with 101.",
    "The bin/k6 of this toolkit and the check before the load name the status.",
  ),
  http_200: term("A web page answered: that path takes no WebSocket.", "Check the path of the URL."),
  http_204: term(
    "The server has no event stream for this client any more. 204 tells it to stop reconnecting.",
    "Find out what ended the stream for the server: an unknown Last-Event-ID, or a session that is over.",
  ),
  http_301: term("The endpoint has moved.", "Use the URL that it redirects to; redirects are not followed."),
  http_302: term(
    "The endpoint redirects, often to a login page.",
    "Give credentials: WS_TOKEN, HEADERS or USERS (docs/reference/handshake.md).",
  ),
  http_400: term(
    "The server does not like the request.",
    "Check Origin, subprotocol and path: k6-realtime try shows the answer.",
  ),
  http_401: term(
    "The server wants credentials, or other ones.",
    "Give WS_TOKEN, or LOGIN_FILE if a login gives the token. Set AUTH if it is not sent as a Bearer token.",
  ),
  http_403: term(
    "The server forbids it.",
    "Check ORIGIN, and the credentials: WS_TOKEN, LOGIN_FILE or USERS.",
  ),
  http_404: term("There is nothing at that path.", "Check the path of the URL."),
  http_426: term("The server wants another protocol version.", "Check that the endpoint takes WebSocket."),
  http_429: term(
    "The server limits how many connections may be opened.",
    "Open them more slowly (RATE, RAMP), or raise its limit.",
  ),
  http_500: term("The server failed.", SEE_LOG),
  http_502: term(
    "A proxy did not reach the server.",
    "Check that the server runs, and how many connections the proxy keeps to it.",
  ),
  http_503: term(
    "The server or a proxy is overloaded, or not ready.",
    "This may be the answer that you look for: its limit of connections.",
  ),
  http_504: term(
    "A proxy had no answer from the server in time.",
    "The server holds the request: look at its log and its load.",
  ),
  bad_upgrade: term("The answer is not a WebSocket handshake.", BROKEN_SERVER),
  bad_accept: term("Sec-WebSocket-Accept does not answer the key that was sent.", BROKEN_SERVER),
  bad_subprotocol: term(
    "The server chose a subprotocol that was not offered.",
    "Check SUBPROTOCOL, and the descriptor's subprotocols.",
  ),
  bad_extension: term(
    "The server chose an extension, or a parameter of one, that was not offered.",
    BROKEN_SERVER,
  ),
  http2_unsupported: term(
    "The run asked for HTTP/2, which the server does not speak.",
    "Over wss:// and https:// the server must offer h2 (ALPN). Over ws:// and http:// it must accept HTTP/2 without an upgrade. Otherwise use HTTP_VERSION=1.1.",
  ),
  http2_no_websocket: term(
    "The server speaks HTTP/2, but its SETTINGS allow no WebSocket over it (RFC 8441).",
    "Turn extended CONNECT on at the server and at each proxy before it, or use HTTP_VERSION=1.1.",
  ),
  http2_refused: term(
    "The server took no further stream on an HTTP/2 connection (REFUSED_STREAM).",
    "Lower STREAMS_PER_CONNECTION, or raise the server's limit of streams.",
  ),
  http2_reset: term(
    "The server reset the stream before it answered (RST_STREAM).",
    "The notes name the error code; the server's log says why.",
  ),
  http2_goaway: term(
    "The server ended the HTTP/2 connection before it answered (GOAWAY).",
    "The notes name the error code: a limit of requests or of time to each connection is the usual cause.",
  ),
  http2_broken: term(
    "The server broke HTTP/2 (RFC 9113).",
    "The notes say how; the server or a proxy is wrong.",
  ),
  bad_content_type: term(
    "The answer is not an event stream: its Content-Type is not text/event-stream.",
    "Check the path of SSE_URL, and whether the server wants a login.",
  ),
  bad_content_encoding: term(
    "The event stream's Content-Encoding is neither gzip nor deflate.",
    "Have the server or the proxy compress with gzip or deflate, or not at all.",
  ),
  login: term(
    "The login before the connection failed, so that none was opened.",
    "The reasons of ws_login_failures say why: docs/guides/login.md.",
  ),
  other: term("Another reason, which the notes of the summary quote.", "Read the notes."),
});

/** Errors in messages: `ws_message_errors`. */
const message = (): Readonly<Record<MessageReason, Term>> => ({
  generator: ours("generator", "ws_message_errors"),
  proxy: ours("proxy"),
  protocol_code: ours("protocol_code"),
  error_reply: term(
    "The server answered with the protocol's own error message.",
    "The notes quote the first ones; the server's log has the cause.",
  ),
  unparsable: term(
    "A message is not in the protocol's format, such as JSON.",
    "k6-realtime try shows it: the descriptor or the server is wrong.",
  ),
  contract: term(
    "A message can be read, but lacks what the protocol requires.",
    "k6-realtime try shows it: the descriptor or the server is wrong.",
  ),
  unmatched: term(
    "A message matches no rule of the descriptor, whose unmatched is error.",
    "Add a rule for it, or set unmatched to ignore.",
  ),
  session: term(
    "A step of the session, such as joining a room, did not succeed.",
    "k6-realtime try shows the step; check credentials and room.",
  ),
  unsent: term(
    "A message fell due without a connection, the peer does not read, or the codec cannot write it.",
    "Look at the drops: the server or the network ended connections. A notice says what a codec cannot write.",
  ),
  clock_differs: term(
    "A time stamp of the server is impossible by this machine's clock.",
    "Set both clocks by the same time server.",
  ),
  close_unanswered: term(
    "The peer did not answer this side's Close within 5 s.",
    "RFC 6455 section 5.5.1 wants an answer: the server or a proxy leaves it out.",
  ),
  too_many_elements: ours("too_many_elements"),
  pieces_limit: ours("pieces_limit"),
  message_too_big: ours("message_too_big"),
  buffer_limit: ours("buffer_limit"),
  http2_reset: term(
    "The server ended the connection by resetting its stream (RST_STREAM), without a Close or END_STREAM.",
    "The notes name the error code; the server's log says why.",
  ),
  http2_goaway: term(
    "The server ended the HTTP/2 connection (GOAWAY), and with it all connections on it.",
    "The notes name the error code: a restart, or a limit of time to each connection, is the usual cause.",
  ),
  http2_broken: term(
    "The server broke HTTP/2 (RFC 9113).",
    "The notes say how; the server or a proxy is wrong.",
  ),
  bad_deflate: term("A compressed message cannot be inflated (RFC 7692).", BROKEN_SERVER),
  bad_encoding: term(
    "An event stream's compressed body cannot be inflated.",
    "A proxy or the server compresses it wrongly: curl --compressed shows the result.",
  ),
  bad_chunk: term(
    "The chunks of an event stream break HTTP (RFC 9112 section 7.1).",
    "A proxy or the server's own HTTP code is wrong: curl --raw shows the bytes.",
  ),
  bad_utf8: term("A text is not UTF-8.", BROKEN_SERVER),
  bad_close_code: term("A Close has a code that may not be sent.", BROKEN_SERVER),
  bad_close: term("A Close frame is malformed.", BROKEN_SERVER),
  masked_frame: term("The server masked a frame, which only clients do.", BROKEN_SERVER),
  unmasked_frame: term("A client's frame was not masked.", BROKEN_SERVER),
  reserved_bits: term("A frame has bits set that no extension was agreed for.", BROKEN_SERVER),
  unknown_opcode: term("A frame has an opcode that does not exist.", BROKEN_SERVER),
  bad_length: term("A frame's length is malformed.", BROKEN_SERVER),
  fragmented_control: term("A ping, pong or Close came in parts.", BROKEN_SERVER),
  long_control: term("A ping, pong or Close is longer than 125 bytes.", BROKEN_SERVER),
  bad_continuation: term(
    "A continuation came without a beginning, or a beginning within a message.",
    BROKEN_SERVER,
  ),
  other: term("Another reason, which the notes of the summary quote.", "Read the notes."),
});

/** Close codes of connections that dropped: `ws_connection_drops`. */
const codes = (): Readonly<Partial<Record<DropCode, Term>>> => ({
  "1000": term(
    "The server closed as if all was done.",
    "Look for a limit on how long a connection may last.",
  ),
  "1001": term("The server or a page goes away.", "A restart or a deployment is the usual cause."),
  "1002": term("The server saw a breach of WebSocket.", SEE_LOG),
  "1003": term("The server takes no data of that kind.", "Text or binary: check the descriptor."),
  "1005": term("A Close without a code.", "Engine.IO and others close like that: look at the server's log."),
  "1006": term(
    "The connection ended without a Close.",
    'A crash, a proxy\'s timeout or the network. The tag "by" names the side.',
  ),
  "1007": term("The server saw text that is not UTF-8.", "Check the payload."),
  "1008": term("A policy was violated.", "Credentials or a limit on messages are the usual causes."),
  "1009": term("A message was too large.", "Lower PAYLOAD_BYTES, or raise the server's limit."),
  "1011": term("The server failed.", SEE_LOG),
  "1012": term("The server restarts.", "Measure how clients come back with the scenario reconnect."),
  "1013": term(
    "The server is overloaded: try again later.",
    "This may be the answer that you look for: its limit.",
  ),
  "3000": term("Unauthorized.", "Check the token."),
  "3003": term("Forbidden.", "Check what the token allows."),
  "3008": term(
    "The server timed out.",
    "It waits for a message or a heartbeat: see the descriptor's heartbeat.",
  ),
  "4001": term(
    "Customary: the token has expired.",
    "Give tokens that last longer than the run; token-expiry tests it.",
  ),
  "4008": term("Customary: a limit on how often.", "Lower the rate, or raise the server's limit."),
  end_of_stream: term(
    "The server ended the event stream.",
    "Servers and proxies limit how long a stream may last: look at their timeouts.",
  ),
  other: term(
    "A code of the application, which the notes of the summary name.",
    "The server's documentation says what it means.",
  ),
});

/** Why a request for a stream of tokens failed, beside what a connection fails for: `token_request_failures`. */
const tokens = (): Readonly<Partial<Record<TokenReason, Term>>> => ({
  timeout: term(
    "The stream had not come to its end by STREAM_TIMEOUT.",
    "Look at the server's queue. If answers take longer, raise STREAM_TIMEOUT.",
  ),
  http_429: term(
    "The service limits requests, or tokens in a minute.",
    "Lower RATE or MAX_TOKENS, or raise the limit of the key.",
  ),
  cut: term(
    "The connection ended in the middle of the response.",
    "A timeout of a proxy, or a crash: the server's log says which.",
  ),
  protocol: term("The response breaks HTTP or WebSocket.", "curl --raw shows the bytes."),
  no_done: term(
    "The response ended without the format's last message, such as [DONE].",
    "The server or a proxy cut it short, or STREAM_FORMAT is another one.",
  ),
  error_event: term(
    "The server sent an error in the middle of the stream.",
    "The notes of the summary quote it.",
  ),
  no_content: term(
    "The stream came to its end without any content.",
    "Check the body, and that STREAM_FORMAT is the server's.",
  ),
  other: term("Another reason, which the notes of the summary name.", SEE_LOG),
});

/** Those of connections that a request may fail for, too. */
function connectAsRequests(): Record<string, Term> {
  const ofConnections: Readonly<Record<string, Term>> = connect();
  const own = tokens();
  const shared = TOKEN_REASONS.filter(
    (reason) => Object.hasOwn(ofConnections, reason) && !Object.hasOwn(own, reason),
  );
  return Object.fromEntries(shared.map((reason) => [reason, ofConnections[reason]!]));
}

/** Who ended a connection. */
const causes = (): Readonly<Record<DropCause, Term>> => ({
  server: term("The server sent a Close.", "The code says why."),
  network: term("The connection was cut without a Close.", "A crash, a proxy or the network."),
  timeout: term("The peer did not answer in time, and this side gave up.", "Check whether the server hangs."),
  generator: ours("generator"),
});

const OURS_OF_TOKENS = term(
  "The cause is this side or its machine, not the server.",
  GENERATOR_FAULTS.find(
    ({ metric, value }) => metric === "token_request_failures" && value === "generator",
  )!.says(1),
);

const OURS_TO_CONNECT = [
  "no_descriptors",
  "no_ports",
  "no_memory",
  "header_too_large",
  "blocked",
  "http2",
  ...PROXY_REASONS,
] as const;

/** By metric and tag, every term in the order of its list. Made when it is asked for: virtual users need none. */
export const meanings = (): Readonly<
  Record<string, Readonly<Record<string, Readonly<Record<string, Term>>>>>
> => ({
  ws_connect_failures: {
    reason: { ...connect(), ...Object.fromEntries(OURS_TO_CONNECT.map((value) => [value, ours(value)])) },
  },
  ws_message_errors: { reason: message() },
  token_request_failures: {
    reason: {
      ...connectAsRequests(),
      ...(tokens() as Record<string, Term>),
      generator: OURS_OF_TOKENS,
    },
  },
  ws_connection_drops: { code: codes() as Record<string, Term>, by: causes() },
  ws_contract_violations: { rule: ruleTerms() },
});

/** What to do where connections fail for a reason. */
export const adviceOn = (reason: string): string | undefined =>
  meanings().ws_connect_failures?.reason?.[reason]?.advice;

/** The terms that occur in a run's figures, each with how often. */
export function meaningsIn(metrics: Summary["metrics"]): (Term & { name: string; count: number })[] {
  return Object.entries(meanings()).flatMap(([metric, tags]) =>
    Object.entries(tags).flatMap(([tag, terms]) =>
      Object.entries(metrics[metric]?.by?.[tag] ?? {}).flatMap(([value, figures]) => {
        const found = terms[value];
        return found && figures.kind === "counter" && figures.count > 0
          ? [{ ...found, name: `${tag} ${value}`, count: figures.count }]
          : [];
      }),
    ),
  );
}
