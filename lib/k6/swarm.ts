import { type CompressionSettings, compressionOf } from "../compression.ts";
import { counted } from "../counted.ts";
import { type HttpSettings, httpVersionOf } from "../http-version.ts";
import {
  type Endpoint,
  endpointsOf,
  handshakeTemplate,
  type IdentitySettings,
  publicationTemplates,
  publishersEndpointsOf,
} from "../identity.ts";
import type { MetricName } from "../metrics.ts";
import { notesOnTimes } from "../notes.ts";
import type { Backoff } from "../pacing.ts";
import { type Protocol, subscriberOf } from "../protocols/index.ts";
import { type SettingName, type Settings, SettingsError } from "../settings.ts";
import { mostSteps, type Sizes, type Steps, type StepsOf, sizesOf } from "../steps.ts";
import type { MetricSummary, Summary } from "../summary/summary.ts";
import { number } from "../summary/verdict.ts";
import { durationsOf, formatDuration, type Ms, ms, type WithDurations } from "../units.ts";
import { isEventStream } from "../url.ts";
import { CLOSE_TIMEOUT } from "./connection.ts";
import { STREAM_METRICS } from "./event-times.ts";
import type { Beside, Shard } from "./plan.ts";
import { PROBE_METRICS } from "./probes.ts";
import { realtime } from "./realtime.ts";
import { requireDescriptor, requireOneConnection, requireProbe } from "./requirements.ts";
import { scenario } from "./scenario.ts";
import type { ScenarioSpec } from "./scenario-spec.ts";
import { engineSocket, type SocketOptions } from "./socket.ts";
import { LOGINS_AT_ONCE, loginsOf } from "./swarm-login.ts";

type Needs = (typeof NEEDS)[number];

/** Settings of every swarm. */
const NEEDS = [
  "CONNECT_TIMEOUT",
  "SHARDS",
  "SERVERS",
  "SOURCE_IPS",
  "ON_EXHAUSTED",
  "PRIORITY",
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
  "ws_tcp_connections",
  "ws_message_bytes",
  "ws_wire_bytes",
  "ws_sessions_compressed",
  "ws_message_errors",
  "ws_generator_delay_ms",
  "ws_arrivals_uncertain",
  "ws_unmeasured",
] as const satisfies readonly MetricName[];

/** What it records beside where something tells when a delivery was published. */
const LAG_METRICS = ["ws_fanout_lag_ms", "ws_fanout_server_lag_ms"] as const satisfies readonly MetricName[];

/** And where it is known what each subscriber is to hear. */
const ACCOUNT_METRICS = [
  "ws_delivery_success_rate",
  "ws_messages_lost",
  "ws_messages_duplicated",
  "ws_messages_late",
] as const satisfies readonly MetricName[];

/** And where that is published here. */
const PUBLISHING_METRICS = [
  "ws_fanout_spread_ms",
  "ws_publications",
  "ws_messages_reordered",
  "ws_messages_foreign",
] as const satisfies readonly MetricName[];

/** What it records when the connections ask: all that {@link Client}s record, too. */
const PROBING_METRICS = [
  ...SWARM_METRICS,
  ...PROBE_METRICS,
  "ws_deliveries",
  "ws_reconnects",
  "ws_reconnect_time_ms",
] as const satisfies readonly MetricName[];

/** Many connections, opened, held and watched by the extension's engine. */
export interface SwarmSpec<N extends SettingName> extends ScenarioSpec<N> {
  load(settings: Settings<N>): GivenSwarmLoad;
  /** Variables of the protocol: a text for all connections, or texts that they take in turn. */
  variables(settings: Settings<N>): Readonly<Record<string, string | readonly string[]>>;
  /** The activity of the connections while they are held. At most one is given; absent, they do nothing. */
  fanOut?(settings: Settings<N>): WithDurations<FanOutLoad>;
  probing?(settings: Settings<N>): GivenProbing;
  /** What runs beside the swarm, and what it records. Absent: nothing. */
  beside?(settings: Settings<N>): BesideSwarm;
  /** Which of its settings takes several values, one after the other. Absent, or of no sizes: none. */
  climb?(settings: Settings<N>): Climb;
}

