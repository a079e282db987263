/** Who connects: what each connection's handshake carries. Pure. */
import { csvParseRows } from "d3-dsv";
import type { Protocol } from "./protocols/index.ts";
import { type Settings, SettingsError } from "./settings.ts";
import { shapeOf } from "./shape.ts";
import { appendToUrl } from "./url.ts";

/** One connection's credentials. */
export interface User {
  readonly user: string;
  readonly token: string;
}

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

const COLUMNS = ["token", "user"] as const;

/**
 * Reads users from CSV (RFC 4180) with a header line. A missing column is filled from `fallback`.
 *
 * @throws {@link SettingsError} naming the line and column that is wrong; never a token
 */
export function parseUsers(csv: string, source: string, fallback: (index: number) => User): User[] {
  const [header = [], ...rows] = csvParseRows(csv.replace(/^\ufeff/, "").replace(/\r?\n$/, ""));
  const wrong = (where: string, expected: string, got: string) =>
    new SettingsError(`USERS: ${source}, ${where}: expected ${expected}, got ${got}`);
  const unknown = header.filter((name) => !(COLUMNS as readonly string[]).includes(name));
  if (unknown.length > 0 || header.length === 0 || new Set(header).size < header.length) {
    // A file without a header line begins with a token: only names that are ours are repeated.
    const got = header.map((name) => (unknown.includes(name) ? "…" : name)).join(",");
    throw wrong("line 1", "a header with the columns token, user or both", got || "nothing");
  }
  if (rows.length === 0) throw wrong("line 2", "at least one user", "nothing");
  return rows.map((row, index) => {
    const where = `line ${index + 2}`;
    if (row.length !== header.length) throw wrong(where, `${header.length} fields`, String(row.length));
    const given = Object.fromEntries(header.map((name, column) => [name, row[column]!]));
    if (given.user === "") throw wrong(where, "a user", "an empty field");
    if (given.token !== undefined && !/^[\x21-\x7e]+$/.test(given.token)) {
      throw wrong(where, "a token of printable ASCII without spaces", shapeOf(given.token));
    }
    return { ...fallback(index), ...given };
  });
}

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
}

/** The same handshakes as those of {@link identities}, as one template for all connections. */
export function handshakeTemplate(
  settings: Settings<(typeof IDENTITY_SETTINGS)[number] | "SERVERS">,
  protocol: Protocol,
  users: readonly User[],
): HandshakeTemplate {
  const { AUTH, WS_URL, WS_TOKEN, SERVERS } = settings;
  const sends = WS_TOKEN === "" && users.length === 0 ? "nothing" : AUTH;
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
    variables: {
      user: users.length > 0 ? users.map(({ user }) => user) : "user-${connection}",
      token: users.length > 0 ? users.map(({ token }) => token) : WS_TOKEN,
    },
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
  users: readonly User[],
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
    const { user, token } = users[connection % users.length] ?? {
      user: `user-${connection}`,
      token: settings.WS_TOKEN,
    };
    const variables = { user, token, connection: String(connection), ...extra };
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
