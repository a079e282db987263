/** Whom the check before the load asks as, so that it uses up nothing that the load needs. Pure. */

/** A load, as far as the check must know it. */
export interface CheckedLoad {
  /** Connections that take a line of `USERS` each, over again when there are fewer. */
  readonly connections: number;
  /** Whether a connection's credentials are used more than once in any case. */
  readonly reused: boolean;
  /** Endpoints, each to be asked once. */
  readonly endpoints: number;
  /** Lines of `USERS`. */
  readonly users: number;
  /** Whether connections have anything that could be a ticket for one handshake. */
  readonly hasCredentials: boolean;
  /** Whether this process is one of several, each with a part of the load. */
  readonly isPart: boolean;
}

/** The connection, by number, that each endpoint is asked as; or why none is asked. */
export type Check = { readonly as: readonly number[] } | { readonly skipped: string };

/**
 * Decides who makes the check. A credential that a single connection of the load uses may be a ticket that works only
 * once. The check therefore uses a spare line of `USERS`, or is left out.
 */
export function decideCheck(mode: "auto" | "always" | "none", load: CheckedLoad): Check {
  const { connections, reused, endpoints, users, hasCredentials, isPart } = load;
  if (mode === "none") return { skipped: "PREFLIGHT=none" };
  const first = Array.from({ length: endpoints }, (_, endpoint) => endpoint);
  const differ = Math.max(users, 1);
  if (mode === "always" || reused || !hasCredentials || connections > differ) return { as: first };
  const spare = users - connections;
  if (spare >= endpoints && !isPart) return { as: first.map((endpoint) => connections + endpoint) };
  const lines = connections + endpoints;
  const why =
    users > 0
      ? `each line of USERS belongs to one connection and may be a one-time ticket: with ${lines} lines, the check uses a spare one`
      : "the credentials belong to one connection and may be a one-time ticket";
  return { skipped: `${why}; PREFLIGHT=always checks anyway` };
}
