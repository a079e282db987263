import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import { COMPRESSION_SETTINGS, compressionOf } from "../lib/compression.ts";
import { requireOneWay } from "../lib/event-streams.ts";
import { FIRST_ROOM, IDENTITY_SETTINGS, identities } from "../lib/identity.ts";
import { parseJsonText } from "../lib/json-text.ts";
import { type LoggedIn, type Login, parseLogin } from "../lib/login/login.ts";
import { useAllCodecs } from "../lib/protocols/codecs/all.ts";
import { withTypes } from "../lib/protocols/codecs/schema-file.ts";
import {
  compile,
  DescriptorError,
  PROTOCOLS,
  type Protocol,
  parseDescriptor,
} from "../lib/protocols/index.ts";
import { isScript } from "../lib/protocols/remote.ts";
import { canonicalHeaders, overridden } from "../lib/request.ts";
import {
  readSettings,
  requireRoomForMessages,
  SETTINGS,
  type SettingName,
  type Settings,
  SettingsError,
} from "../lib/settings.ts";
import { isInQuotes } from "../lib/shape.ts";
import { type Ms, parseDuration } from "../lib/units.ts";
import { isEventStream } from "../lib/url.ts";
import { NO_TABLE, parseUsers, tableOf, type Users, usersOf } from "../lib/users.ts";
import { EXIT, readAgain, type Surroundings, UserError } from "./command.ts";
import { readContractFile } from "./contract-file.ts";
import { findK6 } from "./find-k6.ts";
import { readConfigFile } from "./run/k6-config.ts";
import { type Attempt, attempt } from "./try/attempt.ts";
import type { TryEvent, Untimed } from "./try/event.ts";
import { type Hosted, protocolInK6 } from "./try/in-k6.ts";
import { asSocketUrl, type LogIn, logInBy } from "./try/login.ts";
import { networkFor, unhonoured } from "./try/network.ts";
import { masker, printable } from "./try/safe-text.ts";
import { linesOf } from "./try/transcript.ts";
import { Judge } from "./try/verdict.ts";

/** Settings of the scenarios that are flags here, so that what was tried can be run as it stands. */
const FLAGS = {
  url: "WS_URL",
  protocol: "PROTOCOL",
  "protocol-file": "PROTOCOL_FILE",
  token: "WS_TOKEN",
  auth: "AUTH",
  users: "USERS",
  origin: "ORIGIN",
  subprotocol: "SUBPROTOCOL",
  "payload-bytes": "PAYLOAD_BYTES",
  "message-bytes": "MESSAGE_BYTES",
  compression: "COMPRESSION",
  "context-takeover": "CONTEXT_TAKEOVER",
  "client-window-bits": "CLIENT_WINDOW_BITS",
  "server-window-bits": "SERVER_WINDOW_BITS",
  "http-version": "HTTP_VERSION",
  "reply-timeout": "REPLY_TIMEOUT",
  "connect-timeout": "CONNECT_TIMEOUT",
  "connect-to": "CONNECT_TO",
  "login-file": "LOGIN_FILE",
  contract: "CONTRACT",
} as const satisfies Record<string, SettingName>;

const NAMES = [
  ...IDENTITY_SETTINGS,
  "SSE_URL",
  "USERS",
  "LOGIN_FILE",
  "PROTOCOL",
  "PROTOCOL_FILE",
  "CONTRACT",
  "PAYLOAD_BYTES",
  "MESSAGE_BYTES",
  "BUFFERED_BYTES",
  ...COMPRESSION_SETTINGS,
  "HTTP_VERSION",
  "REPLY_TIMEOUT",
  "CONNECT_TIMEOUT",
  "CONNECT_TO",
] as const;

const SETTING_ARGS = Object.fromEntries(
  Object.entries(FLAGS).map(([flag, name]) => {
    const fallback = SETTINGS[name].default;
    const otherwise = fallback === "" ? `[${name}]` : `[${name}] (${fallback})`;
    const valueHint = flag.toUpperCase().replace(/^.*-/, "");
    return [flag, { type: "string", valueHint, description: `${SETTINGS[name].help} ${otherwise}` }];
  }),
) as Record<keyof typeof FLAGS, { type: "string"; valueHint: string; description: string }>;

