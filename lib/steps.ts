/** How much a server holds: a load that grows step by step up to the first that breaks a limit. Pure. */
import type { StepFigures } from "k6/x/realtime";
import { generatorFaultsIn } from "./generator-faults.ts";
import { METRICS, type MetricName } from "./metrics.ts";
import { SettingsError } from "./settings.ts";
import { withExactFigures } from "./summary/exact.ts";
import { evaluate, metricsOf, type Thresholds, trendStats } from "./summary/summarize.ts";
import type {
  MetricSummary,
  StepSummary,
  StepsSummary,
  Summary,
  ThresholdSummary,
} from "./summary/summary.ts";
import { parseLimit } from "./summary/threshold.ts";
import { grouped, judge, whyHollow } from "./summary/verdict.ts";

/** The loads to try: each of a list, or the ones that a search between two bounds asks for. */
export type Steps = { readonly sizes: readonly number[] } | { readonly from: number; readonly to: number };

/** Sizes that a search may try. */
export interface Sizes {
  /** Tried one after the other, up to the first that does not hold. */
  readonly coarse: readonly number[];
  /** All that may be tried, those in between included, in their order. */
  readonly all: readonly number[];
}

/** Parts that the gap between the last two steps of a search is cut into. */
const PARTS = 8;

/**
 * The sizes of steps. A search doubles the load until it does not hold, and then halves the gap, three times at most.
 *
 * @param multiple every size is a multiple of this
 */
export function sizesOf(steps: Steps, multiple = 1): Sizes {
  if ("sizes" in steps) return { coarse: steps.sizes, all: steps.sizes };
  const { from, to } = steps;
  const whole = (size: number) => Math.max(multiple, Math.round(size / multiple) * multiple);
  const coarse: number[] = [];
  for (let size = from; size < to; size *= 2) coarse.push(whole(size));
  coarse.push(whole(to));
  const between = coarse.flatMap((size, i) => {
    const gap = (coarse[i + 1] ?? size) - size;
    return Array.from({ length: PARTS }, (_, part) => whole(size + (gap * part) / PARTS));
  });
  const rising = (sizes: readonly number[]) => [...new Set(sizes)].sort((a, b) => a - b);
  return { coarse: rising(coarse), all: rising([...coarse, ...between]) };
}

/** The largest possible number of steps. */
export const mostSteps = ({ coarse, all }: Sizes): number =>
  all.length > coarse.length ? coarse.length + Math.log2(PARTS) : coarse.length;

/**
 * The size to try next; undefined where the search is over.
 *
 * @param tried what each size that was tried came to
 */
export function nextSize(
  { coarse, all }: Sizes,
  tried: readonly { readonly size: number; readonly verdict: StepSummary["verdict"] }[],
): number | undefined {
  const failed = tried.filter(({ verdict }) => verdict !== "pass");
  // What the generator or an interruption ended is no answer to search on with.
  if (failed.some(({ verdict }) => verdict !== "fail")) return undefined;
  const held = tried.filter(({ verdict }) => verdict === "pass").map(({ size }) => size);
  if (failed.length === 0) return coarse.find((size) => size > Math.max(0, ...held));
  if (held.length === 0) return undefined;
  const [low, high] = [Math.max(...held), Math.min(...failed.map(({ size }) => size))];
  const between = all.filter((size) => size > low && size < high);
  return between[Math.floor(between.length / 2)];
}

/** The tag on all samples of a step: its size. */
export const STEP_TAG = "step";
/** The tag on all samples of such a run: what it is a number of. */
export const STEPS_OF_TAG = "steps_of";
export type StepsOf = "subscribers" | "publications a second" | "connections";

/** What decides one step: its figures alone, and what its limits came to. */
export interface StepEvidence {
  readonly size: number;
  readonly metrics: Summary["metrics"];
  readonly thresholds: readonly ThresholdSummary[];
  /** Why it ended before it was meant to, where the server or the network is to blame. */
  readonly failure?: string;
  /** Whether it was cut short from outside. */
  readonly interrupted?: boolean;
}

/** Limits on the samples of one step only. */
export const onStep = (limits: Thresholds, size: number): Thresholds =>
  Object.fromEntries(
    Object.entries(limits).map(([series, expressions]) => [
      series.endsWith("}") ? `${series.slice(0, -1)},${STEP_TAG}:${size}}` : `${series}{${STEP_TAG}:${size}}`,
      expressions,
    ]),
  );

/** The series of all steps, of one step's. */
export const withoutStep = (series: string): string =>
  series.replace(/[{,]step:\d+\}$/, (tag) => (tag.startsWith("{") ? "" : "}"));

/** The limits that {@link onStep} made these of. */
export const offStep = (limits: Thresholds): Thresholds =>
  Object.fromEntries(
    Object.entries(limits).map(([series, expressions]) => [withoutStep(series), expressions]),
  );

