import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type CheckedLoad, decideCheck } from "../../lib/check.ts";

const load: CheckedLoad = {
  connections: 10,
  reused: false,
  endpoints: 1,
  users: 0,
  hasCredentials: true,
  isPart: false,
};

describe("the check uses up no credential that the load needs", () => {
  const rows: [
    sentence: string,
    mode: "auto" | "always" | "none",
    Partial<CheckedLoad>,
    number[] | RegExp,
  ][] = [
    ["a token that all share", "auto", {}, [0]],
    ["each endpoint as its own first connection", "auto", { endpoints: 3 }, [0, 1, 2]],
    ["fewer lines than connections", "auto", { users: 9 }, [0]],
    [
      "a line for each connection",
      "auto",
      { users: 10 },
      /^each line of USERS.*with 11 lines.*PREFLIGHT=always/,
    ],
    ["one more", "auto", { users: 11 }, [10]],
    ["one more, for two endpoints", "auto", { users: 11, endpoints: 2 }, /with 12 lines/],
    ["two more, for two endpoints", "auto", { users: 12, endpoints: 2 }, [10, 11]],
    [
      "a spare line, which another instance takes",
      "auto",
      { users: 20, isPart: true },
      /^each line of USERS/,
    ],
    ["a load that uses them again", "auto", { users: 10, reused: true }, [0]],
    [
      "a single connection with a token",
      "auto",
      { connections: 1 },
      /^the credentials belong to one connection/,
    ],
    ["a single connection without any", "auto", { connections: 1, hasCredentials: false }, [0]],
    ["asked for all the same", "always", { users: 10 }, [0]],
    ["not wanted", "none", {}, /^PREFLIGHT=none$/],
  ];
  for (const [sentence, mode, changes, expected] of rows) {
    test(sentence, () => {
      const check = decideCheck(mode, { ...load, ...changes });
      if (expected instanceof RegExp) assert.match("skipped" in check ? check.skipped : "", expected);
      else assert.deepEqual(check, { as: expected });
    });
  }
});
