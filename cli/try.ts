import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import { IDENTITY_SETTINGS, identities } from "../lib/identity.ts";
import {
  compile,
  DescriptorError,
  PROTOCOLS,
  type Protocol,
  parseDescriptor,
} from "../lib/protocols/index.ts";
import { readSettings, SETTINGS, type SettingName, SettingsError } from "../lib/settings.ts";
import { type Ms, parseDuration } from "../lib/units.ts";
import { EXIT, readAgain, type Surroundings, UserError } from "./command.ts";
import { type Attempt, attempt } from "./try/attempt.ts";
import type { TryEvent, Untimed } from "./try/event.ts";
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
  origin: "ORIGIN",
  subprotocol: "SUBPROTOCOL",
  "payload-bytes": "PAYLOAD_BYTES",
  "reply-timeout": "REPLY_TIMEOUT",
  "connect-timeout": "CONNECT_TIMEOUT",
} as const satisfies Record<string, SettingName>;

const NAMES = [
  ...IDENTITY_SETTINGS,
  "PROTOCOL",
  "PROTOCOL_FILE",
  "PAYLOAD_BYTES",
  "REPLY_TIMEOUT",
  "CONNECT_TIMEOUT",
] as const;

const ARGS = {
  ...(Object.fromEntries(
    Object.entries(FLAGS).map(([flag, name]) => {
      const fallback = SETTINGS[name].default;
      const otherwise = fallback === "" ? `[${name}]` : `[${name}] (${fallback})`;
      const valueHint = flag.toUpperCase().replace(/^.*-/, "");
      return [flag, { type: "string", valueHint, description: `${SETTINGS[name].help} ${otherwise}` }];
    }),
  ) as Record<keyof typeof FLAGS, { type: "string"; valueHint: string; description: string }>),
  header: {
    type: "string",
    valueHint: "HEADER",
    description: "One more header, 'Name: value'; may be given again. [HEADERS]",
  },
  room: { type: "string", valueHint: "ROOM", description: "Value of ${room}. (load-test-room-0)" },
  user: { type: "string", valueHint: "USER", description: "Value of ${user}. (user-0)" },
  probes: { type: "string", valueHint: "N", description: "Probes to send, half a second apart. (3)" },
  publish: {
    type: "string",
    valueHint: "N",
    description: "Messages to publish into ${room}, half a second apart, to see their deliveries. (0)",
  },
  for: {
    type: "string",
    valueHint: "DURATION",
    description: "How long to stay, from the first byte to our Close. (5s)",
  },
  json: { type: "boolean", description: "One JSON object a line, messages whole, instead of text." },
  "insecure-skip-tls-verify": {
    type: "boolean",
    description: "Take any certificate, as the flag of k6 does.",
  },
} as const satisfies ArgsDef;

/** What `--help` says beyond the flags. */
export const TRY_MANUAL = `WHAT YOU SEE

  One connection, made as a scenario makes them: handshake, session, probes,
  publications if you ask for some, Close. Each message with what the protocol's
  descriptor took it for: this is how to write one, a line at a time, before any
  load.

    → sent   ← received   = what it was taken for
    · what time brought about   ! what is wrong

  Tokens are shown as ***, and what a server sends cannot act upon your
  terminal. A variable in [brackets] stands in for its flag; WS_TOKEN keeps a
  token out of the process list.

EXAMPLES

  k6-realtime try --url ws://127.0.0.1:8080/ws/chat
  WS_TOKEN=… k6-realtime try --url wss://example.com/ws --auth query --for 30s
  k6-realtime try --url wss://example.com/ws --protocol-file acme.json \\
    --publish 3 --room my-test-room
  k6-realtime try --url wss://example.com/ws --json | jq .meaning

  Then the same under load:

  k6-realtime run chat-soak --url wss://example.com/ws \\
    -e PROTOCOL_FILE=acme.json

EXIT CODE

  0  the session was ready, every probe had its replies, and the connection held
     until our Close
  1  it did not: the last line says why
  2  a flag or a descriptor is wrong: nothing was sent
  3  interrupted before there was an answer
`;

/** `k6-realtime try`: one connection, message by message. */
export const tryOut = ({ out, cwd, env, signal }: Surroundings): CommandDef =>
  defineCommand({
    meta: { name: "try", description: "Try one connection and see how each message is understood" },
    args: ARGS as ArgsDef,
    async run({ args, rawArgs }): Promise<number> {
      const headers = headersOf(readAgain(rawArgs, ARGS).all("header"));
      const { what, mask, json } = await planOf(args as Args, headers, { cwd, env });
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

      await attempt(what, report, signal).catch((error) => {
        if (!(error instanceof SyntaxError)) throw error;
        throw new UserError(
          "--url, --subprotocol: expected a URL, and subprotocols that differ, got something else",
        );
      });
      const { ok, undecided, reason } = judge.verdict(signal.aborted ? String(signal.reason) : undefined);
      const because = mask(reason);
      print([
        json
          ? JSON.stringify({ event: "verdict", ok, reason: because })
          : `${ok ? "ok" : "failed"}: ${because}`,
      ]);
      if (ok) return EXIT.pass;
      return undecided ? EXIT.undecided : EXIT.error;
    },
  });

