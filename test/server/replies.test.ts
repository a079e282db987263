import assert from "node:assert/strict";
import { test } from "node:test";
import type { Connection } from "../../server/connection.ts";
import { Faults } from "../../server/faults.ts";
import { Gate } from "../../server/gate.ts";
import { Replies } from "../../server/replies.ts";
import { Scheduler } from "../../server/scheduler.ts";
import { newCounts } from "../../server/stats.ts";

test("a reply without delay does not overtake one that is due but has not left a busy server yet", async () => {
  const scheduler = new Scheduler();
  const faults = new Faults({ connections: [], streams: [], gate: new Gate(scheduler), crash: () => {} });
  faults.set({ delay: { kind: "list", ms: [1, 0] } });
  const replies = new Replies(faults, scheduler, newCounts());
  const written = await new Promise<string[]>((resolve) => {
    const sent: string[] = [];
    const connection = {
      open: true,
      repliesWaiting: 0,
      write: (frame: Buffer) => sent.push(String(frame)) === 2 && resolve(sent),
    };
    const reply = replies.inOrder(connection as unknown as Connection);
    reply({ name: "echo", frame: Buffer.from("first"), receivedAtMs: performance.now() });
    for (const until = performance.now() + 5; performance.now() < until; );
    reply({ name: "echo", frame: Buffer.from("second"), receivedAtMs: performance.now() });
  });
  assert.deepEqual(written, ["first", "second"]);
});
