/** What a scenario asks of the protocol. */
import { deliveriesOf, type Protocol } from "../protocols/index.ts";
import { PUBLISHERS_APART } from "../publish-url.ts";
import { SettingsError } from "../settings.ts";

/**
 * Connections that are held without a single probe prove nothing about the server.
 *
 * @throws {@link SettingsError} if the protocol has no probe
 */
export function requireProbe({ name, descriptor }: Protocol): void {
  if (descriptor.probe) return;
  // Of the built-in protocols, only the ones of event streams have no probe.
  const setting = __ENV.PROTOCOL_FILE ? "PROTOCOL_FILE" : "PROTOCOL";
  const hint = __ENV.SSE_URL ? "; on an event stream a probe goes by HTTP, see event-streams.md" : "";
  throw new SettingsError(`${setting}: expected a protocol with a "probe", got "${name}" without one${hint}`);
}

/** Scenarios whose connections a script drives one by one: the engine's swarms interpret descriptors only. */
export const TAKES_CODE = [
  "chat-soak",
  "connect",
  "ordering",
  "reconnect",
  "idle",
  "token-expiry",
  "handshake",
  "backpressure",
] as const;

/** The scenarios that take event streams. */
export const WITH_STREAMS = [
  "massconnect",
  "mass-soak",
  "fan-out",
  "connect",
  "ordering",
  "reconnect",
  "idle",
  "token-expiry",
  "chat-soak",
  "backpressure",
  "handshake",
].join(", ");

/**
 * A swarm's messages are made and read in the engine, where no script runs.
 *
 * @throws {@link SettingsError} naming the scenarios that take a protocol in code
 */
export function requireDescriptor({ name, inCode }: Protocol, scenario: string): void {
  if (!inCode) return;
  throw new SettingsError(
    `PROTOCOL_FILE: expected a descriptor, which ${scenario} hands to the engine, got "${name}", a protocol in code; ${TAKES_CODE.join(", ")} take one`,
  );
}

/**
 * Who publishes and hears of it on one connection has no second one to publish on.
 *
 * @throws {@link SettingsError} naming the scenarios that take a descriptor with a `publisher`
 */
export function requireOneConnection({ name, descriptor }: Protocol, scenario: string): void {
  if (!descriptor.publisher) return;
  throw new SettingsError(
    `PROTOCOL_FILE: expected a descriptor without "publisher", since publishers of ${scenario} hear deliveries on the same connection, got "${name}" with one; ${PUBLISHERS_APART} take one`,
  );
}

/**
 * Who publishes must know its messages again.
 *
 * @throws {@link SettingsError} where the protocol publishes nothing, or its deliveries do not say what they are of
 */
export function requirePublications({ name, descriptor }: Protocol): void {
  const deliveries = deliveriesOf(descriptor);
  if (descriptor.publish && deliveries.length > 0 && deliveries.every(({ id }) => id !== undefined)) return;
  throw new SettingsError(
    `PROTOCOL: expected a protocol with "publish" and the "id" of each "delivery", got "${name}" without`,
  );
}
