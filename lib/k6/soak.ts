import { variablesFor } from "../identity.ts";
import { connectionsOf, type Load, plannedMs, spanOf } from "../load.ts";
import type { Backoff } from "../pacing.ts";
import type { Effect } from "../protocols/index.ts";
import {
  type NoSettings,
  type OwnSettings,
  type SettingName,
  type Settings,
  SettingsError,
  type Values,
} from "../settings.ts";
import { durationsOf, formatDuration, inMs, type Ms, ms, type WithDurations } from "../units.ts";
import { CLIENT_METRICS, Client } from "./client.ts";
import type { Connection } from "./connection.ts";
import type { Shard } from "./plan.ts";
import { requireProbe } from "./requirements.ts";
import { scenario } from "./scenario.ts";
import type { ScenarioSpec } from "./scenario-spec.ts";

type Needs = "PAYLOAD_BYTES" | "CONNECT_TIMEOUT" | "REPLY_TIMEOUT";

/** People who stay for a while: who is there when, and what they send. */
export interface SoakSpec<N extends SettingName, O extends OwnSettings = NoSettings>
  extends ScenarioSpec<N, O> {
  load(settings: Values<N, O>): WithDurations<Load>;
  traffic(settings: Values<N, O>): GivenTraffic;
  /** Variables of the protocol for connection `connection`, counted from 0. Default: everybody is in one room. */
  variables?(settings: Values<N, O>, connection: number): { readonly [name: string]: string };
  /** Hears of all that happens on a connection, such as deliveries, once it is recorded. */
  observe?(effect: Effect, user: User<Values<N, O>>): void;
  /**
   * The actions of a user beside its probes. Called whenever a session is ready, again after each reconnect. If it
   * throws, the run is incomplete.
   */
  act?(connection: Connection, user: User<Values<N, O>>): void | Promise<void>;
}

/** Whose connection it is. */
export interface User<V> {
  /** Counted from 0 over the whole load. */
  readonly index: number;
  readonly settings: V;
  /** Adds to a metric: the toolkit's that a soak records, or one of the scenario's own. */
  record(metric: string, value: number | boolean, tags?: { readonly [tag: string]: string }): void;
}

/** What each connection does. */
export interface SoakTraffic {
  /** Lifetime of a connection before it is drained, closed and opened again. */
  readonly session: Ms;
  readonly probeInterval: Ms;
  readonly backoff: Backoff;
}

/** The same as scripts may give it: `{ session: "60s", probeInterval: "10s", … }`. */
export type GivenTraffic = WithDurations<Omit<SoakTraffic, "backoff">> & {
  readonly backoff: WithDurations<Backoff>;
};

/** A soak: connections that are held, come back after a drop, and probe the server on due times. */
export function soak<N extends SettingName = never, O extends OwnSettings = NoSettings>(
  spec: SoakSpec<N, O>,
) {
  return scenario(spec, CLIENT_METRICS, (settings: Values<N | Needs, O>, protocol) => {
    const { PAYLOAD_BYTES, CONNECT_TIMEOUT, REPLY_TIMEOUT } = settings as unknown as Settings<Needs>;
    const load = durationsOf<Load>(spec.load(settings), "ramp", "hold", "rampDown");
    const given = spec.traffic(settings);
    const traffic: SoakTraffic = {
      session: inMs(given.session, "session"),
      probeInterval: inMs(given.probeInterval, "probeInterval"),
      backoff: durationsOf<Backoff>(given.backoff, "base", "cap"),
    };
    requireProbe(protocol);
    requireRoomForProbes(traffic, REPLY_TIMEOUT, load);
    const payload = "x".repeat(PAYLOAD_BYTES);

    const variables = variablesFor(spec, settings);
    const client = ({ protocol, record, identity }: Shard, index: number) => {
      const user = { index, settings, record };
      return new Client(
        String(index),
        {
          ...traffic,
          observe(effect, connection) {
            spec.observe?.(effect, user);
            if (effect.kind === "ready") void spec.act?.(connection, user);
          },
          ...identity(index, variables(index)),
          protocol,
          payload,
          replyTimeout: REPLY_TIMEOUT,
          connectTimeout: CONNECT_TIMEOUT,
        },
        record,
      );
    };

    return {
      load: `${load.connections} connections for ${formatDuration(plannedMs(load))}`,
      size: load.connections,
      variables,
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
