import { counted } from "../counted.ts";
import { variablesFrom } from "../identity.ts";
import { outcomeLimits, outcomeNotes } from "../outcomes.ts";
import { type Backoff, backoffMs, Grid } from "../pacing.ts";
import type { Captured, Protocol } from "../protocols/protocol.ts";
import { type Fate, GapAccount, RECONNECT_MEANINGS, RECONNECT_OUTCOMES } from "../reconnect.ts";
import {
  type NoSettings,
  type OwnSettings,
  type SettingName,
  type Settings,
  SettingsError,
  type Values,
} from "../settings.ts";
import { durationsOf, formatDuration, inMs, type Ms, ms, type WithDurations } from "../units.ts";
import { isEventStream } from "../url.ts";
import { callAt, now, sleepUntil } from "./clock.ts";
import { CONNECTION_METRICS, Connection } from "./connection.ts";
import type { Shard } from "./plan.ts";
import { Posts } from "./posts.ts";
import { publishWhenDue, randomMark } from "./publish.ts";
import { requireOneConnection, requirePublications } from "./requirements.ts";
import { scenario } from "./scenario.ts";
import type { ScenarioSpec } from "./scenario-spec.ts";

type Needs = "PAYLOAD_BYTES" | "CONNECT_TIMEOUT" | "REPLY_TIMEOUT";

/** Rooms with one publisher each, whose server cuts connections while messages go out. */
export interface ReconnectSpec<N extends SettingName, O extends OwnSettings = NoSettings>
  extends ScenarioSpec<N, O> {
  rooms(settings: Values<N, O>): GivenRooms;
}

export interface Rooms {
  readonly subscribers: number;
  /** Each room is whole in one virtual user, which sees its publications and its deliveries. */
  readonly rooms: number;
  /** For how long is published, once a room is whole. */
  readonly duration: Ms;
  /** Time between two publications into one room. */
  readonly interval: Ms;
  /** Whether publications made while a subscriber is away must reach it later. */
  readonly replay: "required" | "optional";
  /** How often this side cuts each subscriber's connection, evenly over the publications. */
  readonly cuts: number;
  readonly backoff: Backoff;
}

/** The same as scripts may give it: `{ duration: "1m", … }`. */
export type GivenRooms = WithDurations<Omit<Rooms, "backoff" | "cuts">> & {
  readonly backoff: WithDurations<Backoff>;
  /** Default 0. */
  readonly cuts?: number;
};

const RECONNECT_METRICS = [
  ...CONNECTION_METRICS,
  "ws_publications",
  "ws_reconnects",
  "ws_reconnect_time_ms",
  "ws_caught_up_ms",
  "ws_gap_messages",
  "ws_messages_lost",
  "ws_messages_duplicated",
  "ws_messages_reordered",
  "ws_messages_foreign",
  "ws_outcomes",
  "ws_unmeasured",
] as const;

