/** A connection of many hours keeps what its last probes take, whatever becomes of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { compile, type Descriptor } from "../../lib/protocols/index.ts";
import { ms } from "../../lib/units.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const protocolOf = (match: "id" | "whole" | "fifo"): Descriptor => ({
  name: match,
  probe: { send: "${id}" },
  reply: [{ name: "r", regex: "^(?<id>.*)$", match, ...(match === "id" && { id: "id" }) }],
});

for (const match of ["id", "whole", "fifo"] as const) {
  for (const answered of [true, false]) {
    test(`probes matched by ${match} are forgotten, ${answered ? "answered" : "timed out"}`, () => {
      const conversation = compile(protocolOf(match)).connection({ variables: {}, replyTimeoutMs: ms(100) });
      conversation.open(ms(0));
      let made = 0;
      const probeUntil = (end: number) => {
        for (; made < end; made++) {
          const at = ms(made * 10);
          conversation.due(at);
          conversation.probe(String(made), at);
          if (answered) conversation.receive(String(made), at);
        }
        collectGarbage();
        return process.memoryUsage().heapUsed;
      };
      const before = probeUntil(20_000);
      const grown = probeUntil(80_000) - before;
      assert.equal(conversation.openProbes() > 0, !answered);
      // 60,000 probes took 9 MB and more when none was forgotten.
      assert.ok(grown < 2_000_000, `${grown} bytes more after 60,000 more probes`);
    });
  }
}
