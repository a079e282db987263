/** The one timer that a virtual user has. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ms } from "../../lib/units.ts";
import { onStubs } from "./on-stubs.ts";

const { module } = await onStubs<typeof import("../../lib/k6/clock.ts")>("clock.ts");

test("a wait that something else ends leaves no timer behind", async (t) => {
  let timers = 0;
  t.mock.method(globalThis, "setTimeout", () => ++timers);
  t.mock.method(globalThis, "clearTimeout", () => timers--);
  const waiting = module.firstUntil(ms(60_000), [new Promise(() => {}), Promise.resolve()]);
  assert.equal(timers, 1);
  await waiting;
  assert.equal(timers, 0);
});