/** Everybody stays for the whole run, coming back after each cut, and every message is accounted for. */
export function reconnect<N extends SettingName = never, O extends OwnSettings = NoSettings>(
  spec: ReconnectSpec<N, O>,
) {
  const described = { ...spec, publishers: "members" as const };
  return scenario(described, RECONNECT_METRICS, (settings: Values<N | Needs, O>, protocol) => {
    const { PAYLOAD_BYTES, CONNECT_TIMEOUT, REPLY_TIMEOUT } = settings as unknown as Settings<Needs>;
    const given = spec.rooms(settings);
    const rooms: Rooms = {
      ...given,
      cuts: given.cuts ?? 0,
      duration: inMs(given.duration, "duration"),
      interval: inMs(given.interval, "interval"),
      backoff: durationsOf<Backoff>(given.backoff, "base", "cap"),
    };
    requirePublications(protocol);
    requireOneConnection(protocol, spec.name);
    if (rooms.replay === "required" && !resumes(protocol, settings as Settings<"WS_URL" | "HEADERS">)) {
      throw new SettingsError(
        `PROTOCOL: expected a protocol with "resume" or with \${lastSeq} before it is ready, or REPLAY=optional, got "${protocol.name}" without`,
      );
    }
    if (rooms.rooms > rooms.subscribers) {
      throw new SettingsError(
        `ROOMS: expected at most CONNECTIONS (${rooms.subscribers}), got ${rooms.rooms}`,
      );
    }
    const timing = { payload: "x".repeat(PAYLOAD_BYTES), connect: CONNECT_TIMEOUT, drain: REPLY_TIMEOUT };
    return {
      load: `${rooms.subscribers} subscribers in ${counted(rooms.rooms, "room")}, each with a publication every ${formatDuration(rooms.interval)} for ${formatDuration(rooms.duration)}${rooms.cuts > 0 ? `, each subscriber cut off ${counted(rooms.cuts, "time")}` : ""}`,
      size: rooms.rooms,
      connections: rooms.subscribers,
      // Who is cut off comes back as itself.
      reusesCredentials: true,
      variables: () => ({ room: "load-test-reconnect-0-check" }),
      duration: ms(rooms.duration + timing.drain),
      longest: ms(2 * timing.connect + rooms.duration + 2 * timing.drain),
      limits: {
        ...(rooms.cuts > 0 && { ws_reconnects: [`count>=${rooms.subscribers * rooms.cuts}`] }),
        ...outcomeLimits(["came_back", "stayed"], RECONNECT_OUTCOMES, rooms.subscribers),
        "ws_gap_messages{fate:reordered}": ["count==0"],
        "ws_gap_messages{fate:repeated}": ["count==0"],
        ...(rooms.replay === "required" && { "ws_gap_messages{fate:lost}": ["count==0"] }),
      },
      notes: (metrics) => outcomeNotes(metrics, RECONNECT_MEANINGS),
      async drive(shard, origin) {
        const running: Promise<void>[] = [];
        for (let room = shard.index; room < rooms.rooms; room += shard.of) {
          running.push(driveRoom(shard, room, origin, rooms, timing));
        }
        await Promise.all(running);
      },
    };
  });
}

/** Whether who comes back says up to where it had messages. */
function resumes({ descriptor }: Protocol, { WS_URL, HEADERS }: Settings<"WS_URL" | "HEADERS">): boolean {
  if (isEventStream(WS_URL)) return true; // by Last-Event-ID
  const { path = "", session = [] } = descriptor;
  const said = [path, WS_URL, ...Object.values(HEADERS), ...session.map(({ send = "" }) => send)];
  return descriptor.resume !== undefined || said.some((text) => text.includes("${lastSeq}"));
}

