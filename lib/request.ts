/**
 * A connection's upgrade request: URL, header lines and subprotocols. They are made here and nowhere else, for whoever
 * sends them: the check before the load, `try`, k6's sockets, the engine's sockets and its swarms. Pure.
 */
import type { Protocol } from "./protocols/index.ts";
import {
  parsePathTemplate,
  parsePlainTemplate,
  rewriteLiterals,
  stringValue,
  type Template,
  TemplateError,
} from "./protocols/template.ts";
import { CONTROL } from "./setting.ts";
import { type Settings, SettingsError } from "./settings.ts";
import {
  appendToUrl,
  EndpointError,
  encodeTarget,
  endpointOf,
  hasParameter,
  isEventStream,
  withoutParameter,
} from "./url.ts";

/**
 * The request that opens a connection. Names of headers are spelt as Go's net/http spells them, and each is there
 * once.
 */
export interface UpgradeRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly subprotocols: readonly string[];
}

/** Settings that make the request. */
export type RequestSettings = Settings<"AUTH" | "HEADERS" | "ORIGIN" | "SUBPROTOCOL">;

/** The setting that an endpoint comes from. */
export type EndpointSetting = "WS_URL" | "SSE_URL" | "SERVERS" | "PUBLISH_URL";

/** What one of the settings cannot be sent with. */
export interface RequestOptions {
  /** The setting that `url` comes from, for messages. */
  readonly setting?: EndpointSetting;
  /** What goes behind the endpoint. Default: the protocol's `path`. */
  readonly path?: string;
  /** Whether connections have a token, which travels as `AUTH` says. */
  readonly hasToken: boolean;
  /** Whether that token, or its absence, takes the place of a credential that the user's headers or URL have. Default false. */
  readonly tokenWins?: boolean;
}

/**
 * The request of all connections to an endpoint, with `${variable}` where they differ. What the user gave in `HEADERS`
 * and in the URL wins over what other settings add; a user's Cookie and the token's become one.
 *
 * @throws {@link SettingsError} naming the setting that is wrong
 */
export function requestTemplate(
  settings: RequestSettings,
  protocol: Protocol,
  endpoint: string,
  {
    setting = settingOf(endpoint),
    path = protocol.descriptor.path ?? "",
    hasToken,
    tokenWins = false,
  }: RequestOptions,
): UpgradeRequest {
  const { AUTH, HEADERS, ORIGIN, SUBPROTOCOL } = settings;
  const headers = new Map(Object.entries(canonicalHeaders(HEADERS)));
  const place = TOKEN_PLACES[AUTH];
  let url = appendToUrl(
    parsed(setting, () => endpointOf(endpoint)),
    path,
  );
  if (tokenWins) {
    if (AUTH === "query") url = withoutParameter(url, "token");
    else if (AUTH === "cookie") setOrDelete(headers, "Cookie", withoutCookie(headers.get("Cookie") ?? ""));
    else headers.delete("Authorization");
  }
  if (hasToken && !placesToken(settings, endpoint) && !place.isTaken(url, headers)) {
    if (AUTH === "query") url = appendToUrl(url, "?token=${token}");
    if (AUTH === "header") headers.set("Authorization", "Bearer ${token}");
    if (AUTH === "cookie") {
      headers.set("Cookie", [headers.get("Cookie") ?? "", "token=${token}"].filter(Boolean).join("; "));
    }
  }
  if (ORIGIN !== "" && !headers.has("Origin")) headers.set("Origin", ORIGIN);
  return {
    url: parsed(setting, () => encodedUrl(url)),
    headers: Object.fromEntries(headers),
    subprotocols: subprotocolsOf(SUBPROTOCOL, protocol),
  };
}

/** The setting that an endpoint comes from, where it is not one of SERVERS or PUBLISH_URL. */
export const settingOf = (endpoint: string): "WS_URL" | "SSE_URL" =>
  isEventStream(endpoint) ? "SSE_URL" : "WS_URL";

/** Whether the user says where the token travels: then `AUTH` adds it nowhere else. */
export const placesToken = ({ HEADERS }: Settings<"HEADERS">, endpoint: string): boolean =>
  [endpoint, ...Object.values(HEADERS)].some((text) => text.includes("${token}"));

/** A request's template, parsed once for all connections. */
export interface CompiledRequest {
  /** With every variable in its place. */
  fill(variables: Readonly<Record<string, string>>): UpgradeRequest;
}

/**
 * Parses a template of {@link requestTemplate}.
 *
 * @param known the variables that every connection has
 * @throws {@link SettingsError} naming a variable that is not among them, and the setting that has it
 */
export function compileRequest(
  { url, headers, subprotocols }: UpgradeRequest,
  known: readonly string[],
  setting: EndpointSetting = "WS_URL",
): CompiledRequest {
  const target = parsed(setting, () => parsePathTemplate(url), known);
  const fields = Object.entries(headers).map(([name, value]) => {
    const place = name === "Cookie" ? "cookie" : "raw";
    return [name, parsed(`HEADERS: ${name}`, () => parsePlainTemplate(value, place), known)] as const;
  });
  const offers = subprotocols.map((name) =>
    parsed("SUBPROTOCOL", () => parsePlainTemplate(name, "raw"), known),
  );
  return {
    fill(variables) {
      const scope = (name: string) => stringValue(variables[name] ?? "");
      return {
        url: target.expand(scope),
        headers: Object.fromEntries(
          fields.map(([name, value]) => [name, fieldValue(name, value.expand(scope))]),
        ),
        subprotocols: offers.map((name) => subprotocol(name.expand(scope))).filter((name) => name !== ""),
      };
    },
  };
}

