// Thousands of people who are there and say something now and then: open a number of connections, each of which sends
// a probe every PROBE_INTERVAL. Each reply is timed from when its probe was due.
//   bin/k6 run -e WS_URL=wss://… -e CONNECTIONS=15000 -e RATE=2000 -e DURATION=5m dist/mass-soak.js
import { swarm } from "../lib/k6/swarm.ts";
import { backoffOf } from "../lib/pacing.ts";
import { formatDuration } from "../lib/units.ts";

export const { options, setup, run, handleSummary } = swarm({
  name: "mass-soak",
  eventStreams: "swarm",
  settings: [
    "CONNECTIONS",
    "RATE",
    "RETRIES",
    "RETRY_DELAY",
    "REACH_TIMEOUT",
    "ROOMS",
    "PROBE_INTERVAL",
    "BACKOFF_BASE",
    "BACKOFF_CAP",
    "PAYLOAD_BYTES",
    "REPLY_TIMEOUT",
    "STEPS",
    "DURATION",
  ],
  defaults: { PROBE_INTERVAL: "10s" },

  load: (settings) => ({
    connections: settings.CONNECTIONS,
    pace: { rate: settings.RATE },
    retries: settings.RETRIES,
    retryDelay: settings.RETRY_DELAY,
    reachWithin: settings.REACH_TIMEOUT,
    hold: settings.DURATION,
  }),

  probing: (settings) => ({
    interval: settings.PROBE_INTERVAL,
    payloadBytes: settings.PAYLOAD_BYTES,
    timeout: settings.REPLY_TIMEOUT,
    backoff: backoffOf(settings),
  }),

  climb: ({ STEPS, PROBE_INTERVAL }) => ({
    steps: STEPS,
    setting: "CONNECTIONS",
    of: "connections",
    fixed: `with a probe every ${formatDuration(PROBE_INTERVAL)} each`,
  }),

  variables: (settings) => ({
    room: Array.from({ length: settings.ROOMS }, (_, room) => `load-test-room-${room}`),
  }),

  profile: "chat",
  floor: {
    ws_replies: ["count>0"],
    ws_sessions_opened: ["count>0"],
    ws_connections_given_up: ["count==0"],
  },
});
export default run;