/** @throws {@link SettingsError} for a limit that one step cannot be judged by */
export function requireLimitsOfSteps(limits: Thresholds): void {
  for (const [series, expressions] of Object.entries(limits)) {
    const [, name = "", tags = ""] = /^([^{]*)(.*)$/.exec(series) ?? [];
    const kind = METRICS[name as MetricName]?.kind;
    const perSecond = expressions.find((one) => parseLimit(one)?.aggregate === "rate");
    if (kind === "counter" && perSecond !== undefined) {
      throw new SettingsError(
        `STEPS: expected no limit on how many a second, which k6 takes over all steps together, got ${series} ${perSecond}`,
      );
    }
    if (kind === "gauge" || tags.includes(",")) {
      throw new SettingsError(
        `STEPS: expected limits on counters, rates and times by at most one tag, got one on ${series}`,
      );
    }
  }
}

/** What the engine measured of a step, held against the limits. */
export function evidenceOf(
  figures: StepFigures,
  names: readonly MetricName[],
  limits: Thresholds,
): StepEvidence {
  const { step, durationMs, failure, interrupted } = figures;
  const seconds = durationMs / 1_000;
  const counts = figures.counts.map(({ metric, tags, count }) => {
    const tag = Object.entries(tags).map(([name, value]) => `{${name}:${value}}`);
    return [`${metric}${tag.join("")}`, { values: { count, rate: count / seconds } }] as const;
  });
  const rates = figures.rates.map(
    ({ metric, passes, fails }) =>
      [metric, { values: { rate: passes / (passes + fails), passes, fails } }] as const,
  );
  const data = withExactFigures(
    { state: { testRunDurationMs: durationMs }, metrics: Object.fromEntries([...counts, ...rates]) },
    trendStats(limits),
    figures.distributions,
  );
  return {
    size: Number(step),
    metrics: metricsOf(data, names),
    thresholds: evaluate(data, limits),
    ...(failure !== "" && { failure }),
    interrupted: interrupted || durationMs === 0,
  };
}

/**
 * Sums up the steps that were tried, from the smallest.
 *
 * @param wereMore whether larger ones were asked for
 * @param fixed what all steps had in common, in words: `in 1 room`
 */
export function stepsSummary(
  of: string,
  tried: readonly StepEvidence[],
  wereMore: boolean,
  fixed = "",
): StepsSummary {
  // A search goes back to smaller ones.
  const steps = [...tried].sort((a, b) => a.size - b.size);
  const metric = LATENCIES.find((name) => steps.some(({ metrics }) => trendOf(metrics, name)));
  const curve = steps.map((step) => ({
    size: step.size,
    ...judgeStep(step),
    latency: metric ? latencyOf(step.metrics, metric) : null,
  }));
  const failed = curve.findIndex(({ verdict }) => verdict !== "pass");
  const held = failed < 0 ? curve.at(-1) : curve[failed - 1];
  const what = fixed === "" ? of : `${of} ${fixed}`;
  return { of, capacity: capacity(what, held, curve[failed], wereMore), holds: held?.size ?? null, curve };
}

/** One step's verdict. What this machine would not give is the generator's failure, not the server's. */
export function judgeStep({
  metrics,
  thresholds,
  failure,
  interrupted,
}: StepEvidence): Pick<StepSummary, "verdict" | "reason"> {
  if (interrupted) return { verdict: "incomplete", reason: "the step was cut short" };
  const missing = generatorFaultsIn(metrics, ({ exhausted }) => exhausted === true);
  if (missing.length > 0) {
    return { verdict: "generator-bound", reason: `the generator was the bottleneck: ${missing.join("; ")}` };
  }
  const judged = judge({ setupDone: true, metrics: { ...metrics, ...WHOLE }, thresholds });
  if (judged.verdict === "pass" && failure) return { verdict: "fail", reason: failure };
  // A step is judged by what the server did with it: that is an answer to how much it holds.
  return judged.reason === whyHollow({ metrics }) ? { ...judged, verdict: "fail" } : judged;
}

const ONE: MetricSummary = { kind: "counter", unit: "1", count: 1 };
/** A step is a whole part of the load. */
const WHOLE = { ws_shards_started: ONE, ws_shards_completed: ONE };

function capacity(
  of: string,
  held: StepSummary | undefined,
  next: StepSummary | undefined,
  wereMore: boolean,
): string {
  if (!next) {
    if (!held) return "capacity: not known; no step began";
    const end = wereMore ? "; the run ended before a larger step" : ", the largest step asked for";
    return `capacity: at least ${grouped(held.size)} ${of}${end}`;
  }
  // The first limit that broke says enough.
  const [because] = next.verdict === "fail" ? next.reason.split("; ") : [next.reason];
  const why = `at ${grouped(next.size)}: ${because}`;
  if (next.verdict !== "fail") {
    return held ? `capacity: at least ${grouped(held.size)} ${of}; ${why}` : `capacity: not known; ${why}`;
  }
  return held
    ? `capacity: ${grouped(held.size)} ${of}; ${why}`
    : `capacity: fewer than ${grouped(next.size)} ${of}; ${why}`;
}

/** What is drawn by the size of the load, of all steps the first that any has values of. */
const LATENCIES = ["ws_fanout_lag_ms", "ws_fanout_server_lag_ms", "ws_msg_rtt_ms", "ws_connect_latency_ms"];

function trendOf(metrics: Summary["metrics"], name: string) {
  const metric = metrics[name];
  return metric?.kind === "trend" && metric.count > 0 ? metric : undefined;
}

function latencyOf(metrics: Summary["metrics"], metric: string): StepSummary["latency"] {
  const trend = trendOf(metrics, metric);
  if (!trend) return null;
  const { count, p50, p90, p99, max } = trend;
  return { metric, count, p50, p90, p99, max };
}
