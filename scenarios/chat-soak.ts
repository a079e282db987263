// A chat service with people in it for a while: they join a room, stay a minute, come back, and each
// sends a message every ten seconds. k6 run -e WS_URL=wss://… -e WS_TOKEN=… dist/chat-soak.js
import { soak } from "../lib/k6/scenario.ts";
import { PROTOCOLS } from "../lib/protocols/index.ts";
import { ms } from "../lib/units.ts";

export const { options, setup, run, handleSummary } = soak({
  name: "chat-soak",
  settings: [
    "CONNECTIONS",
    "RAMP",
    "DURATION",
    "RAMP_DOWN",
    "ROOMS",
    "PROBE_INTERVAL",
    "SESSION",
    "REPLY_TIMEOUT",
  ],
  protocol: PROTOCOLS.chat,

  load: (settings) => ({
    connections: settings.CONNECTIONS,
    ramp: settings.RAMP,
    hold: settings.DURATION,
    rampDown: settings.RAMP_DOWN,
  }),

  traffic: (settings, connection) => ({
    variables: { room: `load-test-room-${connection % settings.ROOMS}` },
    session: settings.SESSION,
    probeInterval: settings.PROBE_INTERVAL,
    replyTimeout: settings.REPLY_TIMEOUT,
    backoff: { base: ms(500), cap: ms(10_000) },
  }),

  pass: {
    ws_replies: ["count>0"],
    ws_sessions_opened: ["count>0"],
    ws_connect_latency_ms: ["p(95)<500"],
    ws_msg_rtt_ms: ["p(50)<100", "p(95)<500", "p(99)<1000"],
    ws_delivery_success_rate: ["rate>0.995"],
    ws_connection_drops: ["count<5"],
    ws_connection_drop_rate: ["rate<0.01"],
  },
});
export default run;