/** Flags that say whom to connect to, as whom, and which way. */
export const TARGET_ARGS = {
  ...SETTING_ARGS,
  header: {
    type: "string",
    valueHint: "HEADER",
    description: "One more header, 'Name: value'; may be given again. [HEADERS]",
  },
  config: {
    type: "string",
    alias: "c",
    valueHint: "FILE",
    description: "k6's configuration file, for hosts, dns.policy, userAgent and the options of TLS.",
  },
  "insecure-skip-tls-verify": {
    type: "boolean",
    description: "Take any certificate, as the flag of k6 does.",
  },
} as const satisfies ArgsDef;

const ARGS = {
  ...TARGET_ARGS,
  room: { type: "string", valueHint: "ROOM", description: `Value of \${room}. (${FIRST_ROOM})` },
  user: {
    type: "string",
    valueHint: "USER",
    description: "Value of ${user}. (that of the first line of USERS, or user-0)",
  },
  probes: { type: "string", valueHint: "N", description: "Probes to send, half a second apart. (3)" },
  publish: {
    type: "string",
    valueHint: "N",
    description: "Messages to publish into ${room}, half a second apart, to see their deliveries. (0)",
  },
  for: {
    type: "string",
    valueHint: "DURATION",
    description: "How long to stay once the session is ready. It may take as long to get there. (5s)",
  },
  json: { type: "boolean", description: "One JSON object a line, messages whole, instead of text." },
} as const satisfies ArgsDef;

/** What `--help` says beyond the flags. */
export const TRY_MANUAL = `WHAT YOU SEE

  One connection, made as a scenario makes them: handshake, session, probes,
  publications if you ask for some, Close. Each message shows how the protocol's
  descriptor understood it. Write a descriptor like this, a line at a time, before
  any load. A protocol in code (a .js or .ts file) runs in k6, as it will under load.

    → sent   ← received   = as the descriptor understood it
    · events of time   ! faults

  Times count from the start of a login, and anew from that of the connection.

  Tokens are shown as ***, and what a server sends cannot act upon your
  terminal. A variable in [brackets] stands in for its flag; WS_TOKEN keeps a
  token out of the process list.

EXAMPLES

  k6-realtime try --url ws://127.0.0.1:8080/ws/chat
  WS_TOKEN=… k6-realtime try --url wss://example.com/ws --auth query --for 30s
  k6-realtime try --url wss://example.com/ws --protocol-file acme.json \\
    --publish 3 --room my-test-room
  k6-realtime try --url wss://example.com/ws --json | jq .meaning
  k6-realtime try --url https://example.com/events      (an event stream)

  Then the same under load:

  k6-realtime run chat-soak --url wss://example.com/ws \\
    --protocol-file acme.json

EXIT CODE

  0  the session was ready, every probe had its replies, every message kept to
     the contract if there is one, and the connection held until our Close
  1  it did not: the last line says why
  2  a flag or a descriptor is wrong: nothing was sent
  3  interrupted before there was an answer, or ended by a limit of this side
     or its machine
`;

/** `k6-realtime try`: one connection, message by message. */
export const tryOut = ({ out, err, cwd, env, signal }: Surroundings): CommandDef =>
  defineCommand({
    meta: { name: "try", description: "Try one connection and see how each message is understood" },
    args: ARGS as ArgsDef,
    async run({ args, rawArgs }): Promise<number> {
      // What runs a protocol in code, for as long as it is tried.
      const hosted: Hosted[] = [];
      try {
        const headers = headersOf(readAgain(rawArgs, ARGS).all("header"));
        const {
          what: planned,
          maskAlso,
          json,
          notices,
          login,
        } = await planOf(args as Args, headers, { cwd, env, hosted });
        let what = planned;
        let mask = maskAlso([]);
        for (const notice of notices) err.write(`${notice}\n`);
        const judge = new Judge(what.probes);

        const print = (lines: readonly string[]): Promise<void> | undefined => {
          const text = lines.map((line) => `${printable(line)}\n`).join("");
          return out.write(text) ? undefined : new Promise((drained) => out.once("drain", drained));
        };
        const report = (untimed: Untimed, atMs: Ms) => {
          const event = { atMs, ...untimed } as TryEvent;
          judge.take(event);
          // Masked before it is cut to a line's length: half a token is too much.
          const masked = JSON.stringify(event, (key, value) =>
            typeof value === "string" && !OUR_WORDS.has(key) ? mask(value) : value,
          );
          return print(json ? [masked] : linesOf(JSON.parse(masked)));
        };

        const hide = (secrets: readonly string[]) => {
          mask = maskAlso(secrets);
        };
        const known = login && (await login(report, signal, hide));
        if (known) what = { ...what, ...known };
        if (!login || known)
          await attempt(what, report, signal).catch((error) => {
            if (!(error instanceof SyntaxError)) throw error;
            throw new UserError(
              URL.canParse(what.identity.url)
                ? "--subprotocol: expected subprotocols that differ, got one twice"
                : "--url: expected a URL, got one whose host or port is none",
            );
          });
        const { ok, undecided, reason } = judge.verdict(signal.aborted ? String(signal.reason) : undefined);
        const because = mask(reason);
        print([
          json
            ? JSON.stringify({ event: "verdict", ok, reason: because })
            : `${ok ? "ok" : undecided ? "undecided" : "failed"}: ${because}`,
        ]);
        if (ok) return EXIT.pass;
        return undecided ? EXIT.undecided : EXIT.error;
      } finally {
        for (const { close } of hosted) close();
      }
    },
  });

