// One message, thousands of subscribers: how long until each has it, until the last has it, and who missed it.
//   bin/k6 run -e WS_URL=wss://… -e CONNECTIONS=15000 -e ROOMS=1 -e PUBLISH_RATE=5 -e DURATION=1m dist/fan-out.js
import { swarm } from "../lib/k6/swarm.ts";

export const { options, setup, run, handleSummary } = swarm({
  name: "fan-out",
  settings: [
    "CONNECTIONS",
    "RATE",
    "RETRIES",
    "RETRY_DELAY",
    "REACH_TIMEOUT",
    "ROOMS",
    "PUBLISHERS",
    "PUBLISH_RATE",
    "PAYLOAD_BYTES",
    "REPLY_TIMEOUT",
    "CHURN",
    "DURATION",
  ],

  load: (settings) => ({
    connections: settings.CONNECTIONS,
    pace: { rate: settings.RATE },
    retries: settings.RETRIES,
    retryDelay: settings.RETRY_DELAY,
    reachWithin: settings.REACH_TIMEOUT,
    hold: settings.DURATION,
  }),

  fanOut: (settings) => ({
    rooms: settings.ROOMS,
    publishers: settings.PUBLISHERS * settings.ROOMS,
    rate: settings.PUBLISH_RATE,
    payloadBytes: settings.PAYLOAD_BYTES,
    timeout: settings.REPLY_TIMEOUT,
    churn: settings.CHURN,
  }),

  variables: (settings) => ({
    room: Array.from({ length: settings.ROOMS }, (_, room) => `fan-out-room-${room}`),
  }),

  profile: "chat",
  floor: {
    ws_deliveries: ["count>0"],
    ws_connections_given_up: ["count==0"],
  },
});
export default run;
