/**
 * Tests of pages that talk to a real-time backend, with Playwright: `import … from "k6-realtime/playwright"`. Needs
 * `@playwright/test`, which the package leaves to you.
 */
import { expect as base } from "@playwright/test";
import { useAllCodecs } from "../lib/protocols/codecs/all.ts";
import { matchers } from "./matchers.ts";

useAllCodecs();

/** Playwright's own, with {@link matchers}. If you have an `expect` of your own: `mergeExpects(yours, expect)`. */
export const expect = base.extend(matchers);

export { chat } from "../lib/protocols/chat.ts";
export { parseDescriptor } from "../lib/protocols/descriptor.ts";
export type { MessageKind, Recognized } from "../lib/protocols/recognize.ts";
export type { Descriptor } from "../lib/protocols/schema.ts";
export { NoAnswerError } from "./answers.ts";
export { type FrameRecord, Frames, type FramesOptions, frames } from "./frames.ts";
export { type DropOptions, dropConnection, expectReconnect, Line, passThrough, type Within } from "./line.ts";
export {
  type MatcherResult,
  type MatcherState,
  matchers,
  type ShownDeliveries,
  type WaitOptions,
} from "./matchers.ts";
export { type Answer, type DeliveryFields, PlayedServer, type ServerOptions, server } from "./server.ts";