/** What runs beside a swarm, when its connections are planned to be open, for as long as they are held. */
export interface BesideSwarm extends Omit<Beside, "drive"> {
  readonly metrics: readonly MetricName[];
  /** In words that go on from the swarm's. */
  readonly load: string;
  /** Connections of its own, numbered after the swarm's. */
  readonly connections: number;
  /** How long after the swarm's hold it may end. */
  readonly drain: Ms;
  drive(
    shard: Shard,
    when: { readonly start: Ms; readonly hold: Ms; readonly firstConnection: number },
    connect: NonNullable<SocketOptions["connect"]>,
  ): Promise<unknown>;
  notes(metrics: Summary["metrics"]): string[];
}

/** A load that grows. */
export interface Climb {
  readonly steps: Steps;
  /** What sizes are multiples of. Default 1. */
  readonly multiple?: number;
  readonly setting: "CONNECTIONS" | "PUBLISH_RATE";
  /** The unit of the sizes. */
  readonly of: StepsOf;
  /** What all steps have in common, in words: `in 1 room`. */
  readonly fixed: string;
}

/** Rooms and who publishes into them. */
export interface FanOutLoad {
  readonly rooms: number;
  /** Beside the subscribers, a multiple of the rooms; 0 only listens. */
  readonly publishers: number;
  /** Publications in a second, of all publishers together. */
  readonly rate: number;
  readonly payloadBytes: number;
  /** How long after its due time a delivery counts as late, and how long the last are waited for. */
  readonly timeout: Ms;
  /** Subscribers that leave in a second, each to come back at once. */
  readonly churn: number;
}

