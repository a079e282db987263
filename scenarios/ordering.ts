// Do messages arrive in the order in which each publisher sent them, none lost and none twice?
//   k6 run -e WS_URL=wss://… -e WS_TOKEN=… -e GUARANTEE=at-least-once dist/ordering.js
import { ordering } from "../lib/k6/ordering.ts";

export const { options, setup, run, handleSummary } = ordering({
  name: "ordering",
  eventStreams: "sockets",
  settings: ["CONNECTIONS", "ROOMS", "DURATION", "MESSAGE_INTERVAL", "GUARANTEE"],
  defaults: { DURATION: "1m" },

  talk: (settings) => ({
    connections: settings.CONNECTIONS,
    rooms: settings.ROOMS,
    duration: settings.DURATION,
    interval: settings.MESSAGE_INTERVAL,
    guarantee: settings.GUARANTEE,
  }),

  floor: {
    ws_deliveries: ["count>0"],
    ws_messages_reordered: ["count==0"],
    ws_connection_drops: ["count==0"],
    ws_connect_failures: ["count==0"],
    ws_message_errors: ["count==0"],
  },
});
export default run;
