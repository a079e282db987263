// Pages in browsers beside thousands of connections in the same rooms: is the server slow, or the page?
//   bin/k6 run -e WS_URL=wss://… -e PAGE_URL=https://… dist/browser-chat.js
import { pages } from "../lib/k6/pages.ts";
import { swarm } from "../lib/k6/swarm.ts";

const roomName = (room: number) => `browser-chat-room-${room}`;

export const { options, setup, run, runBeside, handleSummary } = swarm({
  name: "browser-chat",
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
    "BROWSERS",
    "PAGE_URL",
    "PAGE_INTERVAL",
    "WS_URL",
    "CONNECT_TIMEOUT",
  ],
  defaults: { ROOMS: "1", PUBLISH_RATE: "1" },

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

  beside: (settings) =>
    pages({
      browsers: settings.BROWSERS,
      url: settings.PAGE_URL,
      endpoint: settings.WS_URL,
      room: (browser) => roomName(browser % settings.ROOMS),
      interval: settings.PAGE_INTERVAL,
      payloadBytes: settings.PAYLOAD_BYTES,
      timeout: settings.REPLY_TIMEOUT,
      connectTimeout: settings.CONNECT_TIMEOUT,
    }),

  variables: (settings) => ({
    room: Array.from({ length: settings.ROOMS }, (_, room) => roomName(room)),
  }),

  profile: "chat",
  floor: {
    ws_deliveries: ["count>0"],
    ws_connections_given_up: ["count==0"],
    ws_page_shown: ["count>0"],
    ws_page_missed: ["count==0"],
  },
});
export default run;
