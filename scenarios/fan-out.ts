// One message, thousands of subscribers: how long until each has it, until the last has it, and who missed it.
//   bin/k6 run -e WS_URL=wss://… -e CONNECTIONS=15000 -e ROOMS=1 -e PUBLISH_RATE=5 -e DURATION=1m dist/fan-out.js
import { counted } from "../lib/counted.ts";
import { swarm } from "../lib/k6/swarm.ts";
import { SettingsError } from "../lib/settings.ts";

export const { options, setup, run, handleSummary } = swarm({
  name: "fan-out",
  eventStreams: "swarm",
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
    "STEPS",
    "STEPS_OF",
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

  climb: ({ STEPS, STEPS_OF, PUBLISHERS, PUBLISH_RATE, CONNECTIONS, ROOMS }) => {
    const rooms = `in ${counted(ROOMS, "room")}`;
    if (STEPS_OF === "connections") {
      return {
        steps: STEPS,
        multiple: ROOMS,
        setting: "CONNECTIONS",
        of: "subscribers",
        fixed: PUBLISHERS === 0 ? rooms : `${rooms} with ${PUBLISH_RATE} publications a second`,
      };
    }
    if (PUBLISHERS === 0) {
      throw new SettingsError("STEPS_OF: expected connections, since nobody publishes, got publish-rate");
    }
    return {
      steps: STEPS,
      setting: "PUBLISH_RATE",
      of: "publications a second",
      fixed: `to ${CONNECTIONS} subscribers ${rooms}`,
    };
  },

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
