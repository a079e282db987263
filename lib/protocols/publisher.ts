/** Publishers that connect by another path, subprotocol or session than subscribers: a descriptor for each of the two. */
import type { Descriptor } from "./schema.ts";

/**
 * What a connection that only publishes speaks. Deliveries that come to it all the same are nobody's: they are
 * ignored.
 */
export function publisherOf({ publisher, delivery, resume, unmatched, ...shared }: Descriptor): Descriptor {
  return { ...shared, ...publisher };
}

/** What the other connections speak: the whole descriptor, unless it has a publisher. */
export function subscriberOf(d: Descriptor): Descriptor {
  if (!d.publisher) return d;
  const { publisher, publish, ...subscriber } = d;
  return subscriber;
}