/** Fields of events whose values are words of ours, which are no secret even where a token is the same word. */
const OUR_WORDS: ReadonlySet<string> = new Set(["event", "kind", "purpose", "by"]);

type Args = { readonly [K in keyof typeof ARGS]?: string | boolean | undefined };

interface Plan {
  readonly what: Attempt;
  /** Makes what blacks out secrets, and these besides. */
  maskAlso(secrets: readonly string[]): (text: string) => string;
  readonly json: boolean;
  readonly notices: readonly string[];
  /** Logs in first, and gives what is then tried; nothing where that failed. */
  readonly login?: LogIn;
}

/** Everything that can be wrong with the command line is found here, before anything is sent. */
async function planOf(
  args: Args,
  headers: Readonly<Record<string, string>>,
  { cwd, env, hosted }: Pick<Surroundings, "cwd" | "env"> & { readonly hosted: Hosted[] },
): Promise<Plan> {
  try {
    const settings = settingsOf(args, headers, env, true);
    const users = await readUsers(settings, cwd);
    const login = await loginOf(settings, users.columns, { cwd, env });
    const given = login?.variables ?? [];
    const protocol = await protocolOf(
      settings,
      [...users.columns, ...given.filter((name) => name !== "token")],
      { cwd, env, hosted },
      args["protocol-file"] === undefined ? "PROTOCOL_FILE" : "--protocol-file",
    );
    if (isEventStream(settings.WS_URL))
      requireOneWay(protocol, settings.PROTOCOL_FILE === "" ? "PROTOCOL" : "PROTOCOL_FILE");
    const config =
      args.config === undefined ? {} : await readConfigFile("--config", String(args.config), cwd);
    const endpoints = [settings.WS_URL, ...(login?.endpoints ?? []).map(asSocketUrl)];
    const networkOf = (url: string) =>
      networkFor([url, ...endpoints], settings, {
        config,
        source: `--config ${args.config}`,
        insecure: args["insecure-skip-tls-verify"] === true || env.K6_INSECURE_SKIP_TLS_VERIFY === "true",
        env,
      });
    const network = await networkOf(settings.WS_URL);
    const user = text(args.user);
    const room = text(args.room) ?? FIRST_ROOM;
    const variables = { room, vu: "1", ...(user && { user }) };
    const identityOf = ({ variables: more, endpoint }: LoggedIn) =>
      identities({ ...settings, WS_URL: endpoint ?? settings.WS_URL }, protocol, users, { login: given })(0, {
        ...variables,
        ...more,
      });
    const identity = identityOf({ variables: {} });
    const isGiven = { token: users.length > 0 || (args.token ?? env.WS_TOKEN) !== undefined };
    const probes = read("--probes", args.probes ?? "3", "a whole number up to 1000", upToThousand);
    const publications = read("--publish", args.publish ?? "0", "a whole number up to 1000", upToThousand);
    if (publications > 0 && !protocol.descriptor.publish) {
      throw new UserError(`--publish: expected a protocol with "publish", got "${protocol.descriptor.name}"`);
    }
    const userAgent = await userAgentOf(identity.headers, env.K6_USER_AGENT ?? config.userAgent, env);
    return {
      what: {
        identity,
        userAgent,
        protocol,
        probes: protocol.descriptor.probe ? probes : 0,
        publications,
        payload: "x".repeat(settings.PAYLOAD_BYTES),
        messageBytes: settings.MESSAGE_BYTES,
        compression: compressionOf(settings),
        httpVersion: settings.HTTP_VERSION,
        connectTimeout: settings.CONNECT_TIMEOUT,
        replyTimeout: settings.REPLY_TIMEOUT,
        stayFor: read(
          "--for",
          args.for ?? "5s",
          "a duration above 0 such as 5s",
          (given) => parseDuration(given) || undefined,
        ),
        network,
        ...(settings.CONTRACT !== "" && {
          contract: readContractFile(
            settings.CONTRACT,
            cwd,
            args.contract === undefined ? "CONTRACT" : "--contract",
          ),
        }),
      },
      ...(login && {
        login: logInBy(login, identity.variables, {
          networkOf,
          timeout: settings.CONNECT_TIMEOUT,
          userAgent,
          identityOf,
        }),
      }),
      maskAlso: (secrets) =>
        masker(identity.variables.token ?? "", [
          ...secrets,
          ...Object.values(settings.HEADERS),
          ...Object.keys(settings.HEADERS)
            .map((name) => identity.headers[name] ?? "")
            .filter((value) => value !== identity.variables.user), // which is in most messages
          ...secretsIn(identity.url),
          ...Object.entries(users.at(0)).flatMap(([column, value]) => (column === "user" ? [] : [value])),
        ]),
      json: args.json === true,
      notices: [
        ...(isInQuotes(settings.WS_TOKEN)
          ? [
              `${args.token === undefined ? "WS_TOKEN" : "--token"} is in quotes, which are sent as a part of it`,
            ]
          : []),
        ...overridden(settings, [settings.WS_URL], isGiven),
        ...unhonoured(config).map((name) => `--config ${args.config}: try has no use for ${name}`),
      ],
    };
  } catch (error) {
    if (error instanceof SettingsError) throw new UserError(inFlags(error.message, args));
    throw error instanceof DescriptorError ? new UserError(error.message) : error;
  }
}

