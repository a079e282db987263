/** How many round trips a smoke test makes, by its profile and the plan of a soak. */
import { connectionsOf, sessionsIn, spanOf } from "../../lib/load.ts";
import { PROFILES } from "../../lib/profile.ts";
import { readSettings } from "../../lib/settings.ts";
import { ms } from "../../lib/units.ts";

export function smokeRoundTrips() {
  const s = readSettings(
    ["CONNECTIONS", "ROOMS", "RAMP", "DURATION", "RAMP_DOWN", "SESSION", "PROBE_INTERVAL", "REPLY_TIMEOUT"],
    {},
    PROFILES.smoke.settings,
  );
  const load = { connections: s.CONNECTIONS, ramp: s.RAMP, hold: s.DURATION, rampDown: s.RAMP_DOWN };
  const least = ms(s.PROBE_INTERVAL + s.REPLY_TIMEOUT);
  const perSession = ({ start, end }: { start: number; end: number }) =>
    Math.floor((end - start - s.REPLY_TIMEOUT - s.PROBE_INTERVAL) / s.PROBE_INTERVAL);
  const roundTrips = connectionsOf(load, 0, 1)
    .flatMap((index) => sessionsIn(spanOf(load, index), s.SESSION, least))
    .reduce((sum, session) => sum + perSession(session), 0);
  return { connections: s.CONNECTIONS, rooms: s.ROOMS, roundTrips };
}
