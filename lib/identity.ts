/** Who connects: what each connection's handshake carries. Pure. */
import type { Protocol } from "./protocols/index.ts";
import { type Settings, SettingsError } from "./settings.ts";
import { appendToUrl } from "./url.ts";
import type { Users, UserTable } from "./users.ts";

/** What one connection's handshake carries. */
export interface Identity {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly subprotocols: readonly string[];
  /** Values of the protocol's variables. */
  readonly variables: Readonly<Record<string, string>>;
  /** Whether the protocol's refresh message opens the session. */
  readonly authenticate: boolean;
}

/** Settings that make identities. */
export const IDENTITY_SETTINGS = ["WS_URL", "WS_TOKEN", "AUTH", "HEADERS", "ORIGIN", "SUBPROTOCOL"] as const;

/** What all connections' handshakes carry, with `${variable}` where they differ: how the engine takes it. */
export interface HandshakeTemplate {
  readonly servers: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies: Readonly<Record<string, string>>;
  readonly subprotocols: readonly string[];
  /** Whether the protocol's refresh message opens the session. */
  readonly authenticate: boolean;
  /** A text for all connections, or texts that they take in turn. */
  readonly variables: Readonly<Record<string, string | readonly string[]>>;
  /** Whose columns are variables, too. */
  readonly users?: UserTable;
}

/** The same handshakes as those of {@link identities}, as one template for all connections. */
export function handshakeTemplate(
  settings: Settings<(typeof IDENTITY_SETTINGS)[number] | "SERVERS">,
  protocol: Protocol,
  users: Users,
): HandshakeTemplate {
  const { AUTH, WS_URL, WS_TOKEN, SERVERS } = settings;
  const sends = WS_TOKEN === "" && !users.columns.includes("token") ? "nothing" : AUTH;
  const path = protocol.descriptor.path ?? "";
  return {
    servers: (SERVERS.length > 0 ? SERVERS : [WS_URL]).map((server) => {
      const url = appendToUrl(server, path);
      return sends === "query" ? appendToUrl(url, "?token=${token}") : url;
    }),
    headers: {
      ...commonHeaders(settings),
      ...(sends === "header" && { Authorization: "Bearer ${token}" }),
    },
    cookies: sends === "cookie" ? { token: "${token}" } : {},
    subprotocols: subprotocolsOf(settings, protocol),
    authenticate: sends === "message" && refreshes(protocol),
    // What a column of the users' file has comes before these.
    variables: { user: "user-${connection}", token: WS_TOKEN },
    ...(users.length > 0 && { users: users.table }),
  };
}

function commonHeaders({ HEADERS, ORIGIN }: Settings<"HEADERS" | "ORIGIN">): Record<string, string> {
  return { ...HEADERS, ...(ORIGIN !== "" && { Origin: ORIGIN }) };
}

const subprotocolsOf = ({ SUBPROTOCOL }: Settings<"SUBPROTOCOL">, protocol: Protocol): readonly string[] =>
  SUBPROTOCOL === "" ? protocol.subprotocols : SUBPROTOCOL.split(",");

/** How each connection, numbered from 0 within the run, presents itself. */
export function identities(
  settings: Settings<(typeof IDENTITY_SETTINGS)[number]>,
  protocol: Protocol,
  users: Users,
): (connection: number, variables: Readonly<Record<string, string>>) => Identity {
  const { AUTH } = settings;
  const subprotocols = subprotocolsOf(settings, protocol);
  const common = commonHeaders(settings);
  if (AUTH === "message" && !refreshes(protocol) && !protocol.variables.includes("token")) {
    throw new SettingsError(
      `AUTH: expected a protocol with a refresh message or a message that has \${token}, got "${protocol.name}" without one`,
    );
  }
  return (connection, extra) => {
    const user = users.at(connection);
    const { token } = user;
    const variables = { ...user, connection: String(connection), ...extra };
    const url = appendToUrl(settings.WS_URL, protocol.path(variables));
    const sends = token !== "" ? AUTH : "nothing";
    return {
      url: sends === "query" ? appendToUrl(url, `?token=${encodeURIComponent(token)}`) : url,
      headers: {
        ...common,
        ...(sends === "header" && { Authorization: `Bearer ${token}` }),
        ...(sends === "cookie" && { Cookie: `token=${cookieValue(token)}` }),
      },
      subprotocols,
      variables,
      authenticate: sends === "message" && refreshes(protocol),
    };
  };
}

const refreshes = (protocol: Protocol): boolean => protocol.descriptor.refresh !== undefined;

/** RFC 6265 section 4.1.1: all other characters of a token stand in a cookie as they are, and not every server decodes. */
const cookieValue = (token: string): string => token.replace(/[",;\\]/g, encodeURIComponent);
