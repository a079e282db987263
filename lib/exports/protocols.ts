/** Your own protocols, and the toolkit's: `import … from "k6-realtime/protocols"`. */
export { chat } from "../protocols/chat.ts";
export {
  defineProtocol,
  type Encode,
  ProtocolCodeError,
  type ProtocolInCode,
  type Read,
  type Test,
  type Variables,
} from "../protocols/code.ts";
export { compile } from "../protocols/compile.ts";
export { parseDescriptor } from "../protocols/descriptor.ts";
export { echo } from "../protocols/echo.ts";
export { im } from "../protocols/im.ts";
export { DescriptorError, type Problem } from "../protocols/problem.ts";
export type {
  ConnectionInit,
  Conversation,
  Effect,
  Protocol,
  Publication,
  Purpose,
  Send,
} from "../protocols/protocol.ts";
export type { Frame, Message } from "../protocols/reader.ts";
export type { Descriptor } from "../protocols/schema.ts";
export { type Ms, ms } from "../units.ts";
