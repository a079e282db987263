// What becomes of a connection when its token expires?
//   k6 run -e WS_URL=wss://… -e WS_TOKEN=… -e TOKEN_TTL=10s dist/token-expiry.js
import { tokenExpiry } from "../lib/k6/token-expiry.ts";

export const { options, setup, run, handleSummary } = tokenExpiry({
  name: "token-expiry",
  eventStreams: "sockets",
  settings: ["TOKEN_TTL", "GRACE", "NEXT_TOKEN", "EXPECT_CODE", "ROOMS"],

  token: (settings) => ({
    validFor: settings.TOKEN_TTL,
    grace: settings.GRACE,
    next: settings.NEXT_TOKEN || undefined,
    code: settings.EXPECT_CODE === "" ? undefined : Number(settings.EXPECT_CODE),
  }),

  variables: (settings, connection) => ({ room: `load-test-room-${connection % settings.ROOMS}` }),

  floor: { ws_sessions_opened: ["count>0"], ws_replies: ["count>0"] },
});
export default run;
