// Two loads in one run: people who chat, and the HTTP requests that come in beside them. One summary, one verdict.
//   k6 run -e WS_URL=wss://chat.example.com/ws -e API_URL=https://chat.example.com/health -e WS_TOKEN=… chat-and-api.js
import http from "k6/http";
import { backoffOf, counter, rate, soak, trend } from "k6-realtime/scenarios";

const API_URL = __ENV.API_URL ?? "http://127.0.0.1:8080/health";
const API_DURATION = __ENV.API_DURATION ?? "10m";

const { options, setup, run, record, iteration, handleSummary } = soak({
  name: "chat-and-api",
  settings: [
    "CONNECTIONS",
    "RAMP",
    "DURATION",
    "RAMP_DOWN",
    "PROBE_INTERVAL",
    "SESSION",
    "BACKOFF_BASE",
    "BACKOFF_CAP",
  ],
  load: (settings) => ({
    connections: settings.CONNECTIONS,
    ramp: settings.RAMP,
    hold: settings.DURATION,
    rampDown: settings.RAMP_DOWN,
  }),
  traffic: (settings) => ({
    session: settings.SESSION,
    probeInterval: settings.PROBE_INTERVAL,
    backoff: backoffOf(settings),
  }),
  metrics: {
    api_requests: counter("Requests to the HTTP service."),
    api_ms: trend("From a request to the last byte of its answer; of answers with status 200."),
    api_success_rate: rate("Share of requests that had status 200."),
  },
  executors: {
    api: {
      executor: "constant-arrival-rate",
      rate: 5,
      timeUnit: "1s",
      duration: API_DURATION,
      preAllocatedVUs: 10,
      gracefulStop: "10s",
      exec: "api",
    },
  },
  profile: "chat",
  floor: {
    ws_replies: ["count>0"],
    api_requests: ["count>0"],
    api_ms: ["p(95)<300"],
    api_success_rate: ["rate>0.99"],
  },
});

export { handleSummary, options, setup };
export default run;

export const api = () =>
  iteration(() => {
    const { status, timings } = http.get(API_URL, { timeout: "10s" });
    record("api_requests", 1);
    record("api_success_rate", status === 200);
    if (status === 200) record("api_ms", timings.duration);
  });

export function teardown() {
  console.log("chat-and-api: both loads are over");
}
