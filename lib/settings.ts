/**
 * Every environment variable that a scenario reads (`k6 run -e NAME=value`), once. Documentation derives from this
 * table. An invalid value ends the run before any connection, as does a misspelled name that was given on purpose.
 */
import { parseConnectTo } from "./connect-to.ts";
import { distance } from "./distance.ts";
import { isFormer, nameGiven } from "./former-names.ts";
import { MESSAGE_BYTES } from "./protocols/reader.ts";
import {
  CONTROL,
  choice,
  count,
  duration,
  file,
  isEndpoint,
  isReservedHeader,
  isStreamEndpoint,
  parseHeaders,
  parseSteps,
  rate,
  type Setting,
} from "./setting.ts";
import { isInQuotes, shapeOf, shapeOfHeaders, shapeOfList, shapeOfUrl } from "./shape.ts";

/** The window of one side (RFC 7692 section 7.1.2). */
const windowBits = (whose: string) =>
  count(
    `With COMPRESSION=deflate, how far back the messages of ${whose} may refer: 2 to this power, in bytes.`,
    "15",
    8,
    15,
  );

/** Several endpoints, which connections take in turn. */
const endpoints = (help: string, expects: string) => ({
  help,
  expects,
  default: "",
  secret: true, // as that of WS_URL
  shape: (text: string) => shapeOfList(text.split(","), isEndpoint, shapeOfUrl),
  parse(text: string) {
    const urls = text === "" ? [] : text.split(",");
    return urls.every(isEndpoint) || urls.every(isStreamEndpoint) ? urls : undefined;
  },
});

/** The address at which the reference server streams tokens. */
export const REFERENCE_COMPLETIONS = "http://127.0.0.1:8080/v1/chat/completions";

