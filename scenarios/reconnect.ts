// The server cuts connections: how soon are clients whole again, and what becomes of the messages in between?
//   k6 run -e WS_URL=wss://… -e WS_TOKEN=… -e DURATION=5m dist/reconnect.js     and restart the server meanwhile
import { reconnect } from "../lib/k6/reconnect.ts";
import { backoffOf } from "../lib/pacing.ts";

export const { options, setup, run, handleSummary } = reconnect({
  name: "reconnect",
  eventStreams: "sockets",
  settings: [
    "CONNECTIONS",
    "ROOMS",
    "DURATION",
    "MESSAGE_INTERVAL",
    "REPLAY",
    "CUTS",
    "BACKOFF_BASE",
    "BACKOFF_CAP",
  ],
  defaults: { DURATION: "1m", BACKOFF_BASE: "1s", BACKOFF_CAP: "30s" },

  rooms: (settings) => ({
    subscribers: settings.CONNECTIONS,
    rooms: settings.ROOMS,
    duration: settings.DURATION,
    interval: settings.MESSAGE_INTERVAL,
    replay: settings.REPLAY,
    cuts: settings.CUTS,
    backoff: backoffOf(settings),
  }),

  floor: {
    ws_publications: ["count>0"],
    ws_reconnects: ["count>0"],
    ws_messages_lost: ["count==0"],
    ws_messages_duplicated: ["count==0"],
    ws_messages_reordered: ["count==0"],
    ws_gap_messages: ["count>0"],
  },
});
export default run;
