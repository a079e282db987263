import type { WebSocket as EngineSocket } from "k6/x/realtime";
import {
  type Control,
  expectedOutcomes,
  type Phase,
  type Published,
  SLOW_READER_MEANINGS,
  SLOW_READER_OUTCOMES,
  type Slowness,
  withheldSince,
} from "../backpressure.ts";
import type { MetricName } from "../metrics.ts";
import { outcomeLimits, outcomeNotes } from "../outcomes.ts";
import { steady } from "../pacing.ts";
import type { SettingName, Settings } from "../settings.ts";
import { type Duration, durationsOf, formatDuration, type Ms, ms, type WithDurations } from "../units.ts";
import { callAt, every, now, sleepUntil } from "./clock.ts";
import { CONNECTION_METRICS } from "./connection.ts";
import type { Shard } from "./plan.ts";
import { PROBE_METRICS } from "./probes.ts";
import { publishWhenDue, randomMark } from "./publish.ts";
import { Reader, type Room } from "./reader.ts";
import { realtime } from "./realtime.ts";
import { requireOneConnection, requireProbe, requirePublications } from "./requirements.ts";
import { scenario } from "./scenario.ts";
import type { ScenarioSpec } from "./scenario-spec.ts";
import { engineSocket } from "./socket.ts";

type Needs = "EXPECT" | "CONNECT_TIMEOUT" | "REPLY_TIMEOUT" | "PAYLOAD_BYTES";

/** One room in which some readers become slow. */
export interface BackpressureSpec<N extends SettingName> extends ScenarioSpec<N> {
  trial(settings: Settings<N>): GivenTrial;
}

export interface Trial {
  readonly healthy: number;
  readonly slow: number;
  readonly slowness:
    | { readonly mode: "stop" | "stop-and-go" }
    | { readonly mode: "trickle"; readonly bytesPerSecond: number };
  /** Asked of the kernel for each slow reader; 0: its own choice. */
  readonly receiveBufferBytes: number;
  readonly phases: Readonly<Record<Phase, Ms>>;
  /** Publications in a second, outside of the burst and in it. */
  readonly rate: number;
  readonly burst: { readonly rate: number; readonly bytes: number };
  /** Between two probes of a healthy reader. */
  readonly probeInterval: Ms;
  /** By how much the 95th percentile of a healthy reader's times may rise. */
  readonly allowance: Ms;
}

/** The same as scripts may give it: `{ probeInterval: "250ms", … }`. */
export type GivenTrial = WithDurations<Omit<Trial, "phases">> & {
  readonly phases: Readonly<Record<Phase, Duration>>;
};

const trialOf = ({ phases, ...rest }: GivenTrial): Trial => ({
  ...durationsOf<Omit<Trial, "phases">>(rest, "probeInterval", "allowance"),
  phases: durationsOf<Trial["phases"]>(phases, ...(Object.keys(phases) as Phase[])),
});

const BACKPRESSURE_METRICS = [
  ...CONNECTION_METRICS,
  ...PROBE_METRICS,
  "ws_tcp_connections", // its sockets are the engine's on every k6
  "ws_publications",
  "ws_fanout_lag_ms",
  "ws_messages_reordered",
  "ws_messages_foreign",
  "ws_outcomes",
  "ws_slow_reader_held_ms",
  "ws_slow_reader_held_bytes",
  "ws_slow_reader_unread_bytes",
  "ws_slow_reader_catch_up_ms",
  "ws_readers_harmed",
] as const satisfies readonly MetricName[];

/** With `stop-and-go`: so long without reading, then so long with. */
const STOP = ms(1_000);
const GO = ms(200);
/** How often the receive queue is looked at. */
const LOOK = ms(250);
/** More than this may not wait for a server that does not read from its publisher. */
const UNSENT_BYTES = 524_288;

/** Everybody reads; some stop while much is published; they read again, and every publication is accounted for. */
export function backpressure<N extends SettingName>(spec: BackpressureSpec<N>) {
  const { WebSocket } = realtime(spec.name);
  const withNeeds = {
    ...spec,
    settings: ["EXPECT", ...spec.settings] as (N | Needs)[],
    publishers: "members" as const,
  };
  return scenario(withNeeds, BACKPRESSURE_METRICS, (settings, protocol) => {
    const { EXPECT, CONNECT_TIMEOUT, REPLY_TIMEOUT, PAYLOAD_BYTES } = settings as unknown as Settings<Needs>;
    const trial = trialOf(spec.trial(settings as unknown as Settings<N>));
    requireOneConnection(protocol, spec.name);
    requireProbe(protocol);
    requirePublications(protocol);
    const allowed = expectedOutcomes(EXPECT);
    const { baseline, pause, burst, hold, resume, drain } = trial.phases;
    const duration = ms(baseline + 2 * burst + pause + hold + resume);
    return {
      load: `${trial.slow} slow readers (${trial.slowness.mode}) beside ${trial.healthy} others for ${formatDuration(duration)}; right: ${allowed.join(" or ")}`,
      size: 1, // what was published and what came must meet
      connections: 1 + trial.healthy + trial.slow,
      connect: engineSocket(WebSocket),
      variables: () => ({ room: "load-test-backpressure-check" }),
      duration,
      longest: ms(CONNECT_TIMEOUT + duration + 2 * drain),
      limits: {
        ...outcomeLimits(allowed, SLOW_READER_OUTCOMES, trial.slow),
        // A room that may wait for its slow readers is one in which all are slowed down.
        ...((EXPECT === "" || !allowed.includes("blocked")) && { ws_readers_harmed: ["count==0"] }),
      },
      notes: (metrics) => outcomeNotes(metrics, SLOW_READER_MEANINGS),
      drive: (shard, origin) =>
        drive(shard, origin, trial, {
          connect: CONNECT_TIMEOUT,
          reply: REPLY_TIMEOUT,
          bytes: PAYLOAD_BYTES,
          WebSocket,
        }),
    };
  });
}

