import { variablesFor } from "../identity.ts";
import { IDLE_MEANINGS, IDLE_OUTCOMES, type IdleSighting, idleOutcome } from "../idle.ts";
import { dueAt } from "../pacing.ts";
import type { Effect } from "../protocols/index.ts";
import type { SettingName, Settings } from "../settings.ts";
import { type Duration, formatDuration, inMs, type Ms, ms } from "../units.ts";
import { every, firstUntil, now } from "./clock.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import { outcomeTrial, type TrialNeeds } from "./outcome-trial.ts";
import type { Shard } from "./plan.ts";
import { requireProbe } from "./requirements.ts";
import type { ScenarioSpec } from "./scenario-spec.ts";

/** Connections that say nothing for a while and are then asked whether they are still there. */
export interface IdleSpec<N extends SettingName> extends ScenarioSpec<N> {
  silence(settings: Settings<N>): GivenSilence;
  /** Variables of the protocol for connection `connection`, counted from 0. Default: everybody is in one room. */
  variables?(settings: Settings<N>, connection: number): { readonly [name: string]: string };
}

export interface Silence {
  /** From readiness to the probe. */
  readonly lasts: Ms;
  /** Time between two WebSocket pings; undefined: none. */
  readonly pingInterval: Ms | undefined;
  /** Whether the protocol's own heartbeats are sent. */
  readonly heartbeats: boolean;
}

/** The same as scripts may give it: `{ lasts: "65s", … }`. */
export type GivenSilence = Omit<Silence, "lasts" | "pingInterval"> & {
  readonly lasts: Duration;
  readonly pingInterval: Duration | undefined;
};

/** One silence for each connection, then one probe. */
export function idle<N extends SettingName>(spec: IdleSpec<N>) {
  return outcomeTrial<N, (typeof IDLE_OUTCOMES)[number]>({
    ...spec,
    outcomes: IDLE_OUTCOMES,
    meanings: IDLE_MEANINGS,
    trial: (settings: Settings<N | TrialNeeds>, protocol) => {
      requireProbe(protocol);
      const { REPLY_TIMEOUT, CONNECT_TIMEOUT } = settings as Settings<TrialNeeds>;
      const given = spec.silence(settings);
      const { pingInterval } = given;
      const silence: Silence = {
        ...given,
        lasts: inMs(given.lasts, "lasts"),
        pingInterval: pingInterval === undefined ? undefined : inMs(pingInterval, "pingInterval"),
      };
      const variables = variablesFor(spec, settings);
      const longest = ms(silence.lasts + 2 * CONNECT_TIMEOUT + 3 * REPLY_TIMEOUT);
      return {
        what: `silent for ${formatDuration(silence.lasts)}${keptAlive(silence)}`,
        duration: silence.lasts,
        longest,
        variables,
        run: (shard, index, intended) => {
          const common = {
            ...shard.identity(index, variables(index)),
            protocol: shard.protocol,
            replyTimeout: REPLY_TIMEOUT,
            end: ms(intended + longest + 1),
          };
          return tryOne(shard, silence, common, CONNECT_TIMEOUT, intended);
        },
      };
    },
  });
}

type Common = Omit<ConnectionOptions, "intended" | "connectBy" | "record">;

async function tryOne(
  { record }: Shard,
  silence: Silence,
  common: Common,
  connectTimeout: Ms,
  intended: Ms,
): Promise<(typeof IDLE_OUTCOMES)[number]> {
  let readyAt: Ms | undefined;
  let probed = false;
  let stopPings = () => {};
  const answer = firstAnswer(() => probed);
  const connection = new Connection({
    ...common,
    intended,
    connectBy: ms(now() + connectTimeout),
    record,
    silent: !silence.heartbeats,
    observe: answer.observe,
    probing: {
      payload: "",
      nextId: () => {
        probed = true;
        return "1";
      },
      begin: (at) => {
        readyAt = at;
        const { pingInterval } = silence;
        if (pingInterval !== undefined)
          stopPings = every(pingInterval, () => connection.ping(), ms(at + silence.lasts));
        return dueAt(ms(at + silence.lasts));
      },
    },
  });

  let end: IdleSighting["end"];
  const ended = connection.outcome.then((outcome) => {
    stopPings();
    if (outcome.kind === "dropped") end = outcome;
  });
  let newOneAnswered = false;
  const first = await Promise.race([answer.first, ended.then(() => "ended" as const)]);
  if (first === "timeout") {
    // A new connection tells a server that is slow, or gone altogether, from one that forgot this connection.
    const enough = ms(now() + common.replyTimeout);
    newOneAnswered = await isAnswered(common, connectTimeout);
    await firstUntil(enough, [ended, answer.late]);
  }
  const outcome = idleOutcome({
    ready: readyAt !== undefined,
    probed,
    answer: first === "in-time" ? first : answer.cameLate() ? "late" : undefined,
    end,
    blameless: answer.heard() || !newOneAnswered,
  });
  if (outcome === "half_open" || outcome === "unanswered") connection.cut();
  else connection.finish();
  await connection.closed;
  return outcome;
}

/** Whether a new connection has its probe answered in time. */
async function isAnswered(common: Common, connectTimeout: Ms): Promise<boolean> {
  const answer = firstAnswer(() => true);
  const connection = new Connection({
    ...common,
    intended: now(),
    connectBy: ms(now() + connectTimeout),
    record: () => {}, // it is no part of the load
    observe: answer.observe,
    probing: { payload: "", nextId: () => "1", begin: dueAt },
  });
  const first = await Promise.race([answer.first, connection.outcome]);
  if (first === "in-time") connection.finish();
  else connection.cut();
  return first === "in-time";
}

/** What the one probe of a connection comes to. */
function firstAnswer(probed: () => boolean) {
  let settle: (answer: "in-time" | "timeout") => void;
  let settleLate: () => void;
  let cameLate = false;
  let heard = false;
  const first = new Promise<"in-time" | "timeout">((resolve) => {
    settle = resolve;
  });
  const late = new Promise<void>((resolve) => {
    settleLate = resolve;
  });
  return {
    first,
    late,
    cameLate: () => cameLate,
    /** Whether other messages came since the probe. */
    heard: () => heard,
    observe({ kind }: Effect) {
      if (!probed()) return;
      if (kind === "reply" || kind === "error") settle("in-time");
      else if (kind === "timeout") settle("timeout");
      else if (kind === "delivery" || kind === "unmatched" || kind === "invalid") heard = true;
      else if (kind === "late") {
        cameLate = true;
        settleLate();
      }
    },
  };
}

const keptAlive = ({ pingInterval, heartbeats }: Silence): string => {
  if (pingInterval !== undefined) return ` but for a ping every ${formatDuration(pingInterval)}`;
  return heartbeats ? " but for the protocol's heartbeats" : "";
};
