/** Whom to connect to, and as whom: settings, and the files that they name. */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { COMPRESSION_SETTINGS } from "../../lib/compression.ts";
import { IDENTITY_SETTINGS } from "../../lib/identity.ts";
import { parseJsonText } from "../../lib/json-text.ts";
import { type Login, parseLogin } from "../../lib/login/login.ts";
import { useAllCodecs } from "../../lib/protocols/codecs/all.ts";
import { withTypes } from "../../lib/protocols/codecs/schema-file.ts";
import { compile, PROTOCOLS, type Protocol, parseDescriptor } from "../../lib/protocols/index.ts";
import { isScript } from "../../lib/protocols/remote.ts";
import { canonicalHeaders } from "../../lib/request.ts";
import { readSettings, requireRoomForMessages, type Settings, SettingsError } from "../../lib/settings.ts";
import { isEventStream } from "../../lib/url.ts";
import { NO_USERS, parseUsers, tableOf, type Users, usersOf } from "../../lib/users.ts";
import { type Context, UserError } from "../command.ts";
import { findK6 } from "../find-k6.ts";
import { type Args, givenFlags } from "./args.ts";
import { type Hosted, protocolInK6 } from "./in-k6.ts";

const NAMES = [
  ...IDENTITY_SETTINGS,
  "SSE_URL",
  "PUBLISH_URL",
  "USERS",
  "LOGIN_FILE",
  "PROTOCOL",
  "PROTOCOL_FILE",
  "CONTRACT",
  "CONTRACT_SENT",
  "PAYLOAD_BYTES",
  "MESSAGE_BYTES",
  "BUFFERED_BYTES",
  ...COMPRESSION_SETTINGS,
  "HTTP_VERSION",
  "REPLY_TIMEOUT",
  "CONNECT_TIMEOUT",
  "CONNECT_TO",
] as const;

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

export async function loginOf(
  { LOGIN_FILE, WS_URL }: Settings<"LOGIN_FILE" | "WS_URL">,
  columns: readonly string[],
  { cwd, env }: Pick<Context, "cwd" | "env">,
): Promise<Login | undefined> {
  if (LOGIN_FILE === "") return undefined;
  const json = await readJson(LOGIN_FILE, cwd, "LOGIN_FILE");
  return parseLogin(json, LOGIN_FILE, { columns, endpoint: WS_URL, env });
}

export async function protocolOf(
  { PROTOCOL, PROTOCOL_FILE }: { PROTOCOL: keyof typeof PROTOCOLS; PROTOCOL_FILE: string },
  columns: readonly string[],
  { cwd, env, hosted }: Pick<Context, "cwd" | "env"> & { readonly hosted: Hosted[] },
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
  const whole = withTypes(
    json,
    PROTOCOL_FILE,
    (path) => readFileSync(resolve(cwd, path), "utf8"),
    (path) => readFileSync(resolve(cwd, path)),
  );
  return compile(parseDescriptor(whole, PROTOCOL_FILE, columns), columns);
}

async function readJson(file: string, cwd: string, name: string): Promise<unknown> {
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
  if (USERS === "") return usersOf(NO_USERS, WS_TOKEN);
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
