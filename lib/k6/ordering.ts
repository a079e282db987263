import { counted } from "../counted.ts";
import { RoomOrder } from "../order.ts";
import { Grid } from "../pacing.ts";
import type { Effect, Protocol } from "../protocols/index.ts";
import {
  type NoSettings,
  type OwnSettings,
  type SettingName,
  type Settings,
  SettingsError,
  type Values,
} from "../settings.ts";
import type { Thresholds } from "../summary/summarize.ts";
import { durationsOf, formatDuration, type Ms, ms, type WithDurations } from "../units.ts";
import { now, sleepUntil } from "./clock.ts";
import { CONNECTION_METRICS, Connection } from "./connection.ts";
import type { Shard } from "./plan.ts";
import { publishWhenDue, randomMark } from "./publish.ts";
import { requirePublications } from "./requirements.ts";
import { scenario } from "./scenario.ts";
import type { ScenarioSpec } from "./scenario-spec.ts";

type Needs = "PAYLOAD_BYTES" | "CONNECT_TIMEOUT" | "REPLY_TIMEOUT";

/** Rooms in which everybody publishes, each with a sequence of their own. */
export interface OrderingSpec<N extends SettingName, O extends OwnSettings = NoSettings>
  extends ScenarioSpec<N, O> {
  talk(settings: Values<N, O>): WithDurations<Talk>;
}

export interface Talk {
  readonly connections: number;
  /** Each room is whole in one virtual user, which sees its publications and its deliveries. */
  readonly rooms: number;
  /** For how long everybody publishes. */
  readonly duration: Ms;
  /** Time between two publications of one connection. */
  readonly interval: Ms;
  /** What the server promises. */
  readonly guarantee: "exactly-once" | "at-least-once" | "at-most-once";
}

const ORDERING_METRICS = [
  ...CONNECTION_METRICS,
  "ws_publications",
  "ws_fanout_lag_ms",
  "ws_delivery_success_rate",
  "ws_messages_lost",
  "ws_messages_duplicated",
  "ws_messages_reordered",
  "ws_messages_crossed",
  "ws_messages_foreign",
] as const;

/** Everybody joins, everybody publishes, and every delivery is accounted for. */
export function ordering<N extends SettingName = never, O extends OwnSettings = NoSettings>(
  spec: OrderingSpec<N, O>,
) {
  const described = { ...spec, publishers: "apart" as const };
  return scenario(described, ORDERING_METRICS, (settings: Values<N | Needs, O>, protocol) => {
    const { PAYLOAD_BYTES, CONNECT_TIMEOUT, REPLY_TIMEOUT } = settings as unknown as Settings<Needs>;
    const talk = durationsOf<Talk>(spec.talk(settings), "duration", "interval");
    requirePublications(protocol);
    if (talk.rooms > talk.connections) {
      throw new SettingsError(`ROOMS: expected at most CONNECTIONS (${talk.connections}), got ${talk.rooms}`);
    }
    const timing = { payload: "x".repeat(PAYLOAD_BYTES), connect: CONNECT_TIMEOUT, drain: REPLY_TIMEOUT };
    const { publisher } = protocol;
    return {
      load: `${talk.connections} connections${publisher ? " and a publisher for each" : ""} in ${counted(talk.rooms, "room")}, each publishing every ${formatDuration(talk.interval)} for ${formatDuration(talk.duration)}`,
      size: talk.rooms,
      connections: (publisher ? 2 : 1) * talk.connections,
      publishersApart: publisher !== undefined,
      variables: () => ({ room: "load-test-order-0-check" }),
      duration: ms(talk.duration + timing.drain),
      longest: ms(timing.connect + talk.duration + timing.drain),
      limits: promises(talk),
      async drive(shard, origin) {
        const rooms: Promise<void>[] = [];
        for (let room = shard.index; room < talk.rooms; room += shard.of) {
          rooms.push(driveRoom(shard, room, origin, talk, timing));
        }
        await Promise.all(rooms);
      },
    };
  });
}

