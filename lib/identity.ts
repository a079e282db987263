/** Who connects: what each connection's handshake carries. Pure. */
import type { LoginFailure } from "./login/login.ts";
import type { Captured, Protocol } from "./protocols/index.ts";
import { CONNECTION_VARIABLES } from "./protocols/variables.ts";
import {
  compileRequest,
  type EndpointSetting,
  placesToken,
  type RequestOptions,
  requestTemplate,
  settingOf,
  type UpgradeRequest,
} from "./request.ts";
import { type Settings, SettingsError } from "./settings.ts";
import type { Ms } from "./units.ts";
import { appendToUrl } from "./url.ts";
import type { Users, UserTable } from "./users.ts";

/** What one connection's handshake carries. */
export interface Identity extends UpgradeRequest {
  /** Values of the protocol's variables. */
  readonly variables: Readonly<Record<string, string>>;
  /** Whether the protocol's refresh message opens the session. */
  readonly authenticate: boolean;
  /** The URL of its publications by HTTP, if they do not go to the connection's server. */
  readonly publishUrl?: string;
  /** Makes the login, if there is one, and gives the identity that results. */
  readonly login?: LoginFirst;
}

/** A login before a connection. */
export interface LoginFirst {
  /**
   * Logs in, or takes the login that is still good.
   *
   * @param due when that was to begin
   */
  take(due: Ms): Promise<Known | LoginFailure>;
}

/** Who connects, once that is known. */
export interface Known {
  readonly identity: Identity;
  /** What the login gave. */
  readonly secrets: readonly string[];
  /** When its login stops being good, and when to make another one before; undefined where nobody says. */
  readonly expiresAt: Ms | undefined;
  readonly renewAt: Ms | undefined;
}

/** Settings that make identities. */
export const IDENTITY_SETTINGS = ["WS_URL", "WS_TOKEN", "AUTH", "HEADERS", "ORIGIN", "SUBPROTOCOL"] as const;

/** Their values. */
export type IdentitySettings = Settings<(typeof IDENTITY_SETTINGS)[number]> &
  Partial<Settings<"PUBLISH_URL">>;

/** The requests of all connections as one, with `${variable}` where they differ: how the engine takes it. */
export interface HandshakeTemplate {
  readonly servers: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly subprotocols: readonly string[];
  /** Whether the protocol's refresh message opens the session. */
  readonly authenticate: boolean;
  /** A text for all connections, or texts that they take in turn. */
  readonly variables: Readonly<Record<string, string | readonly string[]>>;
  /** Whose columns are variables, too. */
  readonly users?: UserTable;
}

/**
 * The same handshakes as of {@link identities}, as one template for all connections.
 *
 * @param more variables of the scenario, in addition to the ones of every connection
 * @param login variables that a login gives
 * @param endpoints where they go
 * @throws {@link SettingsError} as {@link identities}
 */
export function handshakeTemplate(
  settings: IdentitySettings & Settings<"SERVERS">,
  protocol: Protocol,
  users: Users,
  more: readonly string[] = [],
  login: readonly string[] = [],
  endpoints: readonly Endpoint[] = endpointsOf(settings),
): HandshakeTemplate {
  const { AUTH, WS_TOKEN } = settings;
  const hasToken = tokensIn(settings, users) || login.includes("token");
  const known = knownVariables(users, [...more, ...login]);
  const requests = endpoints.map(({ url, setting }) => {
    requireToken(settings, url, hasToken, setting);
    const template = withoutPast(requestTemplate(settings, protocol, url, { setting, hasToken }), protocol);
    compileRequest(template, known, setting);
    return template;
  });
  const { headers, subprotocols } = requests[0]!;
  return {
    servers: requests.map(({ url }) => url),
    headers,
    subprotocols,
    authenticate: hasToken && AUTH === "message" && refreshes(protocol),
    // What a column of the users' file has comes before these. The token is a list, since it may have "${" in it.
    variables: { user: "user-${connection}", token: [WS_TOKEN] },
    ...(users.length > 0 && { users: users.table }),
  };
}