interface TrialContext {
  readonly connect: Ms;
  readonly reply: Ms;
  /** Filler of the messages outside of the burst. */
  readonly bytes: number;
  readonly WebSocket: typeof EngineSocket;
}

async function drive(shard: Shard, origin: Ms, trial: Trial, around: TrialContext): Promise<void> {
  const { record } = shard;
  const { phases } = trial;
  const published: Published[] = [];
  const room: Room = {
    mark: randomMark(),
    published,
    phase: "baseline",
    WebSocket: around.WebSocket,
    receiveBufferBytes: trial.receiveBufferBytes,
    intended: origin,
    connectBy: ms(origin + around.connect),
    // Later than any end below, even where the generator is late.
    latestEnd: ms(origin + 2 * (around.connect + total(phases) + phases.burst + phases.drain)),
    replyTimeout: around.reply,
    probeInterval: trial.probeInterval,
  };
  const publisher = new Reader(shard, 0, "publisher", room);
  const healthy = Array.from({ length: trial.healthy }, (_, i) => new Reader(shard, 1 + i, "healthy", room));
  const slow = Array.from(
    { length: trial.slow },
    (_, i) => new Reader(shard, 1 + trial.healthy + i, "slow", room),
  );
  const readers = [...healthy, ...slow];
  const control = new Reader(shard, 1 + trial.healthy + trial.slow, "control", room);
  const all = [publisher, ...readers, control];
  await Promise.all(all.map(({ joined }) => joined));

  if (publisher.open && healthy.some(({ open }) => open)) {
    const present = slow.filter(({ open }) => open);
    await publish(phases.baseline, trial.rate, around.bytes);
    await publish(phases.burst, trial.burst.rate, trial.burst.bytes);
    await whole(healthy.concat(slow));

    room.phase = "pause";
    const readAgain: Ms[] = [];
    const from = now();
    const isControlled = control.open;
    // Who reads slowly answers, though late; who does not read answers nothing.
    if (trial.slowness.mode === "stop") control.mute(true);
    const release = slowDown(present, trial.slowness, () => readAgain.push(now()));
    const stopLooking = every(LOOK, () => {
      for (const reader of present) reader.lookAtQueue();
    });
    await publish(phases.pause, trial.rate, around.bytes);
    room.phase = "burst";
    await publish(phases.burst, trial.burst.rate, trial.burst.bytes);
    room.phase = "hold";
    await publish(phases.hold, trial.rate, around.bytes);
    room.phase = "resume";
    const to = now();
    release();
    control.mute(false);
    await publish(phases.resume, trial.rate, around.bytes);
    room.phase = "drain";
    await whole(readers);
    stopLooking();

    const others = healthy.map(({ reading }) => reading);
    const [othersWaitedSince] = readAgain
      .map((moment) => withheldSince(others, published, from, moment, trial.allowance))
      .filter((since) => since !== undefined);
    const slowness: Slowness = { from, to, othersWaitedSince };
    for (const reader of healthy) reader.judgeHarm(trial.allowance, published.length);
    const compared: Control = { ready: isControlled, endedAt: control.endedAt };
    for (const reader of slow) reader.judgeSlowness(present.includes(reader), slowness, compared);
  } else {
    console.warn("the publisher or all healthy readers were not ready: nothing was tried");
    record("ws_outcomes", slow.length, { outcome: "not_ready" });
  }
  for (const reader of all) reader.finish();
  await Promise.all(all.map(({ closed }) => closed));

  async function publish(duration: Ms, rate: number, bytes: number): Promise<void> {
    const payload = "x".repeat(bytes);
    const start = now();
    await publishWhenDue(steady(start, rate, duration), record, (due, at) => {
      if (!publisher.open) return "over";
      if (publisher.unsentBytes > UNSENT_BYTES) {
        record("ws_message_errors", 1, { reason: "unsent" });
        return "left-out";
      }
      const seq = published.push({ due, at, bytes, phase: room.phase });
      publisher.publish({ id: `${room.mark}-${seq}`, seq, payload });
      return "published";
    });
    if (publisher.open) await sleepUntil(ms(start + duration));
  }

  /** Waits until all connected readers have the last publication, `DRAIN` at most. */
  async function whole(waited: readonly Reader[]): Promise<void> {
    const until = now() + phases.drain;
    while (now() < until && waited.some((reader) => reader.lacks(published.length))) {
      await sleepUntil(ms(now() + 20));
    }
  }
}

const total = (phases: Trial["phases"]): number =>
  Object.values(phases).reduce((sum, phase) => sum + phase, 0);

/** Makes readers slow. Returns what lets them read again; `onReading` hears of each time that they do. */
function slowDown(
  readers: readonly Reader[],
  slowness: Trial["slowness"],
  onReading: () => void,
): () => void {
  const stop = () => {
    for (const { socket } of readers) socket?.pause();
  };
  const go = () => {
    onReading();
    for (const { socket } of readers) socket?.resume();
  };
  if (slowness.mode === "trickle") {
    for (const { socket } of readers) socket?.setReadRate(slowness.bytesPerSecond);
    return () => {
      onReading();
      for (const { socket } of readers) socket?.setReadRate(0);
    };
  }
  stop();
  if (slowness.mode === "stop") return go;
  let reading = false;
  let endWait = callAt(ms(now() + STOP), turn);
  function turn(): void {
    reading = !reading;
    if (reading) go();
    else stop();
    endWait = callAt(ms(now() + (reading ? GO : STOP)), turn);
  }
  return () => {
    endWait();
    go();
  };
}
