/** The packets of MQTT 3.1.1 and 5 as a client sends and receives them. Each frames itself by its fixed header. */
import { ByteReader } from "./byte-reader.ts";
import { ByteStrings, lenientText } from "./byte-strings.ts";
import { type Codec, type CodecOptions, isCodecError } from "./codec.ts";
import type { Found, Framing } from "./framing.ts";
import { readProperties } from "./mqtt-properties.ts";
import { PACKETS, writePacket } from "./mqtt-write.ts";

/** How packets follow one another in a stream of bytes. */
const framing: Framing = {
  find(bytes, from): Found {
    let length = 0;
    for (let i = from + 1; i < bytes.length; i++) {
      length += (bytes[i]! & 0x7f) << (7 * (i - from - 1));
      if (bytes[i]! < 0x80) {
        const end = i + 1 + length;
        return end > bytes.length ? { need: end } : { start: from, end, next: end };
      }
      if (i - from === 4) return "broken";
    }
    return { need: bytes.length + 1 };
  },
  wrap: (packet) => packet,
};

/** Packets of MQTT, each as the JSON object of mqtt-packet. */
export function mqtt(options: CodecOptions): Codec {
  const is5 = options.version === "5";
  const byteStrings = new ByteStrings(options);
  return {
    title: `an MQTT ${is5 ? "5" : "3.1.1"} packet from a server`,
    framing,
    decode(bytes) {
      try {
        return decode(bytes, is5, byteStrings);
      } catch (error) {
        if (isCodecError(error)) return undefined;
        throw error;
      }
    },
    encode: (json) => writePacket(json, is5, byteStrings),
  };
}

function decode(bytes: Uint8Array, is5: boolean, byteStrings: ByteStrings): string | undefined {
  const found = framing.find(bytes, 0);
  if (found === "broken" || "need" in found || found.next !== bytes.length) return undefined;
  const cmd = PACKETS[bytes[0]! >> 4];
  const packet = new ByteReader(bytes);
  packet.uint8();
  packet.varint();
  const flags = bytes[0]! & 0xf;
  const fields = cmd === undefined ? undefined : READ[cmd]?.(packet, is5, flags);
  if (!fields) return undefined;
  const json = JSON.stringify({ cmd, ...fields });
  if (cmd !== "publish") return packet.left === 0 ? json : undefined;
  const payload = byteStrings.toJson(packet.take(packet.left));
  return `${json.slice(0, -1)},"payload":${payload}}`;
}

type Read = (packet: ByteReader, is5: boolean, flags: number) => object | undefined;

const properties = (packet: ByteReader, is5: boolean) => ({
  properties: is5 ? readProperties(packet) : undefined,
});

/** A reason code, which may be left out for 0, and its properties, which may be left out, too. */
const reason = (packet: ByteReader, is5: boolean) => {
  if (!is5) return {};
  const reasonCode = packet.left > 0 ? packet.uint8() : 0;
  return packet.left > 0 ? { reasonCode, ...properties(packet, is5) } : { reasonCode };
};

const acknowledgement: Read = (packet, is5) => ({ messageId: packet.uint16(), ...reason(packet, is5) });

const granted = (packet: ByteReader) => ({ granted: Array.from(packet.take(packet.left)) });

/** What each packet holds that a server sends. */
const READ: Readonly<Record<string, Read>> = {
  publish(packet, is5, flags) {
    const qos = (flags >> 1) & 3;
    const topic = lenientText(packet.data());
    if (qos === 3) return undefined;
    const messageId = qos > 0 ? packet.uint16() : undefined;
    const dup = (flags & 8) !== 0;
    return { qos, dup, retain: (flags & 1) !== 0, topic, messageId, ...properties(packet, is5) };
  },
  connack(packet, is5) {
    const sessionPresent = (packet.uint8() & 1) !== 0;
    const code = packet.uint8();
    const coded = is5 ? { reasonCode: code } : { returnCode: code };
    return { sessionPresent, ...coded, ...properties(packet, is5) };
  },
  puback: acknowledgement,
  pubrec: acknowledgement,
  pubrel: acknowledgement,
  pubcomp: acknowledgement,
  suback: (packet, is5) => ({
    messageId: packet.uint16(),
    ...properties(packet, is5),
    ...granted(packet),
  }),
  unsuback: (packet, is5) => ({
    messageId: packet.uint16(),
    ...(is5 && { ...properties(packet, is5), ...granted(packet) }),
  }),
  pingresp: () => ({}),
  disconnect: (packet, is5) => (is5 ? reason(packet, is5) : undefined),
  auth: (packet, is5) => (is5 ? reason(packet, is5) : undefined),
};
