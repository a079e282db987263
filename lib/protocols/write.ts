import { isCodecError } from "./codecs/codec.ts";
import { latin1 } from "./codecs/framing.ts";
import type { Frame } from "./reader.ts";
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";
import { isPlain, type Wire } from "./wire.ts";

/** A message as it is written. */
export interface Written {
  readonly frame: Frame;
  /** Which message it is: its text, or its bytes, each a character, where a codec made them. */
  readonly message: string;
  /** The JSON of which a codec made it. */
  readonly json?: string;
  /** The protocol's messages in it, where a delimiter or a framing stands beside them. */
  readonly messages?: readonly string[];
}

/**
 * Writes a message.
 *
 * @param text of a template
 * @throws RangeError where the codec or the framing cannot write it
 */
export function write(text: string, wire: Wire, binary: boolean): Written {
  if (isPlain(wire)) {
    const whole = wire.delimiter === undefined ? text : text + wire.delimiter;
    const frame = binary ? encodeUtf8(whole) : whole;
    if (wire.delimiter === undefined) return { frame, message: text };
    return { frame, message: text, messages: messagesIn(text, wire) };
  }
  try {
    const bytes = wire.codec ? wire.codec.encode(text) : encodeUtf8(text);
    const framed = wire.framing ? wire.framing.wrap(bytes) : bytes;
    const message = wire.codec ? latin1(bytes) : text;
    const frame = binary ? framed : (decodeUtf8(framed) ?? framed);
    return { frame, message, ...(wire.codec ? { json: text } : { messages: [text] }) };
  } catch (error) {
    if (!isCodecError(error)) throw error;
    throw new RangeError(`a message that cannot be written: ${error.message}`);
  }
}

/** The protocol's messages that a template holds. */
export function messagesIn(text: string, { delimiter }: Wire): readonly string[] {
  if (delimiter === undefined) return [text];
  if (text !== "" && !text.includes(delimiter)) return [text]; // most, without a list to filter
  return text.split(delimiter).filter((one) => one !== "");
}

/** Writes bytes that a protocol's own code has made: a message of the codec, where there is one, without its framing. */
export function writeOwn(bytes: Uint8Array, { codec, framing, delimiter = "" }: Wire): Written {
  const frame = framing ? framing.wrap(bytes) : bytes;
  if (codec) return { frame, message: latin1(bytes) };
  const text = decodeUtf8(bytes) ?? "";
  const isDelimited = delimiter !== "" && text.endsWith(delimiter);
  return { frame, message: isDelimited ? text.slice(0, -delimiter.length) : text };
}
