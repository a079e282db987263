/** What silence does to connections: right on the right server, found and named on one with just that fault. Each row is one run of stock k6. */
import { describe, type TestContext, test } from "node:test";
import { forgetfulProxy } from "./idle-proxy.ts";
import { check, type Row } from "./trial.ts";

const forgets = (t: TestContext, url: string) => forgetfulProxy(t, url, 800);

const rows: Record<string, Row> = {
  "a server that keeps silent connections": { outcome: "alive", passes: true },
  "one that closes them, with a code": {
    faults: { closeConnections: { afterMs: 700, code: 1001 } },
    outcome: "closed",
    passes: false,
  },
  "one that closes them, as its specification says": {
    faults: { closeConnections: { afterMs: 700, code: 1001 } },
    env: { EXPECT: "closed" },
    outcome: "closed",
    passes: true,
  },
  "one that keeps them where it was to close them": {
    env: { EXPECT: "closed" },
    outcome: "alive",
    passes: false,
  },
  "one that resets them in the silence": {
    faults: { resetConnections: { afterMs: 700 } },
    outcome: "cut",
    passes: false,
  },
  "one that resets them when the probe comes": {
    faults: { resetConnections: { onMessage: 2 } },
    outcome: "cut_on_probe",
    passes: false,
  },
  "a proxy that forgets them: half-open, not slow": { proxy: forgets, outcome: "half_open", passes: false },
  "the same proxy, and pings": {
    proxy: forgets,
    env: { KEEPALIVE: "ping", PING_INTERVAL: "250ms" },
    outcome: "alive",
    passes: true,
  },
  "a slow server: late, not half-open": { faults: { delay: 1_500 }, outcome: "late", passes: false },
  "a server that answers nobody: not blamed on the silence": {
    faults: { loseReplies: { every: 1 } },
    outcome: "unanswered",
    passes: false,
  },
};

// Four at a time: they wait most of the time, and count.
describe("idle", { concurrency: 4 }, () => {
  for (const [sentence, row] of Object.entries(rows))
    test(sentence, (t) => check(t, "idle", { IDLE: "1500ms", ...row.env }, row));
});