/** The scenarios' settings: from flags, else from the environment. */
export function settingsOf(
  args: Args,
  headers: Readonly<Record<string, string>>,
  env: NodeJS.ProcessEnv,
  takesStreams = false,
) {
  const values: Record<string, string> = Object.fromEntries(
    givenFlags(args).map(([flag, name]) => [name, String(args[flag])]),
  );
  const SSE_URL = takesStreams ? streamIn(values, env) : "";
  const target = SSE_URL === "" ? { SSE_URL } : { SSE_URL, WS_URL: undefined };
  if (args.protocol !== undefined) {
    if (args["protocol-file"] !== undefined)
      throw new UserError("--protocol: expected nothing beside --protocol-file");
    values.PROTOCOL_FILE = "";
  }
  const defaults = SSE_URL === "" ? {} : { PROTOCOL: "events" };
  const settings = readSettings(NAMES, { ...env, ...values, ...target }, defaults);
  requireRoomForMessages(settings);
  if (SSE_URL !== "" && settings.HTTP_VERSION !== "1.1")
    throw new SettingsError(`HTTP_VERSION: expected 1.1 with SSE_URL, got ${settings.HTTP_VERSION}`);
  // From here on an event stream is told by its scheme.
  const WS_URL = SSE_URL || settings.WS_URL;
  return {
    ...settings,
    WS_URL,
    HEADERS: { ...canonicalHeaders(settings.HEADERS), ...canonicalHeaders(headers) },
  };
}

/** The event stream to try, if it is one, from the flags' values or the environment. */
function streamIn({ WS_URL }: Record<string, string>, env: NodeJS.ProcessEnv): string {
  if (WS_URL !== undefined) return isEventStream(WS_URL) ? WS_URL : "";
  if (env.SSE_URL && env.WS_URL) throw new SettingsError("SSE_URL: expected no WS_URL beside it, got both");
  return env.SSE_URL ?? "";
}

const givenFlags = (args: Args) =>
  (Object.entries(FLAGS) as [keyof typeof FLAGS, SettingName][]).filter(([flag]) => args[flag] !== undefined);

/** An error of settings, with the names of the flags that they were given by. */
export function inFlags(message: string, args: Args): string {
  const flagOf = (name: string) => givenFlags(args).find(([, setting]) => setting === name)?.[0];
  return message.replace(/^\w+(?=:)/gm, (name) => {
    const flag =
      flagOf(name) ?? (name === "SSE_URL" && /^https?:/i.test(String(args.url)) ? "url" : undefined);
    return flag === undefined ? name : `--${flag}`;
  });
}

export async function loginOf(
  { LOGIN_FILE, WS_URL }: Settings<"LOGIN_FILE" | "WS_URL">,
  columns: readonly string[],
  { cwd, env }: Pick<Surroundings, "cwd" | "env">,
): Promise<Login | undefined> {
  if (LOGIN_FILE === "") return undefined;
  const json = await readJson(LOGIN_FILE, cwd, "LOGIN_FILE");
  return parseLogin(json, LOGIN_FILE, { columns, endpoint: WS_URL, env });
}