/** What of the user's is sent in the place of something else that the user gave, in sentences. */
export function overridden(
  settings: RequestSettings,
  endpoints: readonly string[],
  given: { readonly token: boolean },
): string[] {
  const headers = new Map(Object.entries(canonicalHeaders(settings.HEADERS)));
  const { where, isTaken } = TOKEN_PLACES[settings.AUTH];
  const origin = headers.get("Origin");
  return [
    ...(given.token && endpoints.some((url) => !placesToken(settings, url) && isTaken(url, headers))
      ? [`${where}: sent as it is given there, in place of the token of WS_TOKEN or USERS`]
      : []),
    ...(settings.ORIGIN !== "" && origin !== undefined && origin !== settings.ORIGIN
      ? ["HEADERS has an Origin: sent as it is given there, in place of ORIGIN"]
      : []),
  ];
}

/** The places in which a token travels, and whether the user has put something there. */
const TOKEN_PLACES: Readonly<
  Record<
    Settings<"AUTH">["AUTH"],
    { readonly where: string; isTaken(url: string, headers: ReadonlyMap<string, string>): boolean }
  >
> = {
  header: { where: "HEADERS has an Authorization", isTaken: (_, headers) => headers.has("Authorization") },
  query: { where: "The URL has a parameter token", isTaken: (url) => hasParameter(url, "token") },
  cookie: {
    where: "HEADERS has a Cookie token",
    isTaken: (_, headers) => cookiesIn(headers.get("Cookie") ?? "").some(isToken),
  },
  message: { where: "", isTaken: () => false },
};

const cookiesIn = (line: string): string[] => line.split(";").map((pair) => pair.trim());
const isToken = (pair: string): boolean => /^token\s*=/.test(pair);
const withoutCookie = (line: string): string =>
  cookiesIn(line)
    .filter((pair) => pair !== "" && !isToken(pair))
    .join("; ");

function setOrDelete(headers: Map<string, string>, name: string, value: string): void {
  if (value === "") headers.delete(name);
  else headers.set(name, value);
}

/**
 * Headers under the spelling that Go's net/http gives their names, which stock k6 sends whatever a script writes.
 *
 * @throws {@link SettingsError} where two names differ in case alone
 */
export function canonicalHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const spelt = new Map<string, string>();
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const canonical = canonicalName(name);
    const before = spelt.get(canonical);
    if (before !== undefined) {
      throw new SettingsError(
        `HEADERS: expected each header once, whatever the case of its name, got ${before} and ${name}`,
      );
    }
    spelt.set(canonical, name);
    result[canonical] = fieldValue(canonical, value);
  }
  return result;
}

const canonicalName = (name: string): string =>
  name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());

/** RFC 9110 section 5.5: spaces around a value do not belong to it, and it is one line. */
function fieldValue(name: string, text: string): string {
  const value = text.replace(/^[ \t]+|[ \t]+$/g, "");
  if (!CONTROL.test(value)) return value;
  throw new SettingsError(`HEADERS: ${name}: expected a value without control characters, got one with them`);
}

function encodedUrl(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  const query = url.indexOf("?");
  const path = start < 0 || (query >= 0 && query < start) ? query : start;
  if (path < 0) return `${url}/`;
  const target = rewriteLiterals(url.slice(path), encodeTarget);
  return `${url.slice(0, path)}${target.startsWith("/") ? "" : "/"}${target}`;
}

function subprotocolsOf(given: string, protocol: Protocol): readonly string[] {
  const all = given === "" ? protocol.subprotocols : given.split(",");
  const twice = all.find((name, index) => all.indexOf(name) !== index);
  if (twice === undefined) return all;
  throw new SettingsError(
    `${given === "" ? "PROTOCOL_FILE: subprotocols" : "SUBPROTOCOL"}: expected names that differ, got ${twice} twice`,
  );
}

/** The name of a subprotocol (RFC 6455 section 4.1); "" for none. */
function subprotocol(name: string): string {
  if (/^[!#$%&'*+.^`|~\w-]*$/.test(name)) return name;
  throw new SettingsError(
    "SUBPROTOCOL: expected variables whose values can stand in a subprotocol (RFC 9110 section 5.6.2), got one that cannot",
  );
}

/** The result of `make`. Its errors name the setting. */
function parsed<T extends string | Template>(setting: string, make: () => T, known?: readonly string[]): T {
  try {
    const made = make();
    const unknown = known && typeof made !== "string" && made.variables.find((name) => !known.includes(name));
    if (!unknown) return made;
    throw new SettingsError(
      `${setting}: expected no variable but ${known.map((name) => `\${${name}}`).join(", ")}, got \${${unknown}}`,
    );
  } catch (error) {
    if (error instanceof EndpointError) throw new SettingsError(`${setting}: expected ${error.message}`);
    if (!(error instanceof TemplateError)) throw error;
    // What the template's own error repeats may be a secret.
    throw new SettingsError(`${setting}: expected "\${" only where a variable such as \${user} begins`);
  }
}
