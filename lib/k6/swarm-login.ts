/** The logins of a swarm: the engine says when a connection needs one, the script makes it. */
/// <reference path="../../extension/index.d.ts" />
import type { LogIn } from "k6/x/realtime";
import { hasFailed, type Login } from "../login/login.ts";
import { type Ms, ms } from "../units.ts";
import { now } from "./clock.ts";
import type { Shard } from "./plan.ts";

/** Logins of one virtual user that are under way at a time, and HTTP connections that k6 keeps for them. */
export const LOGINS_AT_ONCE = 1_000;

/**
 * How a shard's connections log in.
 *
 * @param variablesOf the scenario's variables of a connection
 * @param publishersFrom the first connection that only publishes
 * @param publishElsewhere whether publishers go where `PUBLISH_URL` says, whatever the login does
 * @param renews whether the protocol can renew the token of an open connection
 */
export function loginsOf(
  shard: Shard,
  { variables: names, givesEndpoint }: Login,
  variablesOf: (connection: number) => Readonly<Record<string, string>>,
  publishersFrom: number,
  publishElsewhere: boolean,
  renews: boolean,
): LogIn {
  return async (connection, lateMs) => {
    const isPublisher = connection >= publishersFrom;
    const { login } = shard.identity(
      connection,
      variablesOf(connection),
      isPublisher ? shard.protocol.publisher : undefined,
    );
    const known = await login!.take(ms(now() - lateMs));
    if (hasFailed(known)) return undefined;
    const { identity, renewAt, expiresAt } = known;
    const from = now();
    const inMs = (at: Ms | undefined) => Math.max(1, at! - from);
    return {
      values: names.map((name) => identity.variables[name] ?? ""),
      ...(givesEndpoint && !(isPublisher && publishElsewhere) && { url: identity.url }),
      ...(renews && renewAt !== undefined && { renewInMs: inMs(renewAt), endsInMs: inMs(expiresAt) }),
    };
  };
}
