/** The properties of MQTT 5 (section 2.2.2.2). */
import type { ByteReader } from "./byte-reader.ts";
import { encodeBase64, inField, lenientText, wanted } from "./byte-strings.ts";
import { type ByteWriter, dataOf, textOf, wholeOf } from "./byte-writer.ts";
import { CodecError } from "./codec.ts";

type Form = "byte" | "two bytes" | "four bytes" | "variable" | "text" | "binary" | "pair";

const PROPERTIES: { readonly [id: number]: readonly [name: string, form: Form] } = {
  1: ["payloadFormatIndicator", "byte"],
  2: ["messageExpiryInterval", "four bytes"],
  3: ["contentType", "text"],
  8: ["responseTopic", "text"],
  9: ["correlationData", "binary"],
  11: ["subscriptionIdentifier", "variable"],
  17: ["sessionExpiryInterval", "four bytes"],
  18: ["assignedClientIdentifier", "text"],
  19: ["serverKeepAlive", "two bytes"],
  21: ["authenticationMethod", "text"],
  22: ["authenticationData", "binary"],
  23: ["requestProblemInformation", "byte"],
  24: ["willDelayInterval", "four bytes"],
  25: ["requestResponseInformation", "byte"],
  26: ["responseInformation", "text"],
  28: ["serverReference", "text"],
  31: ["reasonString", "text"],
  33: ["receiveMaximum", "two bytes"],
  34: ["topicAliasMaximum", "two bytes"],
  35: ["topicAlias", "two bytes"],
  36: ["maximumQoS", "byte"],
  37: ["retainAvailable", "byte"],
  38: ["userProperties", "pair"],
  39: ["maximumPacketSize", "four bytes"],
  40: ["wildcardSubscriptionAvailable", "byte"],
  41: ["subscriptionIdentifiersAvailable", "byte"],
  42: ["sharedSubscriptionAvailable", "byte"],
};

/** The properties that a packet has, undefined for none. */
export function readProperties(packet: ByteReader): object | undefined {
  const own = packet.part(packet.varint());
  if (own.left === 0) return undefined;
  const properties: Record<string, unknown> = {};
  const pairs: Record<string, string> = {};
  while (own.left > 0) {
    const known = PROPERTIES[own.uint8()];
    if (!known) throw new CodecError("want a property of MQTT 5");
    const [name, form] = known;
    if (form === "pair") pairs[lenientText(own.data())] = lenientText(own.data());
    else properties[name] = readOne(own, form);
  }
  if (Object.keys(pairs).length > 0) properties.userProperties = pairs;
  return properties;
}

function readOne(packet: ByteReader, form: Exclude<Form, "pair">): unknown {
  switch (form) {
    case "byte":
      return packet.uint8();
    case "two bytes":
      return packet.uint16();
    case "four bytes":
      return packet.uint32();
    case "variable":
      return packet.varint();
    case "text":
      return lenientText(packet.data());
    case "binary":
      return encodeBase64(packet.data());
  }
}

const MOST = { byte: 0xff, "two bytes": 0xffff, "four bytes": 0xffffffff, variable: 2 ** 28 - 1 } as const;

/** Writes properties with their length before them. */
export function writeProperties(to: ByteWriter, given: unknown, own: ByteWriter): void {
  if (given !== undefined) {
    if (typeof given !== "object" || given === null || Array.isArray(given)) throw wanted("an object", given);
    for (const [name, value] of Object.entries(given)) inField(name, () => writeOne(own, name, value));
  }
  to.varint(own.length);
  to.raw(own.bytes());
}

function writeOne(to: ByteWriter, name: string, value: unknown): void {
  const [id, known] = Object.entries(PROPERTIES).find(([, [known]]) => known === name) ?? [];
  if (id === undefined || known === undefined) throw new CodecError("want a property of MQTT 5");
  const [, form] = known;
  if (form === "pair") {
    if (typeof value !== "object" || value === null) throw wanted("an object", value);
    for (const [key, text] of Object.entries(value)) {
      to.uint8(Number(id));
      to.data(textOf(key));
      inField(key, () => to.data(textOf(text)));
    }
    return;
  }
  to.uint8(Number(id));
  if (form === "text") to.data(textOf(value));
  else if (form === "binary") to.data(dataOf(value));
  else {
    const n = wholeOf(value, MOST[form]);
    if (form === "byte") to.uint8(n);
    else if (form === "two bytes") to.uint16(n);
    else if (form === "four bytes") to.uint32(n);
    else to.varint(n);
  }
}
