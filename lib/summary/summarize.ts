import type { Distribution } from "k6/x/realtime";
import { notesOnConnecting, notesOnProxies, notesOnSilence } from "../connecting.ts";
import { METRICS, type MetricName, type MetricSpec, type OwnMetrics, specOf } from "../metrics.ts";
import { countOf } from "./counts.ts";
import { samplingNotes, withExactFigures } from "./exact.ts";
import type { MetricFigures, MetricSummary, StepsSummary, Summary, ThresholdSummary } from "./summary.ts";
import type { Tested } from "./tested.ts";
import { holds, parseLimit } from "./threshold.ts";
import { type Evidence, hasBegun, judge, judgeSteps } from "./verdict.ts";

const TREND_STATS = ["count", "min", "avg", "p(50)", "p(90)", "p(95)", "p(99)", "max"];

/** What k6 must compute for each Trend (`summaryTrendStats`), so that summaries and limits find it. */
export function trendStats(thresholds: Thresholds): string[] {
  const asked = Object.values(thresholds)
    .flat()
    .map((expression) => parseLimit(expression)?.aggregate)
    .filter((aggregate) => aggregate?.startsWith("p("));
  return [...new Set([...TREND_STATS, ...(asked as string[])])];
}

/** The part we read of what k6 hands to `handleSummary`. */
export interface K6Data {
  readonly state: { readonly testRunDurationMs: number };
  readonly metrics: { readonly [name: string]: K6Metric };
  /** The result of `setup`; absent if it failed. `upgraded` tells whether it was completed. */
  readonly setup_data?: { readonly upgraded: boolean } | null | undefined;
}

interface K6Metric {
  readonly values: { readonly [aggregate: string]: number };
  readonly thresholds?: { readonly [expression: string]: { readonly ok: boolean } };
}

/** What the data do not tell. */
export interface RunFacts {
  readonly scenario: string;
  readonly tested?: Tested | undefined;
  readonly plannedMs: number;
  /** The metrics that the scenario declared. */
  readonly metrics: readonly string[];
  /** What those are that are the script's own. */
  readonly own?: OwnMetrics | undefined;
  /** The breakdowns that k6 was given beside those of the metric table. */
  readonly breakdowns?: Breakdowns | undefined;
  /** The limits that k6 was given, breakdowns aside. */
  readonly limits: Thresholds;
  readonly k6: Summary["k6"];
  /** When the run ended. */
  readonly endedAt: Date;
  /** What the engine measured, exactly; k6 then has representatives of it. */
  readonly distributions?: readonly Distribution[] | undefined;
  /** What came of each load, where there were several; the limits are then the first one's. */
  readonly steps?: StepsSummary | undefined;
  /** Why the run was not the scenario's own; undefined where it was. */
  readonly refusal?: string | undefined;
  /** What to say beside the figures. */
  readonly notes?: ((metrics: Summary["metrics"]) => string[]) | undefined;
}

/** Limits as k6 takes them: expressions by metric or submetric. */
export type Thresholds = { readonly [series: string]: readonly string[] };

/** Values of tags, by metric and tag. */
export type Breakdowns = { readonly [M in MetricName]?: NonNullable<MetricSpec["by"]> };

/**
 * Thresholds that always hold, one for each tag value that a metric is broken down by: the only way by
 * which k6 hands values by tag to `handleSummary`.
 */
export function breakdownThresholds(
  names: readonly string[],
  more: Breakdowns = {},
  own: OwnMetrics = {},
): Thresholds {
  const thresholds: { [series: string]: string[] } = {};
  for (const name of names)
    for (const { series } of seriesOf(name, more, own)) thresholds[series] = [alwaysHolds(name, own)];
  return thresholds;
}

/** The threshold that breaks a metric down. */
export const alwaysHolds = (name: string, own: OwnMetrics = {}): string =>
  ({ trend: "max>=0", counter: "count>=0", rate: "rate>=0", gauge: "value>=0" })[specOf(name, own).kind];

function seriesOf(
  name: string,
  more: Breakdowns,
  own: OwnMetrics,
): { tag: string; value: string; series: string }[] {
  const by: MetricSpec["by"] = { ...specOf(name, own).by, ...more[name as MetricName] };
  return Object.entries(by).flatMap(([tag, values]) =>
    values.map((value) => ({ tag, value, series: `${name}{${tag}:${value}}` })),
  );
}

/** Turns what k6 measured into the run's summary, verdict included. */
export function summarize(data: K6Data, facts: RunFacts): Summary {
  const { distributions = [] } = facts;
  const measured = withExactFigures(data, trendStats(facts.limits), distributions);
  const metrics = metricsOf(measured, facts.metrics, facts.breakdowns, facts.own);
  const { judged, unjudged } = thresholdSummaries(data, measured, facts.limits, facts.own);
  const evidence: Evidence = {
    // Without a setup (--no-setup) the load may have begun all the same.
    setupDone:
      data.setup_data?.upgraded === true ||
      (data.setup_data == null && countOf(metrics.ws_shards_started) > 0),
    refusal: facts.refusal,
    connections: facts.tested?.connections,
    replyTimeoutMs: facts.tested?.replyTimeoutMs,
    proxies: facts.tested?.proxies,
    metrics,
    thresholds: judged,
    unjudged,
  };
  const { steps } = facts;
  const { testRunDurationMs } = data.state;
  return {
    scenario: facts.scenario,
    ...(facts.tested && { tested: facts.tested }),
    ...(steps ? judgeSteps(evidence, steps) : judge(evidence)),
    startedAt: new Date(facts.endedAt.getTime() - testRunDurationMs).toISOString(),
    durationMs: Math.round(testRunDurationMs),
    plannedMs: facts.plannedMs,
    k6: facts.k6,
    notes: [
      ...(steps ? [STEPS_NOTE] : []),
      ...notesOnConnecting(metrics, facts.tested?.connections),
      ...notesOnSilence(metrics),
      ...notesOnProxies(metrics, facts.tested?.proxies),
      ...(facts.notes?.(metrics) ?? []),
      ...samplingNotes(distributions),
      ...(isJudgedByK6(data, facts.limits) ? [] : [BY_US_NOTE]),
    ],
    ...(steps && { steps }),
    metrics,
    // Of a load that did not begin there is nothing to judge, although k6 calls some of its limits ok.
    thresholds: hasBegun(evidence) ? judged : [],
  };
}

