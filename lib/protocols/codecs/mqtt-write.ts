/** Packets of MQTT that a client sends. */

import { sourceText } from "../source-text.ts";
import { type ByteStrings, inField, wanted } from "./byte-strings.ts";
import { ByteWriter, booleanOf, naturalOf, textOf, wholeOf } from "./byte-writer.ts";
import { CodecError } from "./codec.ts";
import { writeProperties } from "./mqtt-properties.ts";

/** Names of packets, by their types (MQTT 5 section 2.1.2). */
export const PACKETS = [
  undefined,
  "connect",
  "connack",
  "publish",
  "puback",
  "pubrec",
  "pubrel",
  "pubcomp",
  "subscribe",
  "suback",
  "unsubscribe",
  "unsuback",
  "pingreq",
  "pingresp",
  "disconnect",
  "auth",
] as const;

const FIELDS = [
  ...[
    "cmd",
    "clientId",
    "clean",
    "keepalive",
    "username",
    "password",
    "will",
    "topic",
    "payload",
    "qos",
    "dup",
  ],
  ...[
    "retain",
    "messageId",
    "reasonCode",
    "subscriptions",
    "unsubscriptions",
    "properties",
    "nl",
    "rap",
    "rh",
  ],
];

/** Members of a packet's object; one that is null is not there. */
type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wanted("an object", value);
  const fields = Object.entries(value).filter(([, field]) => field !== null);
  const unknown = Object.keys(value).find((name) => !FIELDS.includes(name));
  if (unknown !== undefined) throw new CodecError(`${unknown}: want a field of an MQTT packet`);
  return Object.fromEntries(fields);
}

/** @throws CodecError */
export function writePacket(json: string, is5: boolean, byteStrings: ByteStrings): Uint8Array {
  const fields = fieldsOf(JSON.parse(json));
  const { cmd } = fields;
  const type = PACKETS.indexOf(cmd as (typeof PACKETS)[number]);
  if (typeof cmd !== "string") throw new CodecError('cmd: want a packet\'s name such as "publish"');
  const body = new Body(is5, byteStrings, json);
  const flags = body.write(cmd, fields);
  if (flags === undefined) throw new CodecError('cmd: want a packet that a client sends, such as "publish"');
  const packet = new ByteWriter();
  packet.uint8((type << 4) | flags);
  packet.varint(body.length);
  packet.raw(body.bytes());
  return packet.bytes();
}

const number = (name: string, value: unknown, most: number): number =>
  value === undefined ? 0 : inField(name, () => wholeOf(value, most));

const flag = (name: string, value: unknown, bit: number): number =>
  value !== undefined && inField(name, () => booleanOf(value)) ? bit : 0;

/** What follows the fixed header. */
class Body extends ByteWriter {
  readonly #is5: boolean;
  readonly #byteStrings: ByteStrings;
  readonly #json: string;

  constructor(is5: boolean, byteStrings: ByteStrings, json: string) {
    super();
    this.#is5 = is5;
    this.#byteStrings = byteStrings;
    this.#json = json;
  }

  /** Writes it; gives the flags of the fixed header, undefined where no client sends such a packet. */
  write(cmd: string, fields: Fields): number | undefined {
    switch (cmd) {
      case "publish":
        return this.#publish(fields);
      case "connect":
        this.#connect(fields);
        return 0;
      case "puback":
      case "pubrec":
      case "pubcomp":
      case "pubrel":
        this.#packetId(fields);
        this.#reason(fields);
        return cmd === "pubrel" ? 2 : 0;
      case "subscribe":
        this.#subscribe(fields);
        return 2;
      case "unsubscribe":
        this.#unsubscribe(fields);
        return 2;
      case "pingreq":
        return 0;
      case "disconnect":
        this.#reason(fields);
        return 0;
      case "auth":
        if (!this.#is5) throw new CodecError("cmd: want a packet of MQTT 3.1.1");
        this.#reason(fields);
        return 0;
      default:
        return undefined;
    }
  }

  #publish(fields: Fields): number {
    const qos = number("qos", fields.qos, 2);
    const flags = flag("dup", fields.dup, 8) | (qos << 1) | flag("retain", fields.retain, 1);
    this.#text("topic", fields.topic ?? null);
    if (qos > 0) this.#packetId(fields);
    this.#properties(fields);
    if (fields.payload !== undefined) this.raw(this.#payload(fields.payload, ["payload"]));
    return flags;
  }

  #payload(value: unknown, path: readonly string[]): Uint8Array {
    return inField("payload", () => this.#byteStrings.fromJson(value, () => sourceText(this.#json, path)!));
  }

  #text(name: string, value: unknown): void {
    inField(name, () => this.data(textOf(value)));
  }

