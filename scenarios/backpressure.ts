// What does the server do about readers that do not keep up, and do the others suffer for it?
//   bin/k6 run -e WS_URL=wss://… -e WS_TOKEN=… -e EXPECT=close dist/backpressure.js
import { backpressure } from "../lib/k6/backpressure.ts";

export const { options, setup, run, handleSummary } = backpressure({
  name: "backpressure",
  eventStreams: "engine-sockets",
  settings: [
    "CONNECTIONS",
    "SLOW_READERS",
    "SLOW_READER_MODE",
    "READ_RATE",
    "RECEIVE_BUFFER",
    "BASELINE_TIME",
    "PAUSE",
    "BURST",
    "HOLD",
    "RESUME",
    "DRAIN",
    "PUBLISH_RATE",
    "BURST_RATE",
    "BURST_BYTES",
    "PROBE_INTERVAL",
    "HARM_THRESHOLD",
  ],
  defaults: { CONNECTIONS: "5", PROBE_INTERVAL: "250ms" },

  trial: (settings) => ({
    healthy: settings.CONNECTIONS,
    slow: settings.SLOW_READERS,
    slowness:
      settings.SLOW_READER_MODE === "trickle"
        ? { mode: settings.SLOW_READER_MODE, bytesPerSecond: settings.READ_RATE }
        : { mode: settings.SLOW_READER_MODE },
    receiveBufferBytes: settings.RECEIVE_BUFFER,
    phases: {
      baseline: settings.BASELINE_TIME,
      pause: settings.PAUSE,
      burst: settings.BURST,
      hold: settings.HOLD,
      resume: settings.RESUME,
      drain: settings.DRAIN,
    },
    rate: settings.PUBLISH_RATE,
    burst: { rate: settings.BURST_RATE, bytes: settings.BURST_BYTES },
    probeInterval: settings.PROBE_INTERVAL,
    allowance: settings.HARM_THRESHOLD,
  }),

  floor: {
    ws_deliveries: ["count>0"],
    ws_messages_reordered: ["count==0"],
    ws_connect_failures: ["count==0"],
  },
});
export default run;
