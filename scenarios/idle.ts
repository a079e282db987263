// Does a silent connection stay? Proxies and firewalls forget idle connections, and not all of them tell.
//   k6 run -e WS_URL=wss://… -e WS_TOKEN=… -e IDLE=65s dist/idle.js
import { idle } from "../lib/k6/idle.ts";

export const { options, setup, run, handleSummary } = idle({
  name: "idle",
  eventStreams: "sockets",
  settings: ["IDLE", "KEEPALIVE", "PING_INTERVAL", "ROOMS"],

  silence: (settings) => ({
    lasts: settings.IDLE,
    pingInterval: settings.KEEPALIVE === "ping" ? settings.PING_INTERVAL : undefined,
    heartbeats: settings.KEEPALIVE === "protocol",
  }),

  variables: (settings, connection) => ({ room: `load-test-room-${connection % settings.ROOMS}` }),

  floor: { ws_sessions_opened: ["count>0"] },
});
export default run;
