/** In what runs differ that are compared: another load is another experiment. Pure. */
import { withPresentNames } from "../former-names.ts";
import type { Tested } from "./tested.ts";

/** What a run tested, by names that people read. */
export type Terms = { readonly [name: string]: string };

/** The target, the scenario and the load, then the settings that were given. */
export function termsOf({
  urls,
  publishUrls,
  proxies,
  protocol,
  profile,
  load,
  settings,
  host,
}: Tested): Terms {
  return {
    server: urls.join(", "),
    ...(publishUrls && { publishers: publishUrls.join(", ") }),
    ...(proxies && { proxy: proxies.join(", ") }),
    load,
    protocol,
    limits: profile ?? "the scenario's own",
    ...(host !== undefined && { machine: host }),
    ...withPresentNames(settings),
  };
}

/** Each term in which a run differs from an earlier one, as `CONNECTIONS 200 (was 100)`. */
export function differences(now: Terms, before: Terms): string[] {
  const names = [...new Set([...Object.keys(now), ...Object.keys(before)])];
  return names
    .filter((name) => now[name] !== before[name])
    .map((name) => `${name} ${now[name] ?? NOT_GIVEN} (was ${before[name] ?? NOT_GIVEN})`);
}

export const NOT_GIVEN = "not given";