export const SETTINGS = {
  WS_URL: {
    help: "The WebSocket endpoint under test.",
    expects: "a ws:// or wss:// URL without a user name or a fragment",
    default: "ws://127.0.0.1:8080/ws/chat",
    secret: true, // its query may carry a token
    shape: shapeOfUrl,
    parse: (text: string) => (isEndpoint(text) ? text : undefined),
  },
  SSE_URL: {
    help: "An event stream (server-sent events) under test, in place of WS_URL; needs bin/k6. See event-streams.md.",
    expects: "an http:// or https:// URL without a user name or a fragment, and no WS_URL beside it",
    default: "",
    secret: true, // as that of WS_URL
    shape: (text: string) => shapeOfUrl(text, "http"),
    parse: (text: string) => (text === "" || isStreamEndpoint(text) ? text : undefined),
  },
  WS_TOKEN: {
    help: "Bearer token sent with every handshake; empty for none. The default token goes only to the default WS_URL, the reference server.",
    expects: "printable ASCII without spaces",
    default: "test-token",
    secret: true,
    parse: (text: string) => (/^[\x21-\x7e]*$/.test(text) ? text : undefined),
  },
  AUTH: choice(
    "How the token reaches the server: in the Authorization header, in the query (token), in a cookie (token), or in a message of the protocol.",
    ["header", "query", "cookie", "message"],
  ),
  USERS: file(
    "A file of users: CSV with a header line, or JSON lines. Its columns `user`, `token` and any others become variables. Connection N takes line N, starting over at the end of the file.",
    "CSV or JSON lines",
  ),
  LOGIN_FILE: file(
    "HTTP requests before each connection; their answers provide variables. See login.md.",
    "JSON",
  ),
  HEADERS: {
    help: "Extra request headers, sent with every handshake. They replace headers that other settings would add. See handshake.md.",
    expects:
      'a JSON object of texts such as {"X-Api-Key":"…"}, without the headers that the handshake itself sets',
    default: "{}",
    secret: true,
    shape: (text: string) => shapeOfHeaders(text, isReservedHeader),
    parse: parseHeaders,
  },
  ORIGIN: {
    help: "The Origin header of every handshake; empty for none.",
    expects: "an origin such as https://example.com",
    default: "",
    parse: (text: string) => (/^([a-z][a-z0-9+.-]*:\/\/[^\s/]+)?$/.test(text) ? text : undefined),
  },
  SUBPROTOCOL: {
    help: "Subprotocols to offer, in order of preference, instead of the descriptor's. They may have variables such as ${token} in them.",
    expects: "names separated by commas",
    default: "",
    parse: (text: string) =>
      /^((?:[!#$%&'*+.^`|~\w-]|\$\{\w+\})+(,(?:[!#$%&'*+.^`|~\w-]|\$\{\w+\})+)*)?$/.test(text)
        ? text
        : undefined,
  },
  CONNECT_TO: {
    help: "Another address to connect to, as with curl's --connect-to. Host header, server name and certificate stay those of the URL. See network.md.",
    expects:
      "HOST:PORT:ADDRESS:PORT, such as example.com:443:10.0.0.5:8443, with an IP address as the third, several separated by commas",
    default: "",
    parse: parseConnectTo,
  },
  PROTOCOL: {
    ...choice("The protocol that the server speaks; with SSE_URL events unless given.", [
      "chat",
      "echo",
      "im",
      "events",
      "room-events",
    ]),
    expects:
      "chat, echo or im, or events or room-events for event streams; any other needs a descriptor in PROTOCOL_FILE, see protocols.md",
  },
  PROTOCOL_FILE: file(
    "Your own protocol: a descriptor (protocols.md), or a script (protocol-in-code.md).",
    "JSON, .js or .ts",
  ),
  PROFILE: {
    help: "The limits to judge by: trading, chat, dashboard, smoke, token-chat, token-batch, or the path of a profile. Empty: the scenario's own limits.",
    expects: "a profile's name or path",
    default: "",
    parse: (text: string) => text,
  },
  CONTRACT: file(
    "What messages were agreed to be, which each one received is checked against: a JSON Schema, a map of message kinds to schemas, or an AsyncAPI document. Empty: nothing is checked.",
    "JSON or YAML",
  ),
  CONTRACT_SENT: choice(
    "Whether messages of ours are checked as well. auto checks them if the contract has kinds that the client sends.",
    ["auto", "none"],
  ),
  CONTRACT_EXAMPLES: choice(
    "Whether to keep the first valid message of each kind, and a probe with each of its replies, in SCENARIO.messages.jsonl of RESULTS_DIR, for pact write. Needs CONTRACT and bin/k6. See pact.md.",
    ["false", "true"],
  ),
  PAYLOAD_BYTES: count(
    "Size of the filler text, in messages whose template has ${payload}.",
    "64",
    0,
    16_777_216,
  ),
  MESSAGE_BYTES: count(
    "Largest message accepted from the server. The generator closes a connection with a larger one with 1009, and the run is incomplete. It also bounds a message that a codec or framing puts together from pieces.",
    String(MESSAGE_BYTES),
    1_024,
    1_073_741_824,
  ),
  BUFFERED_BYTES: count(
    "Memory for half-received messages of all engine connections in a process. Beyond it, connections end as with MESSAGE_BYTES.",
    String(1_024 * 1_024 * 1_024),
    1_024,
    1_099_511_627_776,
  ),
  COMPRESSION: choice("Compression to offer: none, or permessage-deflate (RFC 7692). See compression.md.", [
    "off",
    "deflate",
  ]),
  CONTEXT_TAKEOVER: choice(
    "With COMPRESSION=deflate, the side whose messages may refer to earlier ones. Messages get smaller; each connection needs memory for a window.",
    ["none", "client", "server", "both"],
  ),
  CLIENT_WINDOW_BITS: windowBits("the client"),
  SERVER_WINDOW_BITS: windowBits("the server"),
  HTTP_VERSION: choice(
    "The version of HTTP to connect with: 1.1 takes one TCP connection for each WebSocket or event stream, 2 makes them streams of shared TCP connections. Needs bin/k6. See http2.md.",
    ["1.1", "2"],
  ),
  STREAMS_PER_CONNECTION: count(
    "With HTTP_VERSION=2, the most connections that share a TCP connection. A lower limit of the server holds.",
    "100",
    1,
    10_000,
  ),
  CONNECTIONS: count("Connections held at the same time.", "100", 1, 100_000),
  RAMP: duration("Time over which the connections are opened.", "10s", 0),
  DURATION: duration("Time for which all connections are held.", "30s", 1),
  RAMP_DOWN: duration("Time over which the connections are closed.", "10s", 0),
  RATE: rate("Connections opened per second.", "500"),
  BATCH_SIZE: count(
    "Connections opened at once, again after each BATCH_DELAY. 0: RATE instead.",
    "0",
    0,
    100_000,
  ),
  BATCH_DELAY: duration("Time from one batch of connections to the next.", "1s", 0),
  RETRIES: {
    help: "How often to retry a failed connection.",
    expects: "a whole number, or unlimited",
    default: "unlimited",
    parse: (text: string) => (text === "unlimited" ? -1 : /^\d{1,6}$/.test(text) ? Number(text) : undefined),
  },
  RETRY_DELAY: duration("Time from a failed connection to its retry.", "1s", 1),
  REACH_TIMEOUT: duration("Time within which all connections must be open, retries included.", "5m", 1),
  SERVERS: endpoints(
    "Several endpoints instead of WS_URL; connections take them in turn.",
    "ws:// or wss:// URLs without a user name or a fragment, separated by commas; http:// or https:// URLs beside SSE_URL",
  ),
  SOURCE_IPS: {
    help: "Local addresses to connect from, in turn. Each address has its own range of ports. Empty: the system chooses.",
    expects: "IP addresses of this machine, separated by commas",
    default: "",
    parse: (text: string) => {
      const addresses = text === "" ? [] : text.split(",");
      return addresses.every((address) => /^[\da-f.:]+$/i.test(address)) ? addresses : undefined;
    },
  },
  SHARDS: count(
    "Parts of the load, each driven by one virtual user. At least as many as instances of k6.",
    "1",
    1,
    10_000,
  ),
  ON_EXHAUSTED: choice(
    "What the run does when this machine runs out of descriptors or ports: end, or continue. It is incomplete either way.",
    ["fail", "continue"],
  ),
  PRIORITY: choice(
    "Priority of the engine's threads. realtime runs them before every ordinary thread, which keeps them on time beside a busy server. It needs Linux and CAP_SYS_NICE.",
    ["normal", "realtime"],
  ),
  MESSAGES_PER_SECOND: {
    help: "Messages that a connection is expected to receive per second. It decides which fraction of them k6's limits see.",
    expects: "a number from 0 to 1000000",
    default: "1",
    parse: (text: string) => {
      const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : -1;
      return value >= 0 && value <= 1_000_000 ? value : undefined;
    },
  },
  STEPS: {
    help: "Loads to try one after the other, up to the first that breaks a limit. auto:1000..20000 doubles the load, then halves the gap between the last two. Empty: one load. See capacity.md.",
    expects:
      "at most 20 whole numbers from 1 to 100000, each larger than the one before, separated by commas; or auto:FROM..TO, to search between two",
    default: "",
    parse: parseSteps,
  },
  STEPS_OF: choice("The setting that STEPS replaces: CONNECTIONS or PUBLISH_RATE.", [
    "connections",
    "publish-rate",
  ]),
  HOLD: duration(
    "Time for which each connection is held. In backpressure: time for which slow readers stay slow after BURST.",
    "5s",
    0,
  ),
  ROOMS: count("Rooms that the connections are spread over.", "10", 1, 1_000_000),
  PUBLISHERS: count(
    "Connections that publish into each room. 0 only listens to the server. If the protocol names a delivery's identifier, subscribers are then compared with each other.",
    "1",
    0,
    10_000,
  ),
  PUBLISH_URL: endpoints(
    "The publishers' endpoint instead of WS_URL, or the one for publications by HTTP. Several are taken in turn. See fan-out.md.",
    "ws:// or wss:// URLs without a user name or a fragment, separated by commas; http:// or https:// URLs for publications by HTTP",
  ),
  PUBLISH_RATE: rate("Publications per second, all publishers together.", "10"),
  CHURN: count("Subscribers that leave and come back at once, per second.", "0", 0, 100_000),
  BROWSERS: count("Browsers with a page each, which watch their room.", "1", 1, 5),
  PAGE_URL: {
    help: "The page that each browser opens; a path is one of WS_URL's host. ${room} stands for the room.",
    expects: "an http:// or https:// URL, or a path that begins with /",
    default: "/chat?room=${room}",
    secret: true, // its query may carry a token
    shape: shapeOfUrl,
    parse: (text: string) => (/^(?:https?:\/\/[^\s/?#@]+|\/(?!\/))\S*$/.test(text) ? text : undefined),
  },
  PAGE_INTERVAL: duration("Time between two publications that a page is watched for.", "1s", 1),
  PROBE_INTERVAL: duration(
    "Time between two probes of one connection. Connections are spread evenly over this time.",
    "2s",
    1,
  ),
  SESSION: duration(
    "Lifetime of a connection. Then it waits for its last replies, closes and opens again.",
    "20s",
    1,
  ),
  REPLY_TIMEOUT: duration("Time from a probe's due time until it fails without a reply.", "5s", 1),
  PREFLIGHT: choice(
    "Whether to open one connection to each endpoint before the load. auto leaves it out if it would use up a ticket that the load needs. See handshake.md.",
    ["auto", "always", "none"],
  ),
  CONNECT_TIMEOUT: duration("Time until a connection without a 101 response fails.", "10s", 1),
  MESSAGE_INTERVAL: duration("Time between two publications of one connection.", "500ms", 1),
  BACKOFF_BASE: duration("Longest wait before a client's first reconnect. Waits are random.", "500ms", 1),
  BACKOFF_CAP: duration(
    "Longest wait before any reconnect. The bound doubles with each attempt, up to this.",
    "10s",
    1,
  ),
  REPLAY: choice("Whether messages published while a subscriber is cut off must reach it later.", [
    "required",
    "optional",
  ]),
  CUTS: count(
    "How often this side cuts each subscriber's connection while messages go out; 0 leaves that to the server.",
    "0",
    0,
    1_000,
  ),
  GUARANTEE: choice("How often the server promises to deliver a message.", [
    "exactly-once",
    "at-least-once",
    "at-most-once",
  ]),
  SLOW_READER_MODE: choice(
    "Behaviour of slow readers: stop reading, read READ_RATE bytes a second, or read in bursts.",
    ["stop", "trickle", "stop-and-go"],
  ),
  SLOW_READERS: count("Readers that become slow, in addition to CONNECTIONS healthy ones.", "1", 1, 1_000),
  READ_RATE: count(
    "With SLOW_READER_MODE=trickle, bytes per second that a slow reader takes.",
    "10000",
    1,
    1_000_000_000,
  ),
  RECEIVE_BUFFER: count(
    "Size of a slow reader's receive buffer in the kernel, in bytes. 0: the kernel's choice.",
    "0",
    0,
    1_073_741_824,
  ),
  BASELINE_TIME: duration(
    "Time before the slow readers become slow. A BURST follows it, for comparison.",
    "10s",
    1,
  ),
  PAUSE: duration("Time from the readers becoming slow to the BURST.", "2s", 0),
  BURST: duration("Duration of the burst.", "5s", 1),
  BURST_RATE: rate("Publications per second during the burst.", "50"),
  BURST_BYTES: count("Size of the filler in the burst's messages.", "65536", 0, 16_777_216),
  RESUME: duration(
    "Time from the slow readers' first read after the burst to the last publication.",
    "5s",
    1,
  ),
  DRAIN: duration("Longest wait for outstanding messages at the end.", "30s", 1),
  HARM_THRESHOLD: duration(
    "How much the 95th percentile of a healthy reader's round trips or lag may rise beside slow readers.",
    "500ms",
    1,
  ),
  IDLE: duration("Silence before a connection is probed.", "65s", 1),
  KEEPALIVE: choice("Traffic during the silence: none, WebSocket pings, or the protocol's heartbeats.", [
    "none",
    "ping",
    "protocol",
  ]),
  PING_INTERVAL: duration("Time between two pings of one connection.", "20s", 1),
  TOKEN_TTL: duration("Remaining validity of the tokens when the run begins.", "10s", 1),
  NEXT_TOKEN: {
    help: "A token that replaces the first one on the open connection. Empty: the first one expires.",
    expects: "printable ASCII without spaces",
    default: "",
    secret: true,
    parse: (text: string) => (/^[\x21-\x7e]*$/.test(text) ? text : undefined),
  },
  EXPIRED_TOKEN: {
    help: "An expired token, which the server must refuse. Empty: this case is not tried.",
    expects: "printable ASCII without spaces",
    default: "",
    secret: true,
    parse: (text: string) => (/^[\x21-\x7e]*$/.test(text) ? text : undefined),
  },
  CASES_FILE: file("Your own handshake cases and their expected answers. See failures.md.", "JSON"),
  STREAM_FORMAT: choice(
    "The format of the service's token streams: OpenAI's chat completions, OpenAI's responses, or Anthropic's messages. See token-streams.md.",
    ["openai", "openai-responses", "anthropic"],
  ),
  STREAM_FORMAT_FILE: file("Your own stream format. See token-streams.md.", "JSON"),
  BODY_FILE: file(
    "The body of each request, instead of the format's own: JSON with ${prompt}, ${max_tokens}, ${model} and ${request} in its texts.",
    "JSON",
  ),
  PROMPTS: file(
    "Prompts, one a line, which requests take in turn. A line is a text, or a JSON object with `prompt`, `max_tokens` and other variables of the body.",
    "text or JSON lines",
  ),
  MODEL: {
    help: "The name of the model that requests ask for.",
    expects: "a text",
    default: "reference",
    parse: (text: string) => (text === "" || CONTROL.test(text) ? undefined : text),
  },
  MAX_TOKENS: count(
    "The most tokens of an answer, unless its line of PROMPTS has a limit.",
    "128",
    1,
    1_000_000,
  ),
  THINK_TIME: duration(
    "With CONNECTIONS, the time from the end of a user's stream to its next request.",
    "1s",
    0,
  ),
  STREAM_TIMEOUT: duration("Time from a stream's due time until it fails, if it has not ended.", "60s", 1),
  STALL: duration("The least gap between two events with content that counts as a stall.", "1s", 1),
  CHARACTERS_PER_TOKEN: rate(
    "Estimates the tokens of streams whose server does not report them: characters for each.",
    "4",
  ),
  GOOD_FIRST_CONTENT: duration(
    "A good request has its first content so soon after its due time; 0: any.",
    "1s",
    0,
  ),
  GOOD_PER_TOKEN: duration("A good request takes no longer for each output token; 0: any.", "100ms", 0),
  GOOD_STREAM: duration("A good request ends so soon after its due time; 0: any.", "0", 0),
  GRACE: duration("Time after a token's expiry for which the server may still accept it.", "2s", 0),
  EXPECT: {
    help: "The outcomes that your specification allows (in backpressure: queue, drop, close, block). Empty: the scenario's own. See failures.md.",
    expects: "outcomes separated by commas",
    default: "",
    parse: (text: string) => (/^([a-z_]+(,[a-z_]+)*)?$/.test(text) ? text : undefined),
  },
  EXPECT_CODE: {
    help: "The server's close code for an expired token. Empty: any code.",
    expects: "a close code from 1000 to 4999",
    default: "4001",
    parse: (text: string) => (/^([1-4]\d{3})?$/.test(text) ? text : undefined),
  },
  RESULTS_DIR: {
    help: "An existing directory for the summary files. Empty: the summary is only printed.",
    expects: "the path of an existing directory",
    default: "",
    parse: (text: string) => text,
  },
  K6_VERSION: {
    help: "The version of k6, for the summary. The command line sets it, because a script cannot ask k6.",
    expects: "a version such as v2.2.0; anything else is taken for none",
    default: "",
    // Images and pipelines have a variable of this name, too.
    parse: (text: string) => (/^v?\d+\.\d+\.\d+\S*$/.test(text) ? text : ""),
  },
} as const satisfies Record<string, Setting<unknown>>;

export type SettingName = keyof typeof SETTINGS;

/** Settings of a script's own, by the name of their variable. */
export type OwnSettings = { readonly [name: string]: Setting<unknown> };

/** None of its own. */
// biome-ignore lint/complexity/noBannedTypes: an object without any name
export type NoSettings = {};

/** Values of settings, the toolkit's and a script's own. */
export type Values<N extends SettingName, O extends OwnSettings> = Settings<N> & {
  readonly [K in keyof O]: NonNullable<ReturnType<O[K]["parse"]>>;
};

/** What a scenario gets: a value for each setting it named. */
export type Settings<N extends SettingName = SettingName> = {
  readonly [K in N]: NonNullable<ReturnType<(typeof SETTINGS)[K]["parse"]>>;
};

/** A wrong environment variable: the caller's mistake, with all of them in one message. */
export class SettingsError extends Error {
  override name = "SettingsError";
}

/**
 * Reads the named settings from `env`; `defaults` come before the settings' own.
 *
 * @throws {@link SettingsError} naming each invalid variable, with the expected value and the given one (a secret's
 * value is not repeated).
 */
export function readSettings<N extends SettingName>(
  names: readonly N[],
  env: Readonly<Record<string, string | undefined>>,
  defaults: Env = {},
  own: OwnSettings = {},
): Settings<N> {
  const problems: string[] = [];
  const values: Partial<Record<SettingName, unknown>> = {};
  requireOwnSettings(own);
  for (const name of [...names, ...(Object.keys(own) as SettingName[])]) {
    const setting: Setting<unknown> = SETTINGS[name] ?? own[name];
    const source = nameGiven(name, env);
    const given =
      env[source] ??
      defaults[nameGiven(name, defaults)] ??
      (isForAnother(name, env, defaults) ? "" : undefined);
    const value = setting.parse(given ?? setting.default);
    if (value === undefined) {
      problems.push(
        `${source}: expected ${setting.expects}, got ${setting.secret ? (setting.shape ?? shapeOf)(given ?? "") : JSON.stringify(given ?? "")}`,
      );
    }
    values[name] = value;
  }
  if (problems.length > 0) throw new SettingsError(problems.join("\n"));
  return values as Settings<N>;
}

/** @throws {@link SettingsError} on a name that is taken, or that no variable of an environment has */
function requireOwnSettings(own: OwnSettings): void {
  for (const name of Object.keys(own)) {
    const isTaken = Object.hasOwn(SETTINGS, name) || isFormer(name);
    if (/^[A-Z][A-Z0-9_]*$/.test(name) && !isTaken && !/^K6_/.test(name)) continue;
    throw new SettingsError(
      `ownSettings: expected a name in capitals that is not taken, got ${JSON.stringify(name)}`,
    );
  }
}

/** The largest allowance for the parts of a message beside its filler. */
const REST_OF_A_MESSAGE_BYTES = 1_024;

/**
 * A reply or delivery has the filler that was sent: the limits on messages must leave room for it.
 *
 * @throws {@link SettingsError} naming the limit, and what it has to hold
 */
export function requireRoomForMessages(
  settings: Settings<"MESSAGE_BYTES" | "BUFFERED_BYTES" | "PAYLOAD_BYTES"> & Partial<Settings<"BURST_BYTES">>,
): void {
  const { MESSAGE_BYTES, BUFFERED_BYTES, PAYLOAD_BYTES, BURST_BYTES = 0 } = settings;
  const [name, filler] =
    BURST_BYTES > PAYLOAD_BYTES ? ["BURST_BYTES", BURST_BYTES] : ["PAYLOAD_BYTES", PAYLOAD_BYTES];
  const needed = filler + REST_OF_A_MESSAGE_BYTES;
  if (filler > 0 && MESSAGE_BYTES < needed) {
    throw new SettingsError(
      `MESSAGE_BYTES: expected at least ${needed}, which is ${name} and ${REST_OF_A_MESSAGE_BYTES} for the rest of the message, got ${MESSAGE_BYTES}`,
    );
  }
  if (BUFFERED_BYTES < MESSAGE_BYTES) {
    throw new SettingsError(
      `BUFFERED_BYTES: expected at least MESSAGE_BYTES (${MESSAGE_BYTES}), got ${BUFFERED_BYTES}`,
    );
  }
}

/** Whether it is the reference server's own token, and connections go elsewhere. */
const isForAnother = (name: SettingName, env: Env, defaults: Env): boolean =>
  name === "WS_TOKEN" &&
  ((env.WS_URL ?? defaults.WS_URL ?? SETTINGS.WS_URL.default) !== SETTINGS.WS_URL.default ||
    !["", SETTINGS.WS_URL.default].includes(env.PUBLISH_URL ?? "") ||
    !["", REFERENCE_COMPLETIONS].includes(env.SSE_URL ?? defaults.SSE_URL ?? "") ||
    (env.SERVERS ?? defaults.SERVERS ?? "") !== "");
type Env = Readonly<Record<string, string | undefined>>;

/** Settings that are given but not read. They change nothing, and a warning tells whoever gave them. */
export function unread(
  names: readonly SettingName[],
  env: Readonly<Record<string, string | undefined>>,
): SettingName[] {
  const ours = Object.keys(SETTINGS) as SettingName[];
  // The command line gives SHARDS to every scenario that it starts several instances of.
  return ours.filter((name) => env[name] !== undefined && !names.includes(name) && name !== "SHARDS");
}

/** Secrets that are right as they stand, and in quotes: a server that refuses them has the user look for another cause. */
export const secretsInQuotes = (
  names: readonly SettingName[],
  env: Readonly<Record<string, string | undefined>>,
): SettingName[] =>
  names.filter((name) => (SETTINGS[name] as Setting<unknown>).secret && isInQuotes(env[name] ?? ""));

/** An unknown name that may be meant for one of ours. */
export interface Stranger {
  readonly name: string;
  /** Undefined where it only carries our prefix. */
  readonly meant: SettingName | undefined;
}

/**
 * Unknown names that are one or two slips away from one of ours, or carry our prefix. Given on purpose (`-e`) they
 * are mistakes. The environment may hold such names for its own reasons: `TRACE`, or `WS_PORT` beside a Kubernetes
 * service of the name `ws`.
 */
export function strangers(names: readonly string[], own: OwnSettings = {}): Stranger[] {
  const ours = Object.keys(SETTINGS) as SettingName[];
  return names
    .filter((name) => !Object.hasOwn(SETTINGS, name) && !Object.hasOwn(own, name) && !isFormer(name))
    .map((name) => ({ name, meant: closest(name.toUpperCase(), ours) }))
    .filter(({ name, meant }) => meant !== undefined || name.startsWith("WS_"));
}

/** A misspelled name that was given on purpose, as a line for an error. */
export const describeStranger = ({ name, meant }: Stranger): string =>
  meant === undefined
    ? `${name}: unknown variable, expected one of ${Object.keys(SETTINGS).join(", ")}`
    : `${name}: unknown variable, did you mean ${meant}?`;

/** Shells set these themselves, and they are a slip away from one of ours. */
const NOT_MEANT_FOR_US = new Set(["USER"]);

function closest(name: string, ours: readonly SettingName[]): SettingName | undefined {
  if (NOT_MEANT_FOR_US.has(name)) return undefined;
  return ours.find((known) => {
    if (known.length < 5) return false;
    const slips = known.length >= 9 ? 2 : 1;
    // Lengths first: a distance costs, in k6 most of all.
    return Math.abs(known.length - name.length) <= slips && distance(name, known, slips) <= slips;
  });
}
