// What does the server answer to handshakes that are not as they should be?
//   k6 run -e WS_URL=wss://… -e WS_TOKEN=… -e ORIGIN=https://… -e CASES_FILE=cases.json dist/handshake.js
//   bin/k6 run -e SSE_URL=https://… -e WS_TOKEN=… dist/x/handshake.js
import { handshake } from "../lib/k6/handshake.ts";

export const { options, setup, run, handleSummary } = handshake({
  name: "handshake",
  eventStreams: "requests",
  settings: ["CASES_FILE", "EXPIRED_TOKEN"],

  boundary: (settings) => ({ file: settings.CASES_FILE, expiredToken: settings.EXPIRED_TOKEN }),

  floor: { ws_outcomes: ["count>0"] },
});
export default run;
