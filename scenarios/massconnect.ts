// How many connections a server holds, and how fast they get in: reach a number, hold it, watch what drops.
//   bin/k6 run -e WS_URL=wss://… -e CONNECTIONS=15000 -e RATE=5000 -e DURATION=1m dist/massconnect.js
import { swarm } from "../lib/k6/swarm.ts";

export const { options, setup, run, handleSummary } = swarm({
  name: "massconnect",
  eventStreams: "swarm",
  settings: [
    "CONNECTIONS",
    "RATE",
    "BATCH_SIZE",
    "BATCH_DELAY",
    "RETRIES",
    "RETRY_DELAY",
    "REACH_TIMEOUT",
    "DURATION",
    "ROOMS",
    "STEPS",
  ],

  load: (settings) => ({
    connections: settings.CONNECTIONS,
    pace:
      settings.BATCH_SIZE > 0
        ? { batchSize: settings.BATCH_SIZE, batchDelay: settings.BATCH_DELAY }
        : { rate: settings.RATE },
    retries: settings.RETRIES,
    retryDelay: settings.RETRY_DELAY,
    reachWithin: settings.REACH_TIMEOUT,
    hold: settings.DURATION,
  }),

  climb: ({ STEPS, RATE, BATCH_SIZE }) => ({
    steps: STEPS,
    setting: "CONNECTIONS",
    of: "connections",
    fixed: BATCH_SIZE > 0 ? `opened ${BATCH_SIZE} at once` : `opened at ${RATE} a second`,
  }),

  variables: (settings) => ({
    room: Array.from({ length: settings.ROOMS }, (_, room) => `load-test-room-${room}`),
  }),

  profile: "chat",
  floor: { ws_sessions_opened: ["count>0"], ws_connections_given_up: ["count==0"] },
});
export default run;
