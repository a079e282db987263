/** Executors of a script's own, beside the load of a scenario or without one. */
import type { Scenario } from "k6/options";
import type { MetricName } from "../metrics.ts";
import type { Breakdowns, K6Data } from "../summary/summarize.ts";
import type { Record } from "./recorder.ts";

/** By what k6 is to call each: `{ api: { executor: "constant-arrival-rate", …, exec: "api" } }`. */
export type OwnExecutors = { readonly [name: string]: Scenario & { readonly exec: string } };

/** @throws RangeError where one has the name of a load, or would drive the scenario's own function */
export function requireExecutors(executors: OwnExecutors, taken: readonly string[]): void {
  for (const [name, { exec }] of Object.entries(executors)) {
    if (taken.includes(name))
      throw new RangeError(`executors: expected a name that is not taken, got ${JSON.stringify(name)}`);
    if (typeof exec !== "string" || ["", "default", "run", "runBeside"].includes(exec))
      throw new RangeError(
        `executors: ${name}: exec: expected the name of a function that the script exports for it, got ${JSON.stringify(exec)}`,
      );
  }
}

/**
 * The engine's own figures of a swarm, and what is said of it, take all values of a metric for the swarm's.
 *
 * @param shared what both record
 * @throws RangeError if that is anything
 */
export function requireApart(shared: readonly MetricName[]): void {
  if (shared.length === 0) return;
  throw new RangeError(
    `records: expected metrics that the swarm does not record, since its figures would not be told apart, got ${shared.join(", ")}`,
  );
}

/** By executor, the metrics that more than one of them records. */
export function byExecutor(
  shared: readonly MetricName[],
  executors: readonly string[],
  breakdowns: Breakdowns,
): Breakdowns {
  const each = shared.map((name) => [name, { ...breakdowns[name], scenario: executors }] as const);
  return { ...breakdowns, ...Object.fromEntries(each) };
}

/** Counts iterations that begin and iterations that end. One that throws, or that k6 interrupts, does not end. */
export const iterationsOf =
  (record: Record) =>
  async <T>(drive: () => T | Promise<T>): Promise<T> => {
    record("ws_shards_started", 1);
    const result = await drive();
    record("ws_shards_completed", 1);
    return result;
  };

/** Why a run was not as it was planned, where k6 had no virtual user free for some of its iterations. */
export function iterationsLeftOut({ metrics }: K6Data): string | undefined {
  const dropped = metrics.dropped_iterations?.values.count ?? 0;
  return dropped > 0
    ? `k6 left out ${dropped} iterations that were due, for want of virtual users: raise maxVUs`
    : undefined;
}