/** What each connection asks, and how often. */
export interface ProbingLoad {
  readonly interval: Ms;
  readonly payloadBytes: number;
  /** How long after its due time a reply counts as late, and how long the last are waited for. */
  readonly timeout: Ms;
  /** How those come back that dropped. */
  readonly backoff: Backoff;
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

type Batches = Extract<SwarmLoad["pace"], { batchSize: number }>;

/** The same as scripts may give it: `{ hold: "1m", … }`. */
export type GivenSwarmLoad = WithDurations<Omit<SwarmLoad, "pace">> & {
  readonly pace: Exclude<SwarmLoad["pace"], Batches> | WithDurations<Batches>;
};
/** The same as scripts may give it: `{ interval: "10s", … }`. */
export type GivenProbing = WithDurations<Omit<ProbingLoad, "backoff">> & {
  readonly backoff: WithDurations<Backoff>;
};

const swarmLoadOf = ({ pace, ...rest }: GivenSwarmLoad): SwarmLoad => ({
  ...durationsOf<Omit<SwarmLoad, "pace">>(rest, "retryDelay", "reachWithin", "hold"),
  pace: "batchSize" in pace ? durationsOf<Batches>(pace, "batchDelay") : pace,
});

const probingOf = ({ backoff, ...rest }: GivenProbing): ProbingLoad => ({
  ...durationsOf<Omit<ProbingLoad, "backoff">>(rest, "interval", "timeout"),
  backoff: durationsOf<Backoff>(backoff, "base", "cap"),
});

/** A swarm: reaches a number of connections, holds them, counts what drops. */
export function swarm<N extends SettingName>(spec: SwarmSpec<N>) {
  const extension = realtime(spec.name);
  const { Swarm, WebSocket, distributions, steps, version } = extension;
  const socket = engineSocket(WebSocket);
  const withNeeds = {
    ...spec,
    settings: [...NEEDS, ...spec.settings] as (N | Needs)[],
    extension,
    ...(spec.fanOut && !spec.beside && { publishers: "apart" as const }),
  };

  return scenario(withNeeds, SWARM_METRICS, (settings, protocol, users, checks, login) => {
    requireDescriptor(protocol, spec.name);
    if (spec.beside) requireOneConnection(protocol, spec.name);
    const {
      AUTH,
      WS_URL,
      SERVERS,
      PUBLISH_URL,
      CONNECT_TIMEOUT,
      SHARDS,
      SOURCE_IPS,
      ON_EXHAUSTED,
      PRIORITY,
      MESSAGES_PER_SECOND,
      MESSAGE_BYTES,
      BUFFERED_BYTES,
    } = settings as unknown as Settings<
      Needs | "AUTH" | "WS_URL" | "PUBLISH_URL" | "MESSAGE_BYTES" | "BUFFERED_BYTES"
    >;
    const own = spec.variables(settings as Settings<N>);
    const handshakeOf = (as: Protocol, endpoints: readonly Endpoint[]) =>
      handshakeTemplate(
        settings as unknown as IdentitySettings & Settings<"SERVERS">,
        as,
        users,
        Object.keys(own),
        login?.variables,
        endpoints,
      );
    const endpoints = endpointsOf({ WS_URL, SERVERS });
    const { variables, authenticate, ...handshake } = handshakeOf(protocol, endpoints);
    const publishUrls = publicationTemplates(
      settings as unknown as IdentitySettings,
      protocol,
      users,
      Object.keys(own),
      login?.variables,
    );
    const descriptor = subscriberOf(protocol.descriptor);
    const publishing =
      protocol.publisher &&
      handshakeOf(protocol.publisher, publishersEndpointsOf({ WS_URL, SERVERS, PUBLISH_URL }));
    const publisher = publishing && {
      protocol: protocol.publisher!.descriptor,
      servers: publishing.servers,
      subprotocols: publishing.subprotocols,
    };
    const variablesOf = (connection: number) =>
      Object.fromEntries(
        Object.entries(own).map(([name, value]) => [name, valueFor(value, connection)] as const),
      );
    const logIn = (shard: Shard, publishersFrom: number) =>
      login &&
      loginsOf(
        shard,
        login,
        variablesOf,
        publishersFrom,
        publishing !== undefined && PUBLISH_URL.length > 0,
        protocol.descriptor.refresh !== undefined,
      );

    /** One load, as the settings state it. */
    const loadOf = (stated: Settings<N>, size?: number) => {
      const load = swarmLoadOf(spec.load(stated));
      const asked = { fanOut: spec.fanOut?.(stated), probing: spec.probing?.(stated) };
      const fanOut = asked.fanOut && durationsOf<FanOutLoad>(asked.fanOut, "timeout");
      const probing = asked.probing && probingOf(asked.probing);
      const ramp = rampOf(load);
      if (load.reachWithin < ramp) {
        throw new SettingsError(
          `REACH_TIMEOUT: expected at least the time that the connections take to begin (${formatDuration(ramp)}), got ${formatDuration(load.reachWithin)}`,
        );
      }
      if (fanOut) requireWholeRooms(load, fanOut, SHARDS);
      if (fanOut?.publishers === 0 && PUBLISH_URL.length > 0) {
        throw new SettingsError(
          "PUBLISH_URL: expected none with PUBLISHERS=0, since nobody publishes, got one",
        );
      }
      if (probing) {
        requireProbe(protocol);
        requireTimeForProbes(load, probing);
      }
      if (AUTH === "message" && !fanOut && !probing) {
        throw new SettingsError(
          "AUTH: expected header, query or cookie, since this scenario sends no messages, got message",
        );
      }
      const swarm = new Swarm({
        ...handshake,
        ...(size !== undefined && { step: String(size) }),
        variables: { ...variables, ...spec.variables(stated) },
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
        onExhausted: ON_EXHAUSTED,
        priority: PRIORITY,
        ...compressionOf(settings as unknown as CompressionSettings),
        ...httpVersionOf(settings as unknown as HttpSettings),
        messageBytes: MESSAGE_BYTES,
        bufferedBytes: BUFFERED_BYTES,
        timeouts: {
          resolveMs: CONNECT_TIMEOUT,
          tcpMs: CONNECT_TIMEOUT,
          proxyMs: CONNECT_TIMEOUT,
          tlsMs: CONNECT_TIMEOUT,
          upgradeMs: CONNECT_TIMEOUT,
        },
        messagesPerSecond: MESSAGES_PER_SECOND,
        ...(login && { loginVariables: login.variables }),
        ...(checks?.engine && { contract: checks.engine }),
        ...(fanOut && {
          fanOut: {
            protocol: descriptor,
            ...(publisher && fanOut.publishers > 0 && { publisher }),
            ...(publishUrls.length > 0 && { publishUrls }),
            authenticate,
            rooms: fanOut.rooms,
            publishers: fanOut.publishers,
            ...(fanOut.publishers > 0 && { publicationsPerSecond: fanOut.rate }),
            payloadBytes: fanOut.payloadBytes,
            forMs: load.hold,
            timeoutMs: fanOut.timeout,
            churnPerSecond: fanOut.churn / SHARDS,
          },
        }),
        ...(probing && {
          probing: {
            protocol: descriptor,
            authenticate,
            intervalMs: probing.interval,
            payloadBytes: probing.payloadBytes,
            forMs: load.hold,
            timeoutMs: probing.timeout,
            backoffBaseMs: probing.backoff.base,
            backoffCapMs: probing.backoff.cap,
          },
        }),
      });
      const drain = (fanOut ?? probing)?.timeout ?? 0;
      return {
        size: size ?? load.connections,
        connections: load.connections + (fanOut?.publishers ?? 0),
        publishersApart: publisher !== undefined && (fanOut?.publishers ?? 0) > 0,
        pace: load.pace,
        load: `${load.connections} connections, ${describePace(load)}, ${describeHold(load, fanOut, probing)}`,
        metrics: [
          ...(probing ? PROBING_METRICS : metricsOf(load, fanOut, protocol)),
          ...(isEventStream(WS_URL) ? STREAM_METRICS : []),
        ],
        unknown: fanOut ? unknown(load, fanOut, protocol) : [],
        ramp,
        hold: load.hold,
        duration: ramp + load.hold,
        longest: load.reachWithin + (fanOut ? SESSION_WITHIN : 0) + load.hold + drain,
        drive: (shard: Shard) => swarm.run(logIn(shard, load.connections)),
      };
    };

    const beside = spec.beside?.(settings as Settings<N>);
    const climb = spec.climb?.(settings as Settings<N>);
    const planned = climb ? sizesOf(climb.steps, climb.multiple) : { coarse: [], all: [] };
    const sizes = planned.all;
    if (sizes.length > 0 && SHARDS > 1) {
      throw new SettingsError(
        `SHARDS: expected 1 with STEPS, since whether a step held is decided in one process, got ${SHARDS}`,
      );
    }
    const loads =
      climb && sizes.length > 0
        ? sizes.map((size) => loadOf({ ...(settings as Settings<N>), [climb.setting]: size }, size))
        : [loadOf(settings as Settings<N>)];
    const [first, ...later] = loads as [ReturnType<typeof loadOf>, ...ReturnType<typeof loadOf>[]];
    // One that leaves and comes back is opened more than once.
    const comeBack = (spec.fanOut?.(settings as Settings<N>).churn ?? 0) > 0;
    const stepGap = later.length * CLOSE_TIMEOUT;
    // A search tries some of the possible sizes: no more than this many, at worst the largest.
    const tried = sizes.length > 0 ? loads.slice(-mostSteps(planned)) : loads;
    return {
      load: [describeLoads(loads, planned), ...(beside ? [beside.load] : [])].join("; beside them "),
      size: first.size,
      connections: first.connections + (beside?.connections ?? 0),
      // Those of one step come again in the next.
      reusesCredentials: later.length > 0 || comeBack,
      connect: socket,
      variables: variablesOf,
      ...(login && { options: { batch: LOGINS_AT_ONCE, batchPerHost: LOGINS_AT_ONCE } }),
      metrics: [...new Set([...first.metrics, ...(beside?.metrics ?? [])])],
      // Who could not join is due nothing: what the others had would pass for all.
      ...(spec.fanOut && { limits: { "ws_message_errors{reason:session}": ["count==0"] } }),
      shards: SHARDS,
      servers: endpoints.map(({ url }) => url),
      publishersApart: first.publishersApart,
      duration: ms(tried.reduce((sum, { duration }) => sum + duration, 0)),
      longest: ms(tried.reduce((sum, { longest }) => sum + longest, stepGap) + (beside?.drain ?? 0)),
      drive: first.drive,
      ...(beside && {
        beside: {
          ...beside,
          drive: (shard: Shard, origin: Ms) => {
            const { ramp, hold } = first;
            return beside.drive(
              shard,
              { start: ms(origin + ramp), hold, firstConnection: first.connections },
              socket,
            );
          },
        },
      }),
      ...(climb && sizes.length > 0 && { steps: { ...climb, sizes: planned, each: loads } }),
      engine: { distributions, steps, version },
      notes: (metrics) => [
        ...(sizes.length === 0 && !comeBack ? reachedIn(first.pace, metrics) : []),
        ...(spec.fanOut || spec.probing ? [] : silence(protocol, metrics)),
        ...first.unknown,
        ...(beside?.notes(metrics) ?? []),
        ...notesOnTimes(metrics),
      ],
    };
  });
}

/** A variable as the engine fills it: a text for all connections, or texts that they take in turn. */
const valueFor = (value: string | readonly string[], connection: number): string =>
  typeof value === "string"
    ? value.replaceAll("${connection}", String(connection))
    : value[connection % value.length]!;

/** When the last connection is meant to begin. */
function rampOf({ connections, pace }: SwarmLoad): Ms {
  if ("rate" in pace) return ms(((connections - 1) * 1_000) / pace.rate);
  return ms(Math.floor((connections - 1) / pace.batchSize) * pace.batchDelay);
}

/** Of a search, no more than where it begins and ends. */
function describeLoads(loads: readonly { readonly load: string }[], { coarse, all }: Sizes): string {
  const shown = all.length > coarse.length ? [loads[0]!, loads.at(-1)!] : loads;
  return shown.map(({ load }) => load).join(shown === loads ? "; then " : "; up to ");
}

function describePace({ pace }: SwarmLoad): string {
  return "rate" in pace
    ? `${pace.rate} in a second`
    : `${pace.batchSize} at once, then ${formatDuration(pace.batchDelay)} of waiting`;
}

/** The longest that a session's steps may take before the publications begin. */
const SESSION_WITHIN = ms(60_000);

function describeHold(
  { hold }: SwarmLoad,
  fanOut: FanOutLoad | undefined,
  probing: ProbingLoad | undefined,
): string {
  if (probing)
    return `each with a probe every ${formatDuration(probing.interval)} for ${formatDuration(hold)}`;
  if (!fanOut) return `held for ${formatDuration(hold)}`;
  const { rooms, publishers, rate } = fanOut;
  if (publishers === 0) return `listening for ${formatDuration(hold)}`;
  return `${rate} publications a second into ${counted(rooms, "room")} for ${formatDuration(hold)}`;
}

/** What the connections record: of a server that publishes by itself, no more than its deliveries tell. */
function metricsOf(
  load: SwarmLoad,
  fanOut: FanOutLoad | undefined,
  protocol: Protocol,
): readonly MetricName[] {
  if (!fanOut) return SWARM_METRICS;
  const { publishes, stamps, compares } = knowledgeOf(load, fanOut, protocol);
  return [
    ...SWARM_METRICS,
    "ws_deliveries",
    ...(publishes || stamps ? LAG_METRICS : []),
    ...(publishes || compares ? ACCOUNT_METRICS : []),
    ...(publishes ? PUBLISHING_METRICS : []),
  ];
}

/** By what a delivery can be judged. */
function knowledgeOf({ connections }: SwarmLoad, fanOut: FanOutLoad, { descriptor }: Protocol) {
  const deliveries = [descriptor.delivery ?? []].flat();
  const identifies = deliveries.some(({ id }) => id !== undefined);
  return {
    publishes: fanOut.publishers > 0,
    stamps: deliveries.some(({ sentAt }) => sentAt !== undefined),
    identifies,
    // Subscribers of one room are to hear the same.
    compares: identifies && connections > fanOut.rooms,
  };
}

/** What of a server that publishes by itself cannot be judged, and what the descriptor would have to say for it. */
function unknown(load: SwarmLoad, fanOut: FanOutLoad, protocol: Protocol): string[] {
  const { publishes, stamps, identifies } = knowledgeOf(load, fanOut, protocol);
  if (publishes) return [];
  return [
    ...(stamps ? [] : ["the lag is not judged: the protocol's delivery names no time stamp (sentAt)"]),
    ...(identifies
      ? []
      : ["missed deliveries are not counted: the protocol's delivery names no identifier (id)"]),
  ];
}

/** A room is in one process, which reads both ends of a publication from one clock; all rooms are alike. */
function requireWholeRooms({ connections }: SwarmLoad, { rooms }: FanOutLoad, shards: number): void {
  if (connections % rooms !== 0) {
    throw new SettingsError(`CONNECTIONS: expected a multiple of ROOMS (${rooms}), got ${connections}`);
  }
  if (rooms % shards !== 0) {
    throw new SettingsError(`ROOMS: expected a multiple of SHARDS (${shards}), got ${rooms}`);
  }
}

/** Each connection has one probe at least. */
function requireTimeForProbes({ hold }: SwarmLoad, { interval }: ProbingLoad): void {
  if (hold >= interval) return;
  throw new SettingsError(
    `DURATION: expected at least PROBE_INTERVAL (${formatDuration(interval)}), so that every connection has a probe, got ${formatDuration(hold)}`,
  );
}

/**
 * How fast the number was reached, by the shard that came there last; nothing where some opened more than once. The
 * time is that of those after the first, or the first batch, which begin at its start.
 */
function reachedIn(pace: SwarmLoad["pace"], metrics: Readonly<Record<string, MetricSummary>>): string[] {
  const { ws_time_to_reach_ms: reach, ws_sessions_opened: opened, ws_reconnects: again } = metrics;
  if (again?.kind === "counter" && again.count > 0) return [];
  if (reach?.kind !== "trend" || !reach.max || opened?.kind !== "counter") return [];
  const later = opened.count - ("rate" in pace ? 1 : pace.batchSize);
  const perSecond = later > 0 ? `: ${number(later / (reach.max / 1_000))} in a second` : "";
  const all = counted(opened.count, "connection was", "connections were");
  return [`${all} open after ${number(reach.max)} ms${perSecond}`];
}

/** Why a server may have closed connections that were only held: it wants what its protocol begins and goes on with. */
function silence({ descriptor }: Protocol, metrics: Readonly<Record<string, MetricSummary>>): string[] {
  const unsaid = [descriptor.session && "session", descriptor.heartbeat && "heartbeat"].filter(Boolean);
  const drops = metrics.ws_connection_drops;
  if (unsaid.length === 0 || drops?.kind !== "counter" || drops.count === 0) return [];
  return [
    `these connections sent nothing, so no ${unsaid.join(" and no ")} of ${descriptor.name}. A server that waits for one closes them. Use mass-soak, which sends both`,
  ];
}
