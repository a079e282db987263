/**
 * How often the backpressure scenario names the reference server's policy, and how often it raises a false alarm:
 * `node --import tsx bench/backpressure.ts [RUNS]`, 20 of each policy by default.
 */
import { startServer } from "../server/server.ts";
import { SLOW_READER_POLICIES } from "../server/slow-reader.ts";
import { count } from "../test/k6/figures.ts";
import { OUR_K6, runK6 } from "../test/k6/run.ts";

const runs = Number(process.argv[2] ?? 20);
const OUTCOMES = { close: "closed", drop: "dropped", block: "blocked", queue: "queued" };
const ENV = {
  PROFILE: "",
  CONNECTIONS: 3,
  BASELINE_TIME: "1s",
  PAUSE: "200ms",
  BURST: "1500ms",
  BURST_RATE: 100,
  RECEIVE_BUFFER: 131_072,
  HOLD: "2s",
  RESUME: "1s",
};

for (const policy of SLOW_READER_POLICIES) {
  let named = 0;
  let alarms = 0;
  for (let run = 1; run <= runs; run++) {
    const undo: (() => unknown)[] = [];
    const server = await startServer({ slowReader: policy });
    try {
      const env = { ...ENV, WS_URL: `${server.url}/ws/chat` };
      const k6 = await runK6(
        { after: (step) => undo.unshift(step) },
        { scenario: "backpressure", k6: OUR_K6, env },
      );
      const right = k6.summary && count(k6.summary, `ws_outcomes{outcome:${OUTCOMES[policy]}}`) === 1;
      const alarm = !k6.summary || count(k6.summary, "ws_readers_harmed") > 0;
      if (right) named++;
      if (alarm) alarms++;
      if (!right || alarm !== (policy === "block")) console.log(k6.stderr);
    } finally {
      for (const step of undo) await step();
      await server.close();
    }
  }
  const due = policy === "block" ? `due in ${runs}` : "due in none";
  console.log(`${policy}: named in ${named} of ${runs}; healthy readers harmed in ${alarms}, ${due}`);
}
