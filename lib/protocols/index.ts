/** Protocols: what messages look like, declared once and interpreted for each connection. */

import { chat } from "./chat.ts";
import type { Descriptor } from "./descriptor.ts";
import { echo } from "./echo.ts";
import { im } from "./im.ts";

export { compile } from "./compile.ts";
export { type Descriptor, DescriptorSchema, parseDescriptor } from "./descriptor.ts";
export { DescriptorError, type Problem } from "./problem.ts";
export type {
  ConnectionInit,
  Conversation,
  Effect,
  Protocol,
  Publication,
  Purpose,
  Send,
} from "./protocol.ts";
export type { Frame } from "./reader.ts";

/** The protocols that come with the toolkit, by name. */
export const PROTOCOLS = { chat, echo, im } as const satisfies Record<string, Descriptor>;
