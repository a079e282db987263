/** Whatever the formats' own libraries write, our codecs read as it was meant, and the reverse. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decode as decodeMsgpack, encode as encodeMsgpack } from "@msgpack/msgpack";
import { decode as decodeCbor, encode as encodeCbor } from "cborg";
import fc from "fast-check";
import { generate, parser } from "mqtt-packet";
import { useAllCodecs } from "../../lib/protocols/codecs/all.ts";
import { type CodecOptions, codecOf } from "../../lib/protocols/codecs/codec.ts";

useAllCodecs();

const anyJson = fc
  .jsonValue({ maxDepth: 4 })
  .map((value) => JSON.parse(JSON.stringify(value))) // without -0
  // What the libraries read as bigints, and a name that objects of JavaScript cannot have.
  .filter((value) => !/__proto__|[0-9]{16}(?![.0-9e])/.test(JSON.stringify(value)));

for (const [name, encode, decode] of [
  ["msgpack", encodeMsgpack, decodeMsgpack],
  ["cbor", (value: unknown) => encodeCbor(value), (bytes: Uint8Array) => decodeCbor(bytes)],
] as const) {
  const codec = codecOf({ name });

  test(`${name} is what the library reads and writes`, () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        assert.deepEqual(JSON.parse(codec.decode(encode(value))!), value);
        assert.deepEqual(decode(codec.encode(JSON.stringify(value))), value);
      }),
    );
  });

  test(`${name} takes any bytes without an error`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const json = codec.decode(bytes);
        if (json !== undefined) JSON.parse(json);
      }),
      { numRuns: 2_000 },
    );
  });
}

const topic = fc.string({ minLength: 1 }).map((text) => text.replace(/[+#\0]/g, "x"));

for (const version of ["3.1.1", "5"] as const) {
  const options: CodecOptions = { name: "mqtt", version };
  const codec = codecOf(options);
  const protocolVersion = version === "5" ? 5 : 4;

  test(`publications of MQTT ${version} are what the library reads and writes`, () => {
    const publication = fc.record({
      topic,
      payload: fc.uint8Array({ maxLength: 300 }),
      qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
      retain: fc.boolean(),
      messageId: fc.integer({ min: 1, max: 65_535 }),
    });
    fc.assert(
      fc.property(publication, ({ messageId, ...fields }) => {
        const payload = Buffer.from(fields.payload);
        const packet = { cmd: "publish" as const, ...fields, payload, dup: false };
        const sent = { ...packet, ...(fields.qos > 0 && { messageId }) };
        const json = { ...sent, payload: payload.toString("base64") };
        const bytes = new Uint8Array(generate(sent, { protocolVersion }));
        assert.deepEqual(JSON.parse(codec.decode(bytes)!), json);
        assert.deepEqual(codec.encode(JSON.stringify(json)), bytes);
      }),
    );
  });

  test(`MQTT ${version} takes any bytes without an error`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const framed = Uint8Array.of(bytes[0] ?? 0, Math.max(0, bytes.length - 1), ...bytes.subarray(1));
        for (const one of [bytes, framed]) {
          const json = codec.decode(one);
          if (json !== undefined) JSON.parse(json);
        }
      }),
      { numRuns: 2_000 },
    );
  });
}

test("what a client sends is what the library reads", () => {
  const read = (json: object, protocolVersion: number) => {
    const packets: object[] = [];
    const reader = parser({ protocolVersion });
    reader.on("packet", (packet) => packets.push(packet));
    const version = protocolVersion === 5 ? "5" : "3.1.1";
    reader.parse(Buffer.from(codecOf({ name: "mqtt", version }).encode(JSON.stringify(json))));
    assert.equal(packets.length, 1);
    return packets[0];
  };
  const { cmd, clientId, clean, keepalive, username, will } = read(
    {
      cmd: "connect",
      clientId: "é",
      keepalive: 5,
      username: "u",
      password: "p",
      will: { topic: "w", payload: "AQ==", qos: 1 },
    },
    4,
  ) as Record<string, unknown> & { will: Record<string, unknown> };
  assert.deepEqual([cmd, clientId, clean, keepalive, username], ["connect", "é", true, 5, "u"]);
  assert.deepEqual([will.topic, will.qos, will.retain], ["w", 1, false]);
});