const promises = ({ guarantee }: Talk): Thresholds => ({
  ...(guarantee !== "at-least-once" && { ws_messages_duplicated: ["count==0"] }),
  ...(guarantee !== "at-most-once" && { ws_messages_lost: ["count==0"] }),
});

async function driveRoom(
  { identity, protocol, record }: Shard,
  room: number,
  origin: Ms,
  { connections, rooms, duration, interval }: Talk,
  { payload, connect, drain }: { payload: string; connect: Ms; drain: Ms },
): Promise<void> {
  const mark = randomMark();
  const indices: number[] = [];
  for (let index = room; index < connections; index += rooms) indices.push(index);
  const order = new RoomOrder(indices.length);
  /** When each publisher's messages were due, by their sequence. */
  const dueTimes: Ms[][] = indices.map(() => []);
  /** Publications by HTTP that the server has not answered yet, or did not take. */
  const untaken = new Set<{ readonly publisher: number; readonly seq: number }>();
  // Later than any end below, even where the generator is late.
  const latestEnd = ms(origin + 2 * (connect + duration + drain));
  const joined: Promise<unknown>[] = [];

  /** A connection, and what it does with what it hears. */
  const join = (index: number, as: Protocol, hear: (effect: Effect) => void) => {
    let ready = () => {};
    const isReady = new Promise<void>((resolve) => {
      ready = resolve;
    });
    const connection = new Connection({
      ...identity(index, { room: `load-test-order-${room}-${mark}` }, as),
      protocol: as,
      onlyPublishes: as !== protocol,
      replyTimeout: drain,
      intended: origin,
      connectBy: ms(origin + connect),
      end: latestEnd,
      record,
      observe(effect) {
        if (effect.kind === "ready") ready();
        hear(effect);
      },
    });
    joined.push(Promise.race([isReady, connection.outcome]));
    return connection;
  };
  const members = indices.map((index, subscriber) =>
    join(index, protocol, (effect) => {
      if (effect.kind !== "delivery") return;
      const [owner, publisher, seq] = (effect.id ?? "").split("-");
      const arrival = owner === mark ? order.arrive(subscriber, Number(publisher), Number(seq)) : "foreign";
      if (arrival !== "in-order") record(`ws_messages_${arrival}`, 1);
      if (arrival === "foreign" || arrival === "duplicated") return;
      const lag = effect.at - dueTimes[Number(publisher)]![Number(seq) - 1]!;
      record("ws_fanout_lag_ms", lag);
      record("ws_delivery_success_rate", true); // what has not come by the end has failed
    }),
  );
  const { publisher: publishing } = protocol;
  /** Everybody, unless publishers have connections of their own. */
  const publishers = publishing
    ? indices.map((index) => join(connections + index, publishing, () => {}))
    : members;

  // A publication made before everybody has joined would be due to some only.
  await Promise.all(joined);
  const start = now();
  const present = members.map(({ open }) => open);
  await Promise.all(publishers.map((connection, publisher) => publishAll(connection, publisher)));
  await sleepUntil(ms(Math.max(start + duration, now()) + drain));
  for (const { publisher, seq } of untaken) order.withdraw(publisher, seq);
  for (const [subscriber, member] of members.entries()) {
    if (present[subscriber]) {
      const lost = order.lost(subscriber);
      record("ws_messages_lost", lost);
      for (let i = 0; i < lost; i++) record("ws_delivery_success_rate", false);
      record("ws_messages_crossed", order.crossed(subscriber));
    }
    member.finish();
  }
  for (const publisher of publishers) publisher.finish();
  await Promise.all([...members, ...publishers].map(({ closed }) => closed));

  function publishAll(connection: Connection, publisher: number): Promise<void> {
    const phase = Math.random() * interval;
    const grid = new Grid(ms(start + phase), interval, ms(start + duration));
    return publishWhenDue(grid, record, (due) => {
      if (!connection.open) return "over";
      const seq = order.next(publisher);
      dueTimes[publisher]!.push(due);
      const publication = { publisher, seq };
      untaken.add(publication);
      void connection.publish({ id: `${mark}-${publisher}-${seq}`, seq, payload }).then((isTaken) => {
        if (isTaken) untaken.delete(publication);
      });
      return "published";
    });
  }
}
