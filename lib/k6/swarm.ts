import { handshakeTemplate } from "../identity.ts";
import type { MetricName } from "../metrics.ts";
import { type SettingName, type Settings, SettingsError } from "../settings.ts";
import type { MetricSummary } from "../summary/summary.ts";
import { number } from "../summary/verdict.ts";
import { formatDuration, type Ms, ms } from "../units.ts";
import { realtime } from "./realtime.ts";
import { type ScenarioSpec, scenario } from "./scenario.ts";

type Needs = (typeof NEEDS)[number];

/** Settings of every swarm. */
const NEEDS = [
  "CONNECT_TIMEOUT",
  "SHARDS",
  "SERVERS",
  "SOURCE_IPS",
  "EXHAUSTED",
  "MESSAGES_PER_SECOND",
] as const satisfies readonly SettingName[];

/** What the engine records. */
const SWARM_METRICS = [
  "ws_connect_latency_ms",
  "ws_connect_phase_ms",
  "ws_time_to_reach_ms",
  "ws_connect_failures",
  "ws_connections_given_up",
  "ws_sessions_opened",
  "ws_sessions_closed",
  "ws_active_sessions",
  "ws_connection_drops",
  "ws_connection_drop_rate",
  "ws_message_errors",
  "ws_generator_delay_ms",
] as const satisfies readonly MetricName[];

/** Many connections, opened, held and watched by the extension's engine. */
export interface SwarmSpec<N extends SettingName> extends ScenarioSpec<N> {
  load(settings: Settings<N>): SwarmLoad;
  /** Variables of the protocol: a text for all connections, or texts that they take in turn. */
  variables(settings: Settings<N>): Readonly<Record<string, string | readonly string[]>>;
}

export interface SwarmLoad {
  readonly connections: number;
  /** So many a second, or so many at once and then a pause. */
  readonly pace: { readonly rate: number } | { readonly batchSize: number; readonly batchDelay: Ms };
  /** How often a connection that failed is tried again, and how long after; -1 until it opens. */
  readonly retries: number;
  readonly retryDelay: Ms;
  /** How long all of them may take to open. */
  readonly reachWithin: Ms;
  /** For how long they are held once all are open. */
  readonly hold: Ms;
}

/** A swarm: reaches a number of connections, holds them, counts what drops. */
export function swarm<N extends SettingName>(spec: SwarmSpec<N>) {
  const { Swarm, distributions, version } = realtime(spec.name);
  const withNeeds = { ...spec, settings: [...NEEDS, ...spec.settings] as (N | Needs)[] };

  return scenario(withNeeds, SWARM_METRICS, (settings, protocol, users) => {
    const load = spec.load(settings as Settings<N>);
    const ramp = rampOf(load);
    if (load.reachWithin < ramp) {
      throw new SettingsError(
        `REACH_TIMEOUT: expected at least the time that the connections take to begin (${formatDuration(ramp)}), got ${formatDuration(load.reachWithin)}`,
      );
    }
    const { WS_URL, SERVERS, CONNECT_TIMEOUT, SHARDS, SOURCE_IPS, EXHAUSTED, MESSAGES_PER_SECOND } =
      settings as unknown as Settings<Needs | "WS_URL">;
    const { variables, ...handshake } = handshakeTemplate(settings, protocol, users);
    const swarm = new Swarm({
      ...handshake,
      variables: { ...variables, ...spec.variables(settings as Settings<N>) },
      connections: load.connections,
      shards: SHARDS,
      ...("rate" in load.pace
        ? { rate: load.pace.rate }
        : { batchSize: load.pace.batchSize, batchDelayMs: load.pace.batchDelay }),
      retries: load.retries,
      retryDelayMs: load.retryDelay,
      reachWithinMs: load.reachWithin,
      holdMs: load.hold,
      sources: SOURCE_IPS,
      onExhausted: EXHAUSTED,
      timeouts: {
        resolveMs: CONNECT_TIMEOUT,
        tcpMs: CONNECT_TIMEOUT,
        tlsMs: CONNECT_TIMEOUT,
        upgradeMs: CONNECT_TIMEOUT,
      },
      messagesPerSecond: MESSAGES_PER_SECOND,
    });
    return {
      load: `${load.connections} connections, ${describePace(load)}, held for ${formatDuration(load.hold)}`,
      size: load.connections,
      shards: SHARDS,
      servers: SERVERS.length > 0 ? SERVERS : [WS_URL],
      duration: ms(ramp + load.hold),
      longest: ms(load.reachWithin + load.hold),
      drive: () => swarm.run(),
      engine: { distributions, version },
      notes: reachedIn,
    };
  });
}

/** When the last connection is meant to begin. */
function rampOf({ connections, pace }: SwarmLoad): Ms {
  if ("rate" in pace) return ms(((connections - 1) * 1_000) / pace.rate);
  return ms(Math.floor((connections - 1) / pace.batchSize) * pace.batchDelay);
}

function describePace({ pace }: SwarmLoad): string {
  return "rate" in pace
    ? `${pace.rate} in a second`
    : `${pace.batchSize} at once, then ${formatDuration(pace.batchDelay)} of waiting`;
}

/** How fast the number was reached, by the shard that came there last. */
function reachedIn(metrics: Readonly<Record<string, MetricSummary>>): string[] {
  const { ws_time_to_reach_ms: reach, ws_sessions_opened: opened } = metrics;
  if (reach?.kind !== "trend" || !reach.max || opened?.kind !== "counter") return [];
  const perSecond = opened.count / (reach.max / 1_000);
  return [
    `${opened.count} connections were open after ${number(reach.max)} ms: ${number(perSecond)} in a second`,
  ];
}
