import { connectionsOf, type Load, plannedMs, spanOf } from "../load.ts";
import type { Backoff } from "../pacing.ts";
import { type SettingName, type Settings, SettingsError } from "../settings.ts";
import { formatDuration, type Ms, ms } from "../units.ts";
import { CLIENT_METRICS, Client } from "./client.ts";
import { requireProbe } from "./requirements.ts";
import { type ScenarioSpec, type Shard, scenario } from "./scenario.ts";

type Needs = "PAYLOAD_BYTES" | "CONNECT_TIMEOUT" | "REPLY_TIMEOUT";

/** People who stay for a while: who is there when, and what they send. */
export interface SoakSpec<N extends SettingName> extends ScenarioSpec<N> {
  load(settings: Settings<N>): Load;
  traffic(settings: Settings<N>): SoakTraffic;
  /** Variables of the protocol for connection `connection`, counted from 0. */
  variables(settings: Settings<N>, connection: number): { readonly [name: string]: string };
}

/** What each connection does. */
export interface SoakTraffic {
  /** Lifetime of a connection before it is drained, closed and opened again. */
  readonly session: Ms;
  readonly probeInterval: Ms;
  readonly backoff: Backoff;
}

/** A soak: connections that are held, come back after a drop, and probe the server on due times. */
export function soak<N extends SettingName>(spec: SoakSpec<N>) {
  return scenario(spec, CLIENT_METRICS, (settings: Settings<N | Needs>, protocol) => {
    const { PAYLOAD_BYTES, CONNECT_TIMEOUT, REPLY_TIMEOUT } = settings as Settings<Needs>;
    const load = spec.load(settings);
    const traffic = spec.traffic(settings);
    requireProbe(protocol);
    requireRoomForProbes(traffic, REPLY_TIMEOUT, load);
    const payload = "x".repeat(PAYLOAD_BYTES);

    const client = ({ protocol, record, identity }: Shard, index: number) =>
      new Client(
        String(index),
        {
          ...traffic,
          ...identity(index, spec.variables(settings, index)),
          protocol,
          payload,
          replyTimeout: REPLY_TIMEOUT,
          connectTimeout: CONNECT_TIMEOUT,
        },
        record,
      );

    return {
      load: `${load.connections} connections for ${formatDuration(plannedMs(load))}`,
      size: load.connections,
      variables: (index) => spec.variables(settings, index),
      // A client whose session ends comes back as itself.
      reusesCredentials: traffic.session < spanOf(load, 0).end - spanOf(load, 0).start,
      duration: plannedMs(load),
      drive: (shard, origin) =>
        Promise.all(
          connectionsOf(load, shard.index, shard.of).map((index) => {
            const { start, end } = spanOf(load, index);
            return client(shard, index).run({ start: ms(origin + start), end: ms(origin + end) });
          }),
        ),
    };
  });
}

/** A session, and the hold, must be long enough for a probe and its reply: without one nothing is measured. */
function requireRoomForProbes({ session, probeInterval }: SoakTraffic, replyTimeout: Ms, load: Load): void {
  const least = ms(probeInterval + replyTimeout);
  for (const [name, given] of [
    ["SESSION", session],
    ["DURATION", load.hold],
  ] as const) {
    if (given >= least) continue;
    throw new SettingsError(
      `${name}: expected at least PROBE_INTERVAL + REPLY_TIMEOUT (${formatDuration(least)}), so that every session has a probe, got ${formatDuration(given)}`,
    );
  }
}
