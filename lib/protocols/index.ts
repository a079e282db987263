/** Protocols: what messages look like, declared once and interpreted for each connection. */

import { chat } from "./chat.ts";
import { echo } from "./echo.ts";
import { events, roomEvents } from "./events.ts";
import { im } from "./im.ts";
import type { Descriptor } from "./schema.ts";

export { deliveriesOf, sentOnConnection } from "./check.ts";
export { compile } from "./compile.ts";
export { parseDescriptor } from "./descriptor.ts";
export { DescriptorError, type Problem } from "./problem.ts";
export type {
  Captured,
  ConnectionInit,
  Conversation,
  Draft,
  Effect,
  Protocol,
  Publication,
  Purpose,
  Received,
  Send,
} from "./protocol.ts";
export { subscriberOf } from "./publisher.ts";
export { type Frame, messagesIn } from "./reader.ts";
export type { Descriptor, HttpSpec } from "./schema.ts";

/** The protocols that come with the toolkit, by name. */
export const PROTOCOLS = { chat, echo, im, events, "room-events": roomEvents } as const satisfies Record<
  string,
  Descriptor
>;
