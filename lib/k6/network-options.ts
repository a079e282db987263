import type { Options } from "k6/options";
import { hostsOption } from "../route.ts";
import { type Settings, SettingsError } from "../settings.ts";

/**
 * k6's own options that say how its sockets, and the engine's, get to the endpoints.
 *
 * @throws {@link SettingsError} naming what they cannot do
 */
export function networkOptions(
  urls: readonly string[],
  settings: Settings<"CONNECT_TO">,
): Pick<Options, "hosts"> {
  const hosts = hostsOption(urls, settings, __ENV);
  if (Object.keys(hosts).length === 0) return {};
  if (__ENV.K6_HOSTS) throw new SettingsError("CONNECT_TO: expected no K6_HOSTS beside it, got both");
  return { hosts };
}
