/** Publishers at endpoints of their own, as `PUBLISH_URL` has them. Pure. */
import type { Protocol } from "./protocols/index.ts";
import { SettingsError } from "./settings.ts";
import { isEventStream } from "./url.ts";

/**
 * Who publishes in a scenario: `apart` are publishers that may have connections of their own, `members` hear the
 * deliveries on the connection that they publish on.
 */
export type Publishers = "apart" | "members";

/** Scenarios whose publishers may have connections of their own. */
export const PUBLISHERS_APART = "fan-out, ordering";

/** Scenarios that can publish by HTTP. */
const PUBLISHING = `${PUBLISHERS_APART}, reconnect, backpressure`;

/**
 * What publishers at endpoints of their own speak: unless the descriptor says, what everybody speaks.
 *
 * @param urls `PUBLISH_URL`, empty for none
 * @param publishers the scenario's, undefined for none
 * @throws {@link SettingsError} where nobody could publish there
 */
export function withPublishersAt(
  urls: readonly string[],
  protocol: Protocol,
  scenario: string,
  publishers: Publishers | undefined,
): Protocol {
  const [first] = urls;
  if (first === undefined) return protocol;
  if (publishers === undefined) {
    throw new SettingsError(
      `PUBLISH_URL: expected none, since ${scenario} has no publishers, got one; ${PUBLISHING} take one`,
    );
  }
  const isByHttp = protocol.descriptor.publish?.http !== undefined;
  if (publishers === "members" && !isByHttp) {
    throw new SettingsError(
      `PUBLISH_URL: expected a protocol with "publish.http" beside it, since publishers of ${scenario} hear deliveries on the same connection, got "${protocol.name}" without; ${PUBLISHERS_APART} take any`,
    );
  }
  if (isByHttp !== isEventStream(first)) {
    throw new SettingsError(
      `PUBLISH_URL: expected ${isByHttp ? 'http:// or https:// URLs for a protocol with "publish.http"' : 'ws:// or wss:// URLs for a protocol without "publish.http"'}, got others with "${protocol.name}"`,
    );
  }
  return isByHttp || protocol.publisher ? protocol : { ...protocol, publisher: protocol };
}
