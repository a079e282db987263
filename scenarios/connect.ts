// How fast connections get in: handshakes at a stated rate, each held for a while and closed.
//   k6 run -e WS_URL=wss://… -e WS_TOKEN=… -e RATE=500 -e DURATION=30s dist/connect.js
import { connect } from "../lib/k6/connect.ts";

export const { options, setup, run, handleSummary } = connect({
  name: "connect",
  eventStreams: "sockets",
  settings: ["RATE", "DURATION", "HOLD", "ROOMS"],
  defaults: { RATE: "50" },

  arrivals: (settings) => ({
    perSecond: settings.RATE,
    duration: settings.DURATION,
    hold: settings.HOLD,
  }),

  variables: (settings, connection) => ({ room: `load-test-room-${connection % settings.ROOMS}` }),

  profile: "chat",
  floor: { ws_sessions_opened: ["count>0"] },
});
export default run;
