/** What becomes of a connection whose token expires: right on the right server, found and named on one with just that fault. Each row is one run of stock k6. */
import { describe, test } from "node:test";
import { check, type Row } from "./trial.ts";

const rows: Record<string, Row> = {
  "a server that closes with 4001": { tokenFor: 10, outcome: "closed", passes: true },
  "one whose token is renewed in the session": {
    tokenFor: 10,
    nextToken: true,
    env: { EXPECT: "refreshed" },
    outcome: "refreshed",
    passes: true,
  },
  "one that was to be renewed and closes": {
    tokenFor: 10,
    env: { EXPECT: "refreshed" },
    outcome: "closed",
    passes: false,
  },
  "one that accepts an expired token": { outcome: "accepted", passes: false },
  "one that cuts without a code": {
    faults: { resetConnections: { afterMs: 3_000 } },
    outcome: "cut",
    passes: false,
  },
  "one that closes with another code": {
    faults: { closeConnections: { afterMs: 3_000, code: 1008 } },
    outcome: "wrong_code",
    passes: false,
  },
  "one that closes before the token ends": {
    faults: { closeConnections: { afterMs: 300, code: 4001 } },
    outcome: "early",
    passes: false,
  },
};

// Four at a time: they wait most of the time, and count.
describe("token-expiry", { concurrency: 4 }, () => {
  for (const [sentence, row] of Object.entries(rows))
    test(sentence, (t) => check(t, "token-expiry", { TOKEN_TTL: "3s", GRACE: "8s", ...row.env }, row));
});