export async function protocolOf(
  { PROTOCOL, PROTOCOL_FILE }: { PROTOCOL: keyof typeof PROTOCOLS; PROTOCOL_FILE: string },
  columns: readonly string[],
  { cwd, env, hosted }: Pick<Surroundings, "cwd" | "env"> & { readonly hosted: Hosted[] },
  name: string,
): Promise<Protocol> {
  if (PROTOCOL_FILE === "") return compile(PROTOCOLS[PROTOCOL]);
  if (isScript(PROTOCOL_FILE)) {
    const host = await protocolInK6(resolve(cwd, PROTOCOL_FILE), columns, env);
    hosted.push(host);
    return host.protocol;
  }
  useAllCodecs();
  const json = await readJson(PROTOCOL_FILE, cwd, name);
  const whole = withTypes(json, PROTOCOL_FILE, (path) => readFileSync(resolve(cwd, path), "utf8"));
  return compile(parseDescriptor(whole, PROTOCOL_FILE, columns), columns);
}

export async function readJson(file: string, cwd: string, name: string): Promise<unknown> {
  const path = resolve(cwd, file);
  const wrong = (expected: string, error: unknown) =>
    new UserError(`${name}: expected ${expected}, got ${path} (${(error as Error).message})`);
  const json = await readFile(path, "utf8").catch((error) => {
    throw wrong("a readable file", error);
  });
  try {
    return parseJsonText(json);
  } catch (error) {
    throw wrong("JSON", error);
  }
}

export async function readUsers(
  { USERS, WS_TOKEN }: { USERS: string; WS_TOKEN: string },
  cwd: string,
): Promise<Users> {
  if (USERS === "") return usersOf(NO_TABLE, WS_TOKEN);
  const path = resolve(cwd, USERS);
  const csv = await readFile(path, "utf8").catch((error) => {
    throw new UserError(`USERS: expected a readable file, got ${path} (${error.message})`);
  });
  const file = parseUsers(csv, USERS);
  return usersOf(
    tableOf(file, (index) => file.blocks[index]!),
    WS_TOKEN,
  );
}

/** What k6 will call itself, which some servers and firewalls decide by. */
export async function userAgentOf(
  headers: Readonly<Record<string, string>>,
  given: unknown,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  if (headers["User-Agent"] !== undefined) return undefined;
  if (given !== undefined) return String(given);
  const k6 = await findK6(env).catch(() => undefined);
  return k6 ? `Grafana k6/${k6.version.replace(/^v/, "")}` : "Grafana k6";
}

export function headersOf(lines: readonly string[]): Record<string, string> {
  const pairs = lines.map((line) => {
    const [, name, value] = /^([^:]+):\s*(.*?)\s*$/.exec(line) ?? [];
    return name === undefined || value === undefined ? undefined : ([name, value] as const);
  });
  const headers = Object.fromEntries(pairs.filter((pair) => pair !== undefined));
  const usable = pairs.every(Boolean) && SETTINGS.HEADERS.parse(JSON.stringify(headers)) !== undefined;
  if (usable) return headers;
  const line = pairs.indexOf(undefined);
  const got = line < 0 ? SETTINGS.HEADERS.shape(JSON.stringify(headers)) : "one without a name and a colon";
  throw new UserError(
    `--header: expected 'Name: value', and none of the handshake's own headers, got ${got}`,
  );
}

/** What may be secret in a URL: the values of its query, as they are written and as they are meant. */
export function secretsIn(url: string): string[] {
  if (!URL.canParse(url)) return [];
  const { search, searchParams } = new URL(url);
  return [...[...search.matchAll(/=([^&]*)/g)].map(([, value]) => value!), ...searchParams.values()];
}

function read<T>(
  flag: string,
  given: string | boolean,
  expected: string,
  parse: (text: string) => T | undefined,
): T {
  const value = parse(String(given));
  if (value === undefined) throw new UserError(`${flag}: expected ${expected}, got ${JSON.stringify(given)}`);
  return value;
}

const upToThousand = (given: string): number | undefined =>
  /^\d{1,4}$/.test(given) && Number(given) <= 1_000 ? Number(given) : undefined;

const text = (value: string | boolean | undefined): string | undefined =>
  value === undefined ? undefined : String(value);
