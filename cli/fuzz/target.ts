/** The target of fuzzing: endpoint, protocol, identity and network, as for any run; and whether it may be fuzzed. */

import { authorityOf, bytesOf } from "../../lib/address.ts";
import { isGeneratorFault } from "../../lib/generator-faults.ts";
import { type Identity, identities } from "../../lib/identity.ts";
import {
  columnsWith,
  hasFailed,
  type LoggedIn,
  type Login,
  type LoginFailure,
} from "../../lib/login/login.ts";
import { compile, type Protocol, subscriberOf } from "../../lib/protocols/index.ts";
import { overridden } from "../../lib/request.ts";
import { type Settings, SettingsError } from "../../lib/settings.ts";
import { redactUrl } from "../../lib/url.ts";
import type { Users } from "../../lib/users.ts";
import { type Context, UserError } from "../command.ts";
import { readConfigFile } from "../run/k6-config.ts";
import { asUserError, headersOf } from "../try/args.ts";
import type { Hosted } from "../try/in-k6.ts";
import { asSocketUrl, send } from "../try/login.ts";
import { networkFor } from "../try/network.ts";
import { nameOf } from "../try/proxy.ts";
import { aliasOf, type Network } from "../try/route.ts";
import { masker } from "../try/safe-text.ts";
import { loginOf, protocolOf, readUsers, settingsOf, userAgentOf } from "../try/target.ts";

/** Flags that a target is made of, as they were given. */
export type TargetArgs = Readonly<Record<string, string | boolean | undefined>>;

/** A connection was not made, since its login failed. */
export class LoginFailed extends Error {
  override name = "LoginFailed";
  /** Whether the proxy or this machine stopped the login. */
  readonly isOurs: boolean;

  constructor({ reason, said }: LoginFailure) {
    super(`the login failed: ${reason}: ${said}`);
    this.isOurs = isGeneratorFault("ws_login_failures", reason);
  }
}

/** How connections of a target are made. */
export interface Target {
  readonly protocol: Protocol;
  readonly userAgent: string | undefined;
  readonly messageBytes: number;
  readonly connectTimeoutMs: number;
  readonly messageTimeoutMs: number;
  /** Whether a subprotocol that was not offered is a fault. */
  readonly checkSubprotocols: boolean;
  /** Who connects, once a login is done. */
  identityOf(
    index: number,
    variables: Readonly<Record<string, string>>,
  ): Promise<{ readonly identity: Identity; readonly network: Network }>;
}

/** Everything of a target that holds for each of its routes. */
export interface Aim {
  /** Without the values of its query. */
  readonly shownUrl: string;
  readonly isLoopback: boolean;
  /** The proxy on the way to the server, as it may be shown. */
  readonly proxy: string | undefined;
  readonly protocol: Protocol;
  readonly notices: readonly string[];
  readonly mask: (text: string) => string;
  /** The target of a route; a path with `{name}` in it has variables of these names. */
  targetOf(
    route: string | undefined,
  ): Promise<Target & { readonly url: string; readonly pathVariables: readonly string[] }>;
}

/** A server that nothing is known of: each connection is ready when it is open. */
const NOTHING_KNOWN = { name: "none" } as const;

/**
 * Reads everything, and sends nothing.
 *
 * @param headers lines of `--header`
 * @throws {@link UserError} naming the flag that is wrong
 */
