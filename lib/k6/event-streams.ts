/** An event stream as the endpoint of a scenario. */
import { SETTINGS, type SettingName, type Settings, SettingsError } from "../settings.ts";
import { isEventStream } from "../url.ts";
import { WITH_STREAMS } from "./requirements.ts";
import type { ScenarioSpec } from "./scenario-spec.ts";
import { onStockSockets } from "./socket.ts";

/**
 * Event streams go where other connections would.
 *
 * @throws {@link SettingsError} where the scenario or this k6 has none
 */
export function withEventStream<N extends SettingName, S extends Settings<"SSE_URL" | "WS_URL">>(
  { name, eventStreams, defaults }: ScenarioSpec<N>,
  given: S & Partial<Settings<"KEEPALIVE" | "SERVERS">>,
): S {
  // If the scenario has one by default, WS_URL takes its place.
  const isDefault = __ENV.SSE_URL === undefined && given.SSE_URL === defaults?.SSE_URL;
  const settings = isDefault && __ENV.WS_URL ? { ...given, SSE_URL: "" } : given;
  const { SSE_URL, SERVERS = [] } = settings;
  const isStream = SSE_URL !== "";
  // A shell's variable that was not set: the run would go to the default of WS_URL.
  if (__ENV.SSE_URL === "" && __ENV.WS_URL === undefined) {
    throw new SettingsError(`SSE_URL: expected ${SETTINGS.SSE_URL.expects}, got an empty text`);
  }
  if (SERVERS.some((url) => isEventStream(url) !== isStream)) {
    throw new SettingsError(
      `SERVERS: expected ${isStream ? "http:// or https:// URLs beside SSE_URL" : "ws:// or wss:// URLs, or SSE_URL beside those of event streams"}, got others`,
    );
  }
  if (!isStream) return settings;
  if (eventStreams === undefined) {
    throw new SettingsError(
      `SSE_URL: expected WS_URL, since ${name} has no use for event streams; ${WITH_STREAMS} take them`,
    );
  }
  if (__ENV.WS_URL) throw new SettingsError("SSE_URL: expected no WS_URL beside it, got both");
  if ((eventStreams === "sockets" || eventStreams === "requests") && onStockSockets) {
    throw new SettingsError(
      `SSE_URL: expected bin/k6 with dist/x/${name}.js, since stock k6 has no streaming HTTP, got stock k6's sockets`,
    );
  }
  if (settings.KEEPALIVE === "ping") {
    throw new SettingsError(
      "KEEPALIVE: expected none with SSE_URL, since event streams have no pings, got ping",
    );
  }
  return { ...settings, WS_URL: SSE_URL };
}
