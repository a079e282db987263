/** What a fuzzing run sends: connections, and steps on them. JSON as it stands, since a finding's file holds it. Pure. */
import * as v from "valibot";
import { decodeUtf8, encodeUtf8 } from "../protocols/utf8.ts";
import { bytesOfHex, hexOf } from "./hex.ts";

const object = v.strictObject;
const optional = v.exactOptional;
const count = v.pipe(v.number("a number"), v.integer("a whole number"), v.minValue(0, "at least 0"));
const hex = v.pipe(v.string("text"), v.regex(/^(?:[\da-f]{2})*$/, "bytes in hexadecimal digits"));

const FrameSchema = object({
  fin: v.boolean("true or false"),
  opcode: v.pipe(count, v.maxValue(15, "at most 15")),
  /** The payload: text, or bytes. */
  text: optional(v.string("text")),
  hex: optional(hex),
  /** Reserved bits, as the number that the three of them are. */
  rsv: optional(v.pipe(count, v.maxValue(7, "at most 7"))),
});

/** The origin of a message: whose mutation it is. It gives findings their words, and tells like ones from others. */
const OriginSchema = object({
  /** The message that it was made of, such as `probe`, or the strategy that made it. */
  name: v.string("text"),
  /** The field that was changed, as a JSON Pointer or in words. */
  at: optional(v.string("text")),
  /** The change, in words. */
  change: optional(v.string("text")),
});

const StepSchema = object({
  /** The connection, counted from 0. */
  on: count,
  origin: OriginSchema,
  /** A message as text. With `coded` the protocol's codec, framing and delimiter are put on it. */
  text: optional(v.string("text")),
  coded: optional(v.boolean("true or false")),
  /** A binary message. */
  hex: optional(hex),
  /** Frames, written as they are. */
  frames: optional(v.array(FrameSchema, "a list of frames")),
  /** A Close frame; without a code an empty one. */
  close: optional(object({ code: optional(count), reason: v.string("text") })),
  /** Cuts the connection without a Close frame. */
  cut: optional(v.literal(true)),
  /** A probe or publication of the protocol as it should be, with this payload: its reply is due. */
  valid: optional(
    object({ kind: v.picklist(["probe", "publish"], "probe or publish"), payload: v.string("text") }),
  ),
  /** Whether the next step goes out at once, without waiting for the server to have read this one. */
  burst: optional(v.literal(true)),
});

const OpeningSchema = object({
  /** `ready`: after the protocol's session. `raw`: right after the 101, for the steps to make it or not. */
  start: v.picklist(["ready", "raw"], "ready or raw"),
  /** Variables of the protocol that differ from what they are by default. */
  variables: optional(v.record(v.string(), v.string("text"))),
  /** Subprotocols that replace the protocol's own. */
  subprotocols: optional(v.array(v.string("text"))),
  /** What to append to the URL's query. */
  query: optional(v.string("text")),
});

export const SequenceSchema = object({
  connections: v.pipe(
    v.array(OpeningSchema, "a list of connections"),
    v.minLength(1, "at least one connection"),
  ),
  steps: v.array(StepSchema, "a list of steps"),
});

/** A frame, written as it is. */
export type RawFrame = v.InferOutput<typeof FrameSchema>;
/** How a connection is opened. */
export type Opening = v.InferOutput<typeof OpeningSchema>;
/** One message, or frames, or the end of a connection. */
export type Step = v.InferOutput<typeof StepSchema>;
/** What one run sends. */
export type Sequence = v.InferOutput<typeof SequenceSchema>;
/** The origin of a message. */
export type Origin = v.InferOutput<typeof OriginSchema>;

/** Whether the server may answer a step as it likes: no message of the protocol as it should be. */
export const isHostile = (step: Step): boolean => step.valid === undefined;

/** Whether a step breaks RFC 6455, after which a server may drop the connection without a word. */
export function breaksWire({ frames, close }: Step): boolean {
  if (close?.code !== undefined && !isSendableCode(close.code)) return true;
  if (!frames) return false;
  let inMessage = false;
  let isText = false;
  let digits = "";
  return frames.some((frame) => {
    const { fin, opcode, rsv = 0 } = frame;
    if (rsv !== 0 || (opcode > 2 && opcode < 8) || opcode > 10) return true;
    const payload = frame.hex ?? hexOf(encodeUtf8(frame.text ?? ""));
    if (opcode === 8)
      return !fin || payload.length === 2 || payload.length > 250 || !isUtf8(payload.slice(4));
    if (opcode > 8) return !fin || payload.length > 250;
    const isOutOfPlace = (opcode === 0) !== inMessage;
    if (opcode !== 0) {
      isText = opcode === 1;
      digits = "";
    }
    inMessage = !fin;
    digits += payload;
    return isOutOfPlace || (fin && isText && !isUtf8(digits));
  });
}

/** RFC 6455 section 7.4: codes that may stand in a Close frame. */
export const isSendableCode = (code: number): boolean =>
  (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999);

const isUtf8 = (digits: string): boolean => decodeUtf8(bytesOfHex(digits)) !== undefined;

/**
 * Names that stand in a sequence for what differs from run to run, so that a finding can be seen again in another room
 * and as another user. Each is replaced by a text of its own run as the step is sent.
 */
export const STANDS_FOR = {
  room: "fuzz-room-00000",
  user: "fuzz-user-00000",
  token: "fuzz-token-00000",
  id: "fuzz-id-000000",
  /** The identifier where the protocol writes numbers. */
  number: "70707070",
  neighbour: "fuzz-near-00000",
} as const;

/** What stands for a variable that the session captures. */
export const captured = (name: string): string => `fuzz-captured-${name}-`;

/** A step in words: `probe with /echoId = null`. */
export function describeStep(step: Step): string {
  const { name, at, change } = step.origin;
  const where = at === undefined ? "" : ` with ${at}`;
  const what = change === undefined ? "" : `${at === undefined ? ":" : ""} ${change}`;
  return `${name}${where}${what}`;
}

/** What a step sends, as a text to show. */
export function shownStep(step: Step): string {
  if (step.text !== undefined) return step.text;
  if (step.hex !== undefined) return `bytes ${step.hex}`;
  if (step.valid)
    return `${step.valid.kind} as the protocol describes it, payload ${JSON.stringify(step.valid.payload)}`;
  if (step.close) return `Close ${step.close.code ?? "without a code"} ${JSON.stringify(step.close.reason)}`;
  if (step.cut) return "the connection is cut";
  return (step.frames ?? []).map(shownFrame).join(", ");
}

const OPCODES = ["continuation", "text", "binary"];

function shownFrame({ fin, opcode, text, hex = "", rsv = 0 }: RawFrame): string {
  const kind = OPCODES[opcode] ?? { 8: "Close", 9: "Ping", 10: "Pong" }[opcode] ?? `opcode ${opcode}`;
  const flags = `${fin ? "" : ", not the last"}${rsv ? `, reserved bits ${rsv}` : ""}`;
  return `${kind} frame${flags} ${text === undefined ? `bytes ${hex}` : JSON.stringify(text)}`;
}
