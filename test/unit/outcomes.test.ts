import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type IdleSighting, idleOutcome } from "../../lib/idle.ts";
import { allowedOutcomes, outcomeLimits } from "../../lib/outcomes.ts";
import { type TokenSighting, tokenOutcome } from "../../lib/token-expiry.ts";

describe("idle", () => {
  const seen: IdleSighting = { ready: true, probed: true, blameless: false };
  const rows: [sentence: string, seen: IdleSighting, outcome: string][] = [
    ["never ready", { ...seen, ready: false, probed: false }, "not_ready"],
    ["answered in time, and dropped later", { ...seen, answer: "in-time", end: { code: 1001 } }, "alive"],
    ["closed in the silence", { ...seen, probed: false, end: { code: 1001 } }, "closed"],
    ["closed on the probe", { ...seen, end: { code: 1001 } }, "closed_on_probe"],
    ["neither answer nor end", seen, "half_open"],
    ["neither answer nor end, like a new one", { ...seen, blameless: true }, "unanswered"],
  ];
  for (const [sentence, given, outcome] of rows) {
    test(sentence, () => assert.equal(idleOutcome(given), outcome));
  }
});

describe("token-expiry", () => {
  const seen: TokenSighting = { ready: true, renewed: false };
  const end = { code: 4001, beforeExpiry: false };
  const rows: [sentence: string, seen: TokenSighting, code: number | undefined, outcome: string][] = [
    ["never ready", { ...seen, ready: false }, 4001, "not_ready"],
    ["closed as documented", { ...seen, end }, 4001, "closed"],
    ["any code will do", { ...seen, end: { ...end, code: 1008 } }, undefined, "closed"],
    ["no code at all will not", { ...seen, end: { ...end, code: undefined } }, undefined, "cut"],
    ["answered with an error", { ...seen, answer: "error" }, 4001, "refused"],
    ["neither answer nor end", seen, 4001, "unanswered"],
    ["renewed, yet closed", { ...seen, renewed: true, end }, 4001, "closed"],
  ];
  for (const [sentence, given, code, outcome] of rows) {
    test(sentence, () => assert.equal(tokenOutcome(given, code), outcome));
  }
});

test("what is allowed is what the user says, else the first; all others of the scenario are limited to none", () => {
  assert.deepEqual(allowedOutcomes("", ["alive", "cut"]), ["alive"]);
  assert.deepEqual(allowedOutcomes("cut,alive", ["alive", "cut"]), ["cut", "alive"]);
  assert.throws(
    () => allowedOutcomes("accepted", ["alive", "cut"]),
    /EXPECT: expected some of alive, cut, got "accepted"/,
  );
  assert.deepEqual(outcomeLimits(["alive"], ["alive", "cut", "late"], 3), {
    ws_outcomes: ["count==3"],
    "ws_outcomes{outcome:cut}": ["count==0"],
    "ws_outcomes{outcome:late}": ["count==0"],
  });
});
