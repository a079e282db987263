// Eight virtual users record values that `--out json` tells one by one: what a recording is compared with.
import { sleep } from "k6";
import exec from "k6/execution";
import { Counter, Gauge, Rate, Trend } from "k6/metrics";

const rtt = new Trend("ws_msg_rtt_ms", true);
const drops = new Counter("ws_connection_drops");
const success = new Rate("ws_delivery_success_rate");
const sessions = new Gauge("ws_active_sessions");

const seconds = Number(__ENV.SECONDS ?? 3);
const PER_SECOND = 20;

export const options = {
  scenarios: {
    known: { executor: "per-vu-iterations", vus: 8, iterations: seconds * PER_SECOND, maxDuration: "1m" },
  },
  thresholds: {
    ws_msg_rtt_ms: ["p(50)<40", "p(99.9)<100000"],
    "ws_connection_drops{code:1006}": ["count<1000000"],
    ws_delivery_success_rate: ["rate>0.5"],
  },
};

export default function () {
  sessions.add(exec.vu.idInTest);
  for (let i = 0; i < 50; i++) {
    const normal = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
    // Slower the higher the user's number: instances differ, so their percentiles cannot be averaged.
    rtt.add(exec.vu.idInTest * 5 * Math.exp(0.8 * normal));
    drops.add(1, { code: i % 10 === 0 ? "1011" : "1006" });
    success.add(i % 25 !== 0);
  }
  sleep(1 / PER_SECOND);
}