async function driveRoom(
  { identity, protocol, record }: Shard,
  room: number,
  origin: Ms,
  { subscribers, rooms, duration, interval, backoff, cuts }: Rooms,
  { payload, connect, drain }: { payload: string; connect: Ms; drain: Ms },
): Promise<void> {
  const mark = randomMark();
  const variables = { room: `load-test-reconnect-${room}-${mark}` };
  let published = 0;
  let publishing = true;
  /** The last message that its publisher had back itself. */
  let confirmed = 0;
  /** Messages that the server may never have had. */
  const doubtful = new Set<number>();
  const seen = new Set<number>();
  /** The highest number among them. */
  let furthest = 0;
  const see = (seq: number) => {
    seen.add(seq);
    furthest = Math.max(furthest, seq);
  };
  // Later than the end below, even where the generator is late.
  const latestEnd = ms(origin + 2 * (2 * connect + duration + drain));

  const recordFate = (fate: Fate, count = 1) => record("ws_gap_messages", count, { fate });

  const accounts: GapAccount[] = [];
  const members: Member[] = [];
  for (let index = room; index < subscribers; index += rooms) {
    const account = new GapAccount();
    accounts.push(account);
    let awaySince: Ms | undefined;
    const noteCaughtUp = (at: Ms) => {
      if (awaySince === undefined || !account.caughtUp) return;
      record("ws_caught_up_ms", at - awaySince);
      awaySince = undefined;
    };
    members.push(
      stay(index, {
        dropped(at) {
          account.dropped();
          awaySince ??= at;
        },
        opened: (askedAfter) => account.opened(furthest, askedAfter),
        whole(at) {
          account.whole(published);
          noteCaughtUp(at);
        },
        delivered(seq, at) {
          see(seq);
          const came = account.arrive(seq);
          noteCaughtUp(at);
          if (came.fate) recordFate(came.fate);
          else if (came.arrival !== "in-order") record(`ws_messages_${came.arrival}`, 1);
        },
      }),
    );
  }
  await Promise.all(members.map(({ joined }) => joined));
  const publisher = stay(subscribers + room, {
    dropped() {
      if (protocol.descriptor.publish?.http) return; // its requests have answers of their own
      for (let seq = confirmed + 1; seq <= published; seq++) doubtful.add(seq);
      confirmed = published;
    },
    opened: () => {},
    whole: () => {},
    delivered(seq) {
      confirmed = Math.max(confirmed, seq);
      see(seq);
    },
  });
  await publisher.joined;

  const start = now();
  const present = members.map((member) => member.open());
  const cutting = members.map(cutAsPlanned);
  await publishAll();
  await Promise.all(cutting);
  publishing = false; // who is cut off later might not be back by the end
  // What this side published late has as long to come as the rest.
  await sleepUntil(ms(Math.max(start + duration, now()) + drain));
  const due = (seq: number) => seen.has(seq) || !doubtful.has(seq);
  for (const [subscriber, member] of members.entries()) {
    const outcome = member.outcome();
    record("ws_outcomes", 1, { outcome });
    if (member.owed() > 0) record("ws_unmeasured", member.owed(), { reason: "cuts" });
    if (!present[subscriber]) continue;
    const { inGap, outside } = accounts[subscriber]!.missing(published, due);
    recordFate("lost", inGap);
    record("ws_messages_lost", outside);
  }
  await Promise.all([...members, publisher].map((member) => member.leave()));

  function publishAll(): Promise<void> {
    const grid = new Grid(ms(start + Math.random() * interval), interval, ms(start + duration));
    return publishWhenDue(grid, record, () => {
      if (!publisher.open()) return "left-out"; // nobody published: nothing is due
      const seq = ++published;
      // Until its request is answered: one that was never taken is nobody's loss.
      doubtful.add(seq);
      void publisher.publish(`${mark}-${seq}`, seq).then((isTaken) => {
        if (isTaken) doubtful.delete(seq);
      });
      return "published";
    });
  }

  /** Cuts a client so often, evenly over the publications, each client at other times. */
  async function cutAsPlanned(member: Member, turn: number): Promise<void> {
    const phase = (turn + 0.5) / members.length;
    for (let cut = 0; cut < cuts; cut++) {
      await sleepUntil(ms(start + ((cut + phase) * duration) / cuts));
      member.cut();
    }
  }

  /** One client, from now until it leaves: after each cut it comes back and resumes. */
  function stay(index: number, observer: MemberObserver): Member {
    let current: Connection;
    let leaving = false;
    let wake = () => {};
    let wasReady = false;
    let reconnects = 0;
    let downSince: Ms | undefined;
    let retry = ms(0);
    const posts = new Posts();
    /** Whether it had a message: before, it could not say from where on it has missed any. */
    let hasPlace = false;
    /** Cuts that fell due while there was no session, or no place in the messages. */
    let owed = 0;
    let markJoined = () => {};
    const joined = new Promise<void>((resolve) => {
      markJoined = resolve;
    });
    const ready = () => {
      const at = now();
      if (downSince !== undefined) {
        reconnects++;
        record("ws_reconnects", 1);
        record("ws_reconnect_time_ms", at - downSince);
        downSince = undefined;
      }
      wasReady = true;
      observer.whole(at);
      markJoined();
      cutIfOwed();
    };
    const cutIfOwed = () => {
      if (owed === 0 || !publishing || !hasPlace || !current.open) return;
      owed--;
      current.sever();
    };

    const backOff = (until: Ms) =>
      new Promise<void>((resolve) => {
        const disarm = callAt(until, resolve);
        wake = () => {
          disarm();
          resolve();
        };
      });

    const over = (async () => {
      let intended = origin;
      let lastSeq: string | undefined;
      let captured: Captured = {};
      let lastEventId: string | undefined;
      /** The cursor, as it last moved, and the message that moved it. */
      let placed: string | undefined;
      let place: number | undefined;
      for (let attempt = 0; ; attempt++) {
        let begun = false;
        current = new Connection({
          ...identity(index, { ...variables, ...variablesFrom(lastSeq, captured) }),
          protocol,
          replyTimeout: drain,
          intended,
          connectBy: ms(now() + connect),
          end: ms(Math.max(latestEnd, now() + drain)),
          record,
          lastSeq,
          captured,
          lastEventId,
          posts,
          observe(effect) {
            if (!begun) {
              begun = true;
              observer.opened(place);
            }
            if (effect.kind === "ready") {
              attempt = 0;
              ready();
            }
            if (effect.kind !== "delivery") return;
            const [owner, number] = (effect.id ?? "").split("-");
            const seq = Number(number);
            if (owner !== mark || !(seq >= 1 && seq <= published)) {
              record("ws_messages_foreign", 1);
              return;
            }
            observer.delivered(seq, effect.at);
            if (current.lastSeq !== placed) {
              placed = current.lastSeq;
              place = seq;
            }
            if (hasPlace) return;
            hasPlace = true;
            cutIfOwed();
          },
        });
        const outcome = await current.outcome;
        lastSeq = current.lastSeq ?? lastSeq;
        captured = { ...captured, ...current.captured };
        const { resumption } = current;
        lastEventId = resumption?.lastEventId ?? lastEventId;
        if (outcome.kind === "planned") return current.closed;
        if (!wasReady) return markJoined();
        if (downSince === undefined) {
          downSince = outcome.at;
          observer.dropped(outcome.at);
        }
        // HTTP's word for an event stream that is not to be asked for again.
        if (outcome.kind === "failed" && outcome.reason === "http_204") return undefined;
        // As EventSource does: at first what the server asked for, then this side's own on top.
        const wait =
          attempt === 0 && resumption?.retryMs !== undefined ? 0 : backoffMs(backoff, attempt, Math.random());
        retry = resumption?.retryMs ?? retry;
        intended = ms(now() + Math.max(wait, retry));
        if (!leaving) await backOff(intended);
        if (leaving) return undefined;
      }
    })();

    return {
      joined,
      open: () => current.open,
      publish: (id, seq) => current.publish({ id, seq, payload }),
      cut() {
        owed++;
        cutIfOwed();
      },
      owed: () => owed,
      outcome() {
        if (!wasReady) return "not_ready";
        if (downSince !== undefined) return "gone";
        return reconnects > 0 ? "came_back" : "stayed";
      },
      leave() {
        leaving = true;
        posts.end();
        wake();
        current.finish();
        return over;
      },
    };
  }
}

interface MemberObserver {
  /** Its connection was cut. */
  dropped(at: Ms): void;
  /** A connection of its is open: its session begins, and asks for what came after a message where that is known. */
  opened(askedAfter: number | undefined): void;
  /** Its session is ready, for the first time or again. */
  whole(at: Ms): void;
  delivered(seq: number, at: Ms): void;
}

interface Member {
  /** It is ready for the first time, or never will be. */
  readonly joined: Promise<void>;
  open(): boolean;
  /** Resolves to whether the server took it. */
  publish(id: string, seq: number): Promise<boolean>;
  /** Cuts its connection, or its next one where it is away. */
  cut(): void;
  /** How many of these cuts it was never there for. */
  owed(): number;
  outcome(): (typeof RECONNECT_OUTCOMES)[number];
  /** Resolves when its connection is closed. */
  leave(): Promise<void>;
}
