/** Flags of try, and those by which other commands say whom to connect to. */
import type { ArgsDef } from "citty";
import { FIRST_ROOM } from "../../lib/identity.ts";
import { DescriptorError } from "../../lib/protocols/index.ts";
import { SETTINGS, type SettingName, SettingsError } from "../../lib/settings.ts";
import { UserError } from "../command.ts";
import { withExample } from "../protocol-example.ts";

/** Settings of the scenarios that are flags here, so that `run` takes the flags that `try` took. */
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
  "contract-sent": "CONTRACT_SENT",
} as const satisfies Record<string, SettingName>;

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

export const ARGS = {
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

export type Args = { readonly [K in keyof typeof ARGS]?: string | boolean | undefined };

export const givenFlags = (args: Args) =>
  (Object.entries(FLAGS) as [keyof typeof FLAGS, SettingName][]).filter(([flag]) => args[flag] !== undefined);

/** An error of settings, with the names of the flags that they were given by. */
function inFlags(message: string, args: Args): string {
  const flagOf = (name: string) => givenFlags(args).find(([, setting]) => setting === name)?.[0];
  return message.replace(/^\w+(?=:)/gm, (name) => {
    const flag =
      flagOf(name) ?? (name === "SSE_URL" && /^https?:/i.test(String(args.url)) ? "url" : undefined);
    return flag === undefined ? name : `--${flag}`;
  });
}

/** The error that the user sees for a mistake in settings or in a descriptor; any other error as it is. */
export function asUserError(error: unknown, args: Args): unknown {
  if (error instanceof SettingsError) return new UserError(withExample(inFlags(error.message, args)));
  return error instanceof DescriptorError ? new UserError(error.message) : error;
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