  /** Never 0: what two bytes do not hold goes round, so that 65536 is 1, and 0 is 65535. */
  #packetId({ messageId }: Fields): void {
    const n = inField("messageId", () => naturalOf(messageId ?? null));
    this.uint16((((n % 0xffff) + 0xfffe) % 0xffff) + 1);
  }

  #properties({ properties }: Fields): void {
    if (this.#is5) inField("properties", () => writeProperties(this, properties, new ByteWriter()));
    else if (properties !== undefined) throw new CodecError("properties: want none in MQTT 3.1.1");
  }

  /** A reason code and properties, both left out where there are none. */
  #reason(fields: Fields): void {
    const code = number("reasonCode", fields.reasonCode, 0xff);
    if (!this.#is5 && fields.reasonCode !== undefined) {
      throw new CodecError("reasonCode: want none in MQTT 3.1.1");
    }
    if (code === 0 && fields.properties === undefined) return;
    if (this.#is5) this.uint8(code);
    this.#properties(fields);
  }

  /** The flags are those of MQTT 5 section 3.1.2.3. */
  #connect(fields: Fields): void {
    const { clientId, clean = true, keepalive, username, password } = fields;
    const will = fields.will === undefined ? undefined : inField("will", () => fieldsOf(fields.will));
    const willFlags = will
      ? 0x04 | (number("will.qos", will.qos, 2) << 3) | flag("will.retain", will.retain, 0x20)
      : 0;
    const given = (username === undefined ? 0 : 0x80) | (password === undefined ? 0 : 0x40);
    this.data(textOf("MQTT"));
    this.uint8(this.#is5 ? 5 : 4);
    this.uint8(flag("clean", clean, 0x02) | willFlags | given);
    this.uint16(number("keepalive", keepalive, 0xffff));
    this.#properties(fields);
    this.#text("clientId", clientId ?? "");
    if (will) inField("will", () => this.#will(will));
    if (username !== undefined) this.#text("username", username);
    if (password !== undefined) this.#text("password", password);
  }

  #will(will: Fields): void {
    if (will.topic === undefined || will.payload === undefined) {
      throw new CodecError('want a "topic" and a "payload"');
    }
    this.#properties(will);
    this.#text("topic", will.topic);
    const payload = this.#payload(will.payload, ["will", "payload"]);
    inField("payload", () => this.data(payload));
  }

  #subscribe(fields: Fields): void {
    for (const [i, value] of this.#list(fields, "subscriptions").entries()) {
      inField(`subscriptions[${i}]`, () => {
        const { topic = null, qos, nl, rap, rh } = fieldsOf(value);
        this.#text("topic", topic);
        if (!this.#is5 && (nl !== undefined || rap !== undefined || rh !== undefined)) {
          throw new CodecError("want none of nl, rap and rh in MQTT 3.1.1");
        }
        const handling = number("rh", rh, 2) << 4;
        this.uint8(number("qos", qos, 2) | flag("nl", nl, 4) | flag("rap", rap, 8) | handling);
      });
    }
  }

  #unsubscribe(fields: Fields): void {
    for (const [i, topic] of this.#list(fields, "unsubscriptions").entries()) {
      this.#text(`unsubscriptions[${i}]`, topic);
    }
  }

  #list(fields: Fields, name: "subscriptions" | "unsubscriptions"): readonly unknown[] {
    const list = fields[name];
    if (!Array.isArray(list)) throw new CodecError(`${name}: want a list`);
    this.#packetId(fields);
    this.#properties(fields);
    return list;
  }
}
