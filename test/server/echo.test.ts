import assert from "node:assert/strict";
import { once } from "node:events";
import { after, test } from "node:test";
import { startServer } from "../../server/server.ts";
import { Client } from "./client.ts";

const server = await startServer({ maxPayloadBytes: 100_000 });
after(() => server.close());

const payloads: [sentence: string, payload: string | Buffer][] = [
  ["an empty text", ""],
  ["a text that is not JSON", "héllo, 你好"],
  ["bytes that are not UTF-8", Buffer.from([0xff, 0x00, 0xfe])],
  ["125 bytes, the most with a length of 7 bits", Buffer.alloc(125, 1)],
  ["126 bytes, the least with a length of 16 bits", Buffer.alloc(126, 2)],
  ["65,535 bytes, the most with a length of 16 bits", Buffer.alloc(65_535, 3)],
  ["65,536 bytes, the least with a length of 64 bits", Buffer.alloc(65_536, 4)],
];
for (const [sentence, payload] of payloads) {
  test(`${sentence} comes back as it went`, async () => {
    const { ws } = await Client.connect(`${server.url}/ws/echo`);
    ws.send(payload);
    const [data, isBinary] = await once(ws, "message");
    assert.deepEqual(data, Buffer.from(payload as string));
    assert.equal(isBinary, typeof payload !== "string");
  });
}

test("the server speaks first when it is asked to", async () => {
  const client = await Client.connect(`${server.url}/ws/echo?welcome=1`);
  assert.equal((await client.json()).type, "welcome");
  client.ws.send("next");
  assert.equal(await client.text(), "next");
});

test("a message above the limit ends its connection with 1009", async () => {
  const client = await Client.connect(`${server.url}/ws/echo`);
  client.ws.send(Buffer.alloc(100_001));
  assert.equal(await client.closeCode(), 1009);
});

test("a long message in short fragments comes back whole", async (t) => {
  const roomy = await startServer({ maxPayloadBytes: 4 << 20 });
  t.after(() => roomy.close());
  const client = await Client.connect(`${roomy.url}/ws/echo`);
  const fragment = Buffer.alloc(64, 7);
  const fragments = 20_000; // more than ws takes by default
  for (let i = 1; i <= fragments; i++) client.ws.send(fragment, { fin: i === fragments });
  const [data] = await Promise.race([
    once(client.ws, "message"),
    client.closeCode().then((code) => assert.fail(`closed with ${code}`)),
  ]);
  assert.equal((data as Buffer).length, fragments * fragment.length);
});
