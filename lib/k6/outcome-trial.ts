import type { MetricName } from "../metrics.ts";
import { allowedOutcomes, outcomeLimits, outcomeNotes } from "../outcomes.ts";
import type { Protocol } from "../protocols/index.ts";
import type { Outcome } from "../reasons.ts";
import type { SettingName, Settings } from "../settings.ts";
import { type Ms, ms } from "../units.ts";
import { sleepUntil } from "./clock.ts";
import { CONNECTION_METRICS } from "./connection.ts";
import type { Plan, Shard } from "./plan.ts";
import { PROBE_METRICS } from "./probes.ts";
import { scenario } from "./scenario.ts";
import type { ScenarioSpec } from "./scenario-spec.ts";

/** What a trial records. */
const TRIAL_METRICS = [
  ...CONNECTION_METRICS,
  ...PROBE_METRICS,
  "ws_outcomes",
] as const satisfies readonly MetricName[];

/** Connections that are each put to the same test, and judged by what becomes of them. */
export interface TrialSpec<N extends SettingName, O extends Outcome> extends ScenarioSpec<N> {
  /** What can become of a connection, what is right by default first, and what each means. */
  readonly outcomes: readonly O[];
  readonly meanings: Readonly<Record<O, string>>;
  trial(settings: Settings<N | TrialNeeds>, protocol: Protocol): Trial<O>;
}

export interface Trial<O extends Outcome> {
  /** In words: "silent for 1m5s". */
  readonly what: string;
  /** From a connection's start to its planned end, and to the latest one. */
  readonly duration: Ms;
  readonly longest: Ms;
  /** Variables of the protocol for connection `connection`, counted from 0. */
  variables(connection: number): { readonly [name: string]: string };
  /** Tries connection `index`, which is due to start at `intended`, of a load that began at `origin`. */
  run(shard: Shard, index: number, intended: Ms, origin: Ms): Promise<O>;
}

/** Settings of every trial. */
export type TrialNeeds = "EXPECT" | "CONNECTIONS" | "RAMP" | "REPLY_TIMEOUT" | "CONNECT_TIMEOUT";

/** Tries `CONNECTIONS` connections, begun over `RAMP`; right is what `EXPECT` says. */
export function outcomeTrial<N extends SettingName, O extends Outcome>(spec: TrialSpec<N, O>) {
  const withNeeds = {
    ...spec,
    defaults: { CONNECTIONS: "10", RAMP: "1s", ...spec.defaults },
    settings: ["CONNECTIONS", "RAMP", "EXPECT", ...spec.settings] as (N | TrialNeeds)[],
  };
  return scenario(withNeeds, TRIAL_METRICS, (settings, protocol): Plan => {
    const { CONNECTIONS, RAMP, EXPECT } = settings as unknown as Settings<TrialNeeds>;
    const { what, duration, longest, variables, run } = spec.trial(
      settings as Settings<N | TrialNeeds>,
      protocol,
    );
    const allowed = allowedOutcomes(EXPECT, spec.outcomes);
    return {
      load: `${CONNECTIONS} connections, ${what}; right: ${allowed.join(" or ")}`,
      size: CONNECTIONS,
      variables,
      duration: ms(RAMP + duration),
      longest: ms(RAMP + longest),
      limits: outcomeLimits(allowed, spec.outcomes, CONNECTIONS),
      notes: (metrics) => outcomeNotes(metrics, spec.meanings),
      async drive(shard, origin) {
        const running: Promise<void>[] = [];
        for (let index = shard.index; index < CONNECTIONS; index += shard.of) {
          const intended = ms(origin + (RAMP * index) / CONNECTIONS);
          await sleepUntil(intended);
          running.push(
            run(shard, index, intended, origin).then((outcome) =>
              shard.record("ws_outcomes", 1, { outcome }),
            ),
          );
        }
        await Promise.all(running);
      },
    };
  });
}