/** Fields of events whose values are words of ours, which are no secret even where a token is the same word. */
const OUR_WORDS: ReadonlySet<string> = new Set(["event", "kind", "purpose", "by"]);

type Args = { readonly [K in keyof typeof ARGS]?: string | boolean | undefined };

/** Everything that can be wrong with the command line is found here, before anything is sent. */
async function planOf(
  args: Args,
  headers: Readonly<Record<string, string>>,
  { cwd, env }: Pick<Surroundings, "cwd" | "env">,
): Promise<{ what: Attempt; mask: (text: string) => string; json: boolean }> {
  try {
    const settings = settingsOf(args, headers, env);
    const protocol = await protocolOf(
      settings,
      cwd,
      args["protocol-file"] === undefined ? "PROTOCOL_FILE" : "--protocol-file",
    );
    const user = text(args.user) ?? "user-0";
    const identity = identities(settings, protocol, [{ user, token: settings.WS_TOKEN }]);
    const room = text(args.room) ?? "load-test-room-0";
    const probes = read("--probes", args.probes ?? "3", "a whole number up to 1000", upToThousand);
    const publications = read("--publish", args.publish ?? "0", "a whole number up to 1000", upToThousand);
    if (publications > 0 && !protocol.descriptor.publish) {
      throw new UserError(`--publish: expected a protocol with "publish", got "${protocol.descriptor.name}"`);
    }
    return {
      what: {
        identity: identity(0, { room, vu: "0" }),
        protocol,
        probes: protocol.descriptor.probe ? probes : 0,
        publications,
        payload: "x".repeat(settings.PAYLOAD_BYTES),
        connectTimeout: settings.CONNECT_TIMEOUT,
        replyTimeout: settings.REPLY_TIMEOUT,
        stayFor: read(
          "--for",
          args.for ?? "5s",
          "a duration above 0 such as 5s",
          (given) => parseDuration(given) || undefined,
        ),
        verifyCertificate: !args["insecure-skip-tls-verify"],
      },
      mask: masker(settings.WS_TOKEN, [...Object.values(settings.HEADERS), ...secretsIn(settings.WS_URL)]),
      json: args.json === true,
    };
  } catch (error) {
    if (error instanceof SettingsError || error instanceof DescriptorError)
      throw new UserError(error.message);
    throw error;
  }
}

/** The scenarios' settings: from flags, else from the environment. */
function settingsOf(args: Args, headers: Readonly<Record<string, string>>, env: NodeJS.ProcessEnv) {
  const flags = Object.entries(FLAGS) as [keyof typeof FLAGS, SettingName][];
  const given = flags.filter(([flag]) => args[flag] !== undefined);
  const values = Object.fromEntries(given.map(([flag, name]) => [name, String(args[flag])]));
  if (args.protocol !== undefined) {
    if (args["protocol-file"] !== undefined)
      throw new UserError("--protocol: expected nothing beside --protocol-file");
    values.PROTOCOL_FILE = "";
  }
  try {
    const settings = readSettings(NAMES, { ...env, ...values });
    return { ...settings, HEADERS: { ...settings.HEADERS, ...headers } };
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    const flagOf = (name: string) => given.find(([, setting]) => setting === name)?.[0];
    throw new UserError(
      error.message.replace(/^\w+(?=:)/gm, (name) => (flagOf(name) ? `--${flagOf(name)}` : name)),
    );
  }
}

async function protocolOf(
  { PROTOCOL, PROTOCOL_FILE }: { PROTOCOL: keyof typeof PROTOCOLS; PROTOCOL_FILE: string },
  cwd: string,
  name: string,
): Promise<Protocol> {
  if (PROTOCOL_FILE === "") return compile(PROTOCOLS[PROTOCOL]);
  const path = resolve(cwd, PROTOCOL_FILE);
  const wrong = (expected: string, error: unknown) =>
    new UserError(`${name}: expected ${expected}, got ${path} (${(error as Error).message})`);
  const json = await readFile(path, "utf8").catch((error) => {
    throw wrong("a readable file", error);
  });
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch (error) {
    throw wrong("JSON", error);
  }
  return compile(parseDescriptor(document, PROTOCOL_FILE));
}

function headersOf(lines: readonly string[]): Record<string, string> {
  const pairs = lines.map((line) => {
    const [, name, value] = /^([^:]+):\s*(.*?)\s*$/.exec(line) ?? [];
    return name === undefined || value === undefined ? undefined : ([name, value] as const);
  });
  const headers = Object.fromEntries(pairs.filter((pair) => pair !== undefined));
  const usable = pairs.every(Boolean) && SETTINGS.HEADERS.parse(JSON.stringify(headers)) !== undefined;
  if (usable) return headers;
  throw new UserError(
    "--header: expected 'Name: value', and none of the handshake's own headers, got something else",
  );
}

/** What may be secret in a URL: the values of its query, as they are written and as they are meant. */
function secretsIn(url: string): string[] {
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
