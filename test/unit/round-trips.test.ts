/** What becomes of a probe that a script sends itself, where its reply is handled late. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ms } from "../../lib/units.ts";
import { onStubs } from "./on-stubs.ts";

const { k6, module } = await onStubs<typeof import("../../lib/k6/round-trips.ts")>("round-trips.ts");

test("an error reply that is handled past its probe's deadline comes after the timeout", () => {
  const recorded: (readonly [metric: string, value: number | boolean])[] = [];
  const record = (metric: string, value: number | boolean) => void recorded.push([metric, value]);
  const trips = new module.RoundTrips({ record, timeout: ms(100) });
  k6.now = 1_000;
  const id = trips.probe(() => {});
  k6.now = 1_200;
  recorded.length = 0;
  trips.failed(id);
  assert.deepEqual(recorded, [
    ["ws_reply_success_rate", false],
    ["ws_msg_rtt_ms", 100],
    ["ws_message_errors", 1],
  ]);
});
