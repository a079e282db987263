// A chat service with people in it for a while: they join a room, stay for SESSION, come back, and each
// sends a message every PROBE_INTERVAL.  k6 run -e WS_URL=wss://… -e WS_TOKEN=… dist/chat-soak.js
import { soak } from "../lib/k6/soak.ts";
import { backoffOf } from "../lib/pacing.ts";

export const { options, setup, run, handleSummary } = soak({
  name: "chat-soak",
  eventStreams: "sockets",
  settings: [
    "CONNECTIONS",
    "RAMP",
    "DURATION",
    "RAMP_DOWN",
    "ROOMS",
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

  variables: (settings, connection) => ({ room: `load-test-room-${connection % settings.ROOMS}` }),

  profile: "chat",
  floor: { ws_replies: ["count>0"], ws_sessions_opened: ["count>0"] },
});
export default run;