/**
 * The URLs of publications by HTTP that `PUBLISH_URL` sends elsewhere, which connections take in turn, as templates;
 * empty where they go to the connections' servers.
 *
 * @throws {@link SettingsError} as {@link handshakeTemplate}
 */
export function publicationTemplates(
  settings: IdentitySettings,
  protocol: Protocol,
  users: Users,
  more: readonly string[],
  login: readonly string[] = [],
): readonly string[] {
  const hasToken = tokensIn(settings, users) || login.includes("token");
  const known = knownVariables(users, [...more, ...login]);
  return publicationsOf(settings, protocol, { hasToken }).map((template) => {
    compileRequest(template, known, "PUBLISH_URL");
    return template.url;
  });
}

/** An endpoint, and the setting that has it. */
export interface Endpoint {
  readonly url: string;
  readonly setting: EndpointSetting;
}

type EndpointSettings = Settings<"WS_URL"> & Partial<Settings<"SERVERS" | "PUBLISH_URL">>;

/** The endpoints that connections go to in turn. */
export const endpointsOf = ({ WS_URL, SERVERS = [] }: EndpointSettings): readonly Endpoint[] =>
  SERVERS.length > 0
    ? SERVERS.map((url) => ({ url, setting: "SERVERS" }))
    : [{ url: WS_URL, setting: settingOf(WS_URL) }];

/** The endpoints that connections go to in turn which only publish. */
export const publishersEndpointsOf = (settings: EndpointSettings): readonly Endpoint[] =>
  settings.PUBLISH_URL && settings.PUBLISH_URL.length > 0
    ? settings.PUBLISH_URL.map((url) => ({ url, setting: "PUBLISH_URL" }))
    : endpointsOf(settings);

/** How each connection presents itself. */
export interface IdentityOptions {
  /** Variables of the scenario, in addition to the ones of every connection. */
  readonly more?: readonly string[];
  /** A token, or "" for none, in the place of what the user's settings say, headers and URL included. */
  readonly token?: string | undefined;
  /** Variables that a login gives. */
  readonly login?: readonly string[];
  /** The setting that `WS_URL` comes from, for messages. Default: by its scheme. */
  readonly setting?: EndpointSetting;
}

/**
 * How each connection, numbered from 0 within the run, presents itself to the endpoint `WS_URL`.
 *
 * @throws {@link SettingsError} naming the setting that cannot be sent, or has a variable that is unknown
 */
export function identities(
  settings: IdentitySettings,
  protocol: Protocol,
  users: Users,
  { more = [], token: instead, login = [], setting = settingOf(settings.WS_URL) }: IdentityOptions = {},
): (connection: number, variables: Readonly<Record<string, string>>) => Identity {
  const { AUTH, WS_URL } = settings;
  const sendsToken = protocol.inCode || protocol.variables.includes("token");
  if (AUTH === "message" && !refreshes(protocol) && !sendsToken) {
    throw new SettingsError(
      `AUTH: expected a protocol with a refresh message or a message that has \${token}, got "${protocol.name}" without one`,
    );
  }
  const hasToken =
    instead === undefined ? tokensIn(settings, users) || login.includes("token") : instead !== "";
  if (instead === undefined) requireToken(settings, WS_URL, hasToken, setting);
  const token = { hasToken, tokenWins: instead !== undefined };
  const template = requestTemplate(settings, protocol, WS_URL, { setting, ...token });
  const known = knownVariables(users, [...more, ...login, ...pastOf(protocol)]);
  const request = compileRequest(template, known, setting);
  const publications = publicationsOf(settings, protocol, token).map((template) =>
    compileRequest(template, known, "PUBLISH_URL"),
  );
  const authenticate = hasToken && AUTH === "message" && refreshes(protocol);
  return (connection, extra) => {
    const user = users.at(connection);
    const variables = {
      ...user,
      token: instead ?? user.token,
      connection: String(connection),
      ...extra,
    };
    const filled = request.fill(variables);
    const url = protocol.computePath ? appendToUrl(filled.url, protocol.computePath(variables)) : filled.url;
    const publication = publications[connection % publications.length];
    const publishUrl = publication && { publishUrl: publication.fill(variables).url };
    return { ...filled, ...publishUrl, url, variables, authenticate };
  };
}