export async function aimOf(
  args: TargetArgs,
  headers: readonly string[],
  messageTimeoutMs: number,
  { cwd, env, hosted }: Pick<Context, "cwd" | "env"> & { readonly hosted: Hosted[] },
): Promise<Aim> {
  try {
    if (args.url === undefined && env.WS_URL === undefined) {
      throw new UserError("fuzz: expected --url, such as ws://127.0.0.1:8080/ws, got none");
    }
    const settings = settingsOf(args, headersOf(headers), env);
    refuseOtherTransports(settings, env);
    const users = await readUsers(settings, cwd);
    const login = await loginOf(settings, users.columns, { cwd, env });
    const given = login?.variables ?? [];
    const columns = columnsWith(users.columns, given);
    const isNamed = [args.protocol, args["protocol-file"], env.PROTOCOL, env.PROTOCOL_FILE].some(Boolean);
    const source = args["protocol-file"] === undefined ? "PROTOCOL_FILE" : "--protocol-file";
    const named = isNamed
      ? await protocolOf(settings, columns, { cwd, env, hosted }, source)
      : compile(NOTHING_KNOWN);
    const protocol = named.publisher ? compile(subscriberOf(named.descriptor), columns) : named;
    requireOneConnection(protocol);
    const config =
      args.config === undefined ? {} : await readConfigFile("--config", String(args.config), cwd);
    const insecure = args["insecure-skip-tls-verify"] === true || env.K6_INSECURE_SKIP_TLS_VERIFY === "true";
    const networks = new Map<string, Promise<Network>>();
    const networkOf = (url: string): Promise<Network> => {
      const key = authorityKey(url);
      const known = networks.get(key);
      if (known) return known;
      const made = networkFor([url], settings, { config, source: `--config ${args.config}`, insecure, env });
      networks.set(key, made);
      return made;
    };
    const userAgent = await userAgentOf(settings.HEADERS, env.K6_USER_AGENT ?? config.userAgent, env);
    const endpoints = [settings.WS_URL, ...(login?.endpoints ?? []).map(asSocketUrl)];
    const areLoopback = await Promise.all(
      endpoints.map(async (url) => isLoopback(url, await networkOf(url))),
    );
    const { proxy } = await networkOf(settings.WS_URL);
    const isGiven = { token: users.length > 0 || (args.token ?? env.WS_TOKEN) !== undefined };
    const logIn = login && loginWith(login, networkOf, userAgent, settings.CONNECT_TIMEOUT);
    const isAllowed = args["yes-i-may"] === true;
    return {
      shownUrl: redactUrl(settings.WS_URL),
      isLoopback: areLoopback.every(Boolean),
      proxy: proxy && nameOf(proxy),
      protocol,
      notices: overridden(settings, [settings.WS_URL], isGiven),
      mask: masker(settings.WS_TOKEN, [...Object.values(settings.HEADERS), ...secretColumns(users)]),
      async targetOf(route) {
        const { url, names } = routeUrl(settings.WS_URL, route);
        const pathVariables = [
          ...new Set([...names, ...variablesIn(url), ...variablesIn(protocol.descriptor.path ?? "")]),
        ];
        const make = (known: LoggedIn) =>
          identities({ ...settings, WS_URL: known.endpoint ?? url }, protocol, users, {
            more: names,
            login: given,
          });
        // A wrong setting is told now, and not by the first connection.
        make({ variables: {} });
        return {
          url: redactUrl(url),
          protocol,
          userAgent,
          messageBytes: settings.MESSAGE_BYTES,
          connectTimeoutMs: settings.CONNECT_TIMEOUT,
          messageTimeoutMs,
          checkSubprotocols: args["any-subprotocol"] !== true,
          pathVariables: pathVariables.filter((name) => name !== "token" && !users.columns.includes(name)),
          async identityOf(index, variables) {
            const room = variables.room ?? "";
            const named = Object.fromEntries(names.map((name) => [name, room]));
            const all = { ...named, ...variables };
            const known = logIn ? await logIn({ ...users.at(index), ...all }) : { variables: {} };
            const identity = make(known)(index, { ...all, ...known.variables });
            const network = await networkOf(identity.url);
            if (!isAllowed && !isLoopback(identity.url, network)) {
              throw new SettingsError(
                `the login leads to ${authorityOf(identity.url).host}, which needs --yes-i-may`,
              );
            }
            return { identity, network };
          },
        };
      },
    };
  } catch (error) {
    throw asUserError(error, args);
  }
}