/** What stands beside limits that k6 was told to leave alone. */
const BY_US_NOTE =
  "k6 judged no limits (--no-thresholds), and its exit code ignores them. They are judged here";

/** What stands beside the figures of a load that grew. */
export const STEPS_NOTE =
  "counts are of all steps together, latencies of each step; the limits are those on the first step";

/** The figures of each metric, with its breakdowns. */
export const metricsOf = (
  data: K6Data,
  names: readonly string[],
  more: Breakdowns = {},
  own: OwnMetrics = {},
): Summary["metrics"] =>
  Object.fromEntries(names.map((name) => [name, metricSummary(data, name, more, own)]));

function metricSummary(data: K6Data, name: string, more: Breakdowns, own: OwnMetrics): MetricSummary {
  const spec = specOf(name, own);
  const whole = figures(spec, data.metrics[name]?.values ?? {});
  const by: { [tag: string]: { [value: string]: MetricFigures } } = {};
  for (const { tag, value, series } of seriesOf(name, more, own)) {
    const values = data.metrics[series]?.values;
    if (!values || !hasSamples(values) || values.count === 0) continue;
    by[tag] ??= {};
    by[tag][value] = figures(spec, values);
  }
  return Object.keys(by).length > 0 ? { ...whole, by } : whole;
}

function figures({ kind, unit }: MetricSpec, values: K6Metric["values"]): MetricFigures {
  switch (kind) {
    case "trend": {
      const { count = 0 } = values;
      // Without values k6 gives 0, which would read as a very good latency.
      const stat = (name: string) => (count > 0 ? (values[name] ?? null) : null);
      return {
        kind,
        unit,
        count,
        min: stat("min"),
        p50: stat("p(50)"),
        p90: stat("p(90)"),
        p95: stat("p(95)"),
        p99: stat("p(99)"),
        max: stat("max"),
      };
    }
    case "counter":
      return { kind, unit, count: values.count ?? 0 };
    case "rate": {
      const { passes = 0, fails = 0 } = values;
      return { kind, unit, rate: passes + fails > 0 ? passes / (passes + fails) : null, passes, fails };
    }
    case "gauge":
      return { kind, unit, value: values.value ?? 0, min: values.min ?? 0, max: values.max ?? 0 };
  }
}

const isJudgedByK6 = (data: K6Data, limits: Thresholds): boolean =>
  Object.keys(limits).length === 0 || Object.values(data.metrics).some(({ thresholds }) => thresholds);

/**
 * The result of each limit: as k6 decided it, otherwise by the figures. If k6 did not compute the figures either, the
 * limit is not judged.
 */
function thresholdSummaries(data: K6Data, measured: K6Data, limits: Thresholds, own: OwnMetrics = {}) {
  const judged: ThresholdSummary[] = [];
  const unjudged: string[] = [];
  for (const [metric, expressions] of Object.entries(limits)) {
    const { values, thresholds = {} } = data.metrics[metric] ?? { values: {} };
    for (const expression of expressions) {
      const decided = thresholds[expression];
      if (decided === undefined) {
        const [ours] = evaluate(measured, { [metric]: [expression] }, own);
        const { values: figures } = measured.metrics[metric] ?? {};
        if (ours!.value === null && figures && hasSamples(figures)) unjudged.push(`${metric} ${expression}`);
        else judged.push(ours!);
        continue;
      }
      const sampled = hasSamples(values);
      // k6 calls a limit on a Trend or Rate without samples ok.
      const value = sampled ? valueFor(expression, values) : null;
      judged.push({ metric, expression, ok: sampled && decided.ok, value });
    }
  }
  return { judged, unjudged };
}

/** What limits come to that k6 was not given; a Counter that nothing was added to is 0. */
export function evaluate(data: K6Data, limits: Thresholds, own: OwnMetrics = {}): ThresholdSummary[] {
  return Object.entries(limits).flatMap(([metric, expressions]) => {
    const name = metric.replace(/\{.*/, "");
    const isCounter = { ...own, ...METRICS }[name]?.kind === "counter";
    const values = data.metrics[metric]?.values ?? (isCounter ? { count: 0, rate: 0 } : {});
    return expressions.map((expression) => {
      const limit = parseLimit(expression);
      const value = hasSamples(values) ? valueFor(expression, values) : null;
      return { metric, expression, ok: limit !== undefined && value !== null && holds(value, limit), value };
    });
  });
}

function hasSamples(values: K6Metric["values"]): boolean {
  if ("passes" in values) return (values.passes ?? 0) + (values.fails ?? 0) > 0;
  const isTrend = "count" in values && "max" in values;
  return !isTrend || (values.count ?? 0) > 0;
}

/** What the left side of a threshold came to; null where k6 was told not to compute it. */
function valueFor(expression: string, values: K6Metric["values"]): number | null {
  const aggregate = parseLimit(expression)?.aggregate ?? "";
  return values[aggregate === "med" ? "p(50)" : aggregate] ?? null;
}
