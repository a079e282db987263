/** A scenario with a login of its own. */
import http from "k6/http";
import { backoffOf, ms, soak } from "../../lib/index.ts";

export const { options, setup, run, handleSummary } = soak({
  name: "login-in-code",
  settings: ["RAMP", "DURATION"],
  floor: { ws_replies: ["count>0"] },
  loginVariables: ["seat", "sid", "region"],
  async login({ user, connection }) {
    const base = __ENV.LOGIN_URL;
    const token = await http.asyncRequest("POST", `${base}/oauth/token`, "grant_type=client_credentials", {
      headers: { Authorization: __ENV.BASIC ?? "" },
    });
    const headers = { Authorization: `Bearer ${token.json("access_token")}` };
    const seat = await http.asyncRequest(
      "POST",
      `${base}/seats/1`,
      JSON.stringify({ user: `${user}/${connection}` }),
      {
        headers,
      },
    );
    if (seat.status !== 201) throw Object.assign(new Error("no seat"), { reason: `http_${seat.status}` });
    return {
      seat: String(seat.json("seat.id")),
      sid: seat.cookies.sid![0]!.value,
      region: seat.headers["X-Region"]!,
    };
  },
  load: ({ RAMP, DURATION }) => ({ connections: 3, ramp: RAMP, hold: DURATION, rampDown: ms(0) }),
  traffic: () => ({
    session: ms(20_000),
    probeInterval: ms(500),
    backoff: backoffOf({ BACKOFF_BASE: ms(50), BACKOFF_CAP: ms(100) }),
  }),
});
export default run;
