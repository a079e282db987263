import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { beyondStock, type Compression, NO_COMPRESSION, notesOnCompression } from "../../lib/compression.ts";
import type { Summary } from "../../lib/summary/summary.ts";

describe("what stock k6 cannot offer is named", () => {
  const deflate: Compression = { ...NO_COMPRESSION, compression: "deflate" };
  const rows: [sentence: string, offered: Compression, beyond: string | undefined][] = [
    ["nothing is within it", NO_COMPRESSION, undefined],
    ["the default offer is", deflate, undefined],
    ["context takeover is not", { ...deflate, contextTakeover: "client" }, "CONTEXT_TAKEOVER: expected none"],
    ["a smaller window is not", { ...deflate, serverWindowBits: 14 }, "SERVER_WINDOW_BITS: expected 15"],
    [
      "what is not used does not matter",
      { ...NO_COMPRESSION, contextTakeover: "both", clientWindowBits: 8 },
      undefined,
    ],
  ];
  for (const [sentence, offered, beyond] of rows)
    test(sentence, () => assert.equal(beyondStock(offered), beyond));
});

describe("what compression saved, in a sentence", () => {
  const counter = (count: number) => ({ kind: "counter", unit: "1", count }) as const;
  const bytes = (sent: number, received: number) => ({
    ...counter(sent + received),
    by: { direction: { sent: counter(sent), received: counter(received) } },
  });
  const metrics = (agreed: number, sent: number, received: number) =>
    ({
      ws_sessions_opened: counter(10),
      ws_sessions_compressed: counter(agreed),
      ws_message_bytes: bytes(sent, received),
      ws_wire_bytes: bytes(50, 100),
    }) as unknown as Summary["metrics"];

  test("of all connections", () =>
    assert.deepEqual(notesOnCompression(metrics(10, 100, 400)), [
      "compression on all 10 connections; 2 bytes of messages sent went into one on the wire; 4 bytes of messages received went into one on the wire",
    ]));
  test("of some, in the one direction that had messages", () =>
    assert.deepEqual(notesOnCompression(metrics(7, 0, 300)), [
      "compression on 7 of 10 connections; 3 bytes of messages received went into one on the wire",
    ]));
  test("none where no connection agreed", () =>
    assert.deepEqual(notesOnCompression(metrics(0, 100, 400)), []));
});