/** The requests that publications by HTTP go by, in turn, where `PUBLISH_URL` says; none where they do not. */
function publicationsOf(
  settings: IdentitySettings,
  protocol: Protocol,
  token: Pick<RequestOptions, "hasToken" | "tokenWins">,
): UpgradeRequest[] {
  const { publish } = protocol.descriptor;
  if (!publish?.http || !settings.PUBLISH_URL) return [];
  const options = { setting: "PUBLISH_URL", path: publish.http.path ?? "", ...token } as const;
  return settings.PUBLISH_URL.map((url) => {
    requireToken(settings, url, token.hasToken, "PUBLISH_URL");
    return withoutPast(requestTemplate(settings, protocol, url, options), protocol);
  });
}

/** The room of whoever has none in particular: the first of most scenarios. */
export const FIRST_ROOM = "load-test-room-0";

/** The variables of each connection, as a scenario states them. Default: everybody is in {@link FIRST_ROOM}. */
export const variablesFor =
  <S>(spec: StatesVariables<S>, settings: S) =>
  (connection: number): { readonly [name: string]: string } =>
    spec.variables?.(settings, connection) ?? { room: FIRST_ROOM };

interface StatesVariables<S> {
  variables?(settings: S, connection: number): { readonly [name: string]: string };
}

/** Whether connections have a token: all have, or none. */
export const tokensIn = ({ WS_TOKEN }: Settings<"WS_TOKEN">, users: Users): boolean =>
  WS_TOKEN !== "" || users.columns.includes("token");

/** Variables that a connection has from the one that it continues; nothing stands for them on the first. */
const pastOf = ({ descriptor }: Protocol): string[] => [
  "lastSeq",
  ...(descriptor.session ?? []).flatMap(({ capture }) => Object.keys(capture ?? {})),
];

/** A request of connections that continue none. */
function withoutPast({ url, headers, subprotocols }: UpgradeRequest, protocol: Protocol): UpgradeRequest {
  const past = pastOf(protocol);
  const strip = (text: string) =>
    text.replace(/\$\{(\w+)\}/g, (whole, name) => (past.includes(name) ? "" : whole));
  const stripped = Object.entries(headers).map(([name, value]) => [name, strip(value)] as const);
  return { url: strip(url), headers: Object.fromEntries(stripped), subprotocols };
}

/** What a connection that continues another one has from it. */
export function variablesFrom(
  lastSeq: string | undefined,
  captured: Captured,
): Readonly<Record<string, string>> {
  const texts = Object.entries(captured).map(([name, { text }]) => [name, text] as const);
  return { ...Object.fromEntries(texts), ...(lastSeq !== undefined && { lastSeq: textOf(lastSeq) }) };
}

/** A text or a number, of its JSON. */
const textOf = (json: string): string => (json.startsWith('"') ? (JSON.parse(json) as string) : json);

const knownVariables = (users: Users, more: readonly string[]): string[] => [
  ...new Set([...CONNECTION_VARIABLES, ...users.columns, ...more]),
];

function requireToken(
  settings: IdentitySettings,
  endpoint: string,
  hasToken: boolean,
  setting: EndpointSetting = settingOf(endpoint),
): void {
  if (hasToken || !placesToken(settings, endpoint)) return;
  const where = endpoint.includes("${token}") ? setting : "HEADERS";
  throw new SettingsError(`WS_TOKEN: expected a token, since ${where} has \${token}, got none`);
}

const refreshes = (protocol: Protocol): boolean => protocol.descriptor.refresh !== undefined;