/** What these ask for would be left out of every connection. */
function refuseOtherTransports(
  { HTTP_VERSION, COMPRESSION }: Settings<"HTTP_VERSION" | "COMPRESSION">,
  { SSE_URL = "" }: NodeJS.ProcessEnv,
): void {
  const expected: readonly (readonly [name: string, got: string, wanted: string, why: string])[] = [
    ["SSE_URL", SSE_URL, "", "fuzzing has no use for event streams, which take no messages"],
    ["HTTP_VERSION", HTTP_VERSION, "1.1", "fuzzing writes frames on a TCP connection of its own"],
    ["COMPRESSION", COMPRESSION, "off", "fuzzing sends its frames as they are"],
  ];
  for (const [name, got, wanted, why] of expected) {
    if (got === wanted) continue;
    const shown = name === "SSE_URL" ? "a URL" : got;
    throw new SettingsError(`${name}: expected ${wanted || "nothing"}, since ${why}, got ${shown}`);
  }
}

/** A body for HTTP is not a message of the connection. */
function requireOneConnection({ descriptor }: Protocol): void {
  const beside = (["probe", "publish"] as const).find((name) => descriptor[name]?.http);
  if (beside === undefined) return;
  throw new SettingsError(
    `PROTOCOL_FILE: expected messages on the connection, since fuzzing sends none beside it, got "${beside}" with "http"`,
  );
}

const secretColumns = (users: Users): string[] =>
  [...Array(Math.min(users.length, 1_000)).keys()].flatMap((index) =>
    Object.entries(users.at(index)).flatMap(([column, value]) => (column === "user" ? [] : [value])),
  );

function loginWith(
  login: Login,
  networkOf: (url: string) => Promise<Network>,
  userAgent: string | undefined,
  timeout: Parameters<typeof send>[1]["timeout"],
) {
  return async (variables: Readonly<Record<string, string>>): Promise<LoggedIn> => {
    const signal = new AbortController().signal;
    const result = await login.perform(variables, async (request) =>
      send(request, { network: await networkOf(asSocketUrl(request.url)), timeout, userAgent, signal }),
    );
    if (hasFailed(result)) throw new LoginFailed(result);
    return result;
  };
}

const authorityKey = (url: string): string => {
  const { host, port, isSecure } = authorityOf(url);
  return `${isSecure} ${host} ${port}`;
};

/** Whether all messages stay on this machine. */
function isLoopback(url: string, { hosts, proxy }: Network): boolean {
  if (proxy) return false;
  const { host, port } = authorityOf(url);
  const address = aliasOf(hosts, host, port)?.address ?? host;
  if (/^(.+\.)?localhost$/i.test(address)) return true;
  const bytes = bytesOf(address);
  if (!bytes) return false;
  return bytes.length === 4 ? bytes[0] === 127 : bytes.every((byte, i) => byte === (i === 15 ? 1 : 0));
}

const variablesIn = (text: string): string[] => [...text.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name!);

/** The URL with a route's path in place of its own; `{name}`, `{name:type}`, `<name>` and `:name` become variables. */
function routeUrl(base: string, route: string | undefined): { url: string; names: string[] } {
  if (route === undefined) return { url: base, names: [] };
  const names: string[] = [];
  const variable = (name: string) => {
    names.push(name);
    return `\${${name}}`;
  };
  const path = route
    .replace(/\{(\w+)(?::[^}]*)?\}/g, (_, name: string) => variable(name))
    .replace(/<(?:\w+:)?(\w+)>/g, (_, name: string) => variable(name))
    .replace(/\/:(\w+)/g, (_, name: string) => `/${variable(name)}`);
  const [, origin = base] = /^(\w+:\/\/[^/?#]*)/.exec(base) ?? [];
  return {
    url: `${origin}${path.startsWith("/") ? "" : "/"}${path}`,
    names: names.filter((name) => name !== "room"),
  };
}
