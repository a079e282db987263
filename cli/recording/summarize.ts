/** The summary of a run from its recordings: the same form and verdict as a scenario's own, over all instances. */
import { basename } from "node:path";
import { notesOnConnecting, notesOnProxies, notesOnSilence } from "../../lib/connecting.ts";
import { METRICS, type MetricName, type MetricSpec } from "../../lib/metrics.ts";
import { limitsOn, PROFILES, type Profile, type ProfileName, together } from "../../lib/profile.ts";
import { notesOnScope } from "../../lib/scope.ts";
import {
  offStep,
  onStep,
  requireLimitsOfSteps,
  STEP_TAG,
  STEPS_OF_TAG,
  stepsSummary,
} from "../../lib/steps.ts";
import { countOf } from "../../lib/summary/counts.ts";
import { alwaysHolds, type Thresholds } from "../../lib/summary/summarize.ts";
import type {
  MetricFigures,
  MetricSummary,
  StepsSummary,
  Summary,
  ThresholdSummary,
} from "../../lib/summary/summary.ts";
import type { Tested } from "../../lib/summary/tested.ts";
import { holds, parseLimit } from "../../lib/summary/threshold.ts";
import { type Evidence, hasBegun, judge, judgeBroken, judgeSteps } from "../../lib/summary/verdict.ts";
import { aggregateOf, figuresOf, parseSelector, select } from "./figures.ts";
import type { End, Header } from "./format.ts";
import { notesOf } from "./notes.ts";
import type { Recording } from "./read.ts";
import type { Run } from "./run.ts";

const NAMES = Object.keys(METRICS) as MetricName[];

/** k6's own metrics, which say nothing that ours do not say of a WebSocket service. */
const K6_OWN =
  /^(vus|vus_max|iterations|iteration_duration|data_sent|data_received|group_duration|http_reqs?|http_req_.*|ws_(connecting|sessions|session_duration|msgs_sent|msgs_received|ping)|browser_.*|grpc_.*)$/;

/**
 * Sums a run up and judges it.
 *
 * @param run
 * @param profile Limits to judge by, instead of the script's on the same metrics. All others hold, also the
 *   scenario's own, which no profile replaces.
 * @throws SettingsError if the profile limits no recorded metric, or one that a step cannot be judged by
 */
export function summarizeRun(run: Run, profile?: Profile): Summary {
  const [first] = run.instances;
  const sizes = sizesIn(run);
  const recorded = sizes.length > 0 ? offStep(recordedLimits(run)) : recordedLimits(run);
  const all = profile ? replaced(run, recorded, limitsOn(declaredBy(run), profile)) : recorded;
  if (profile && sizes.length > 0) requireLimitsOfSteps(all);
  const limits = sizes.length > 0 ? onStep(all, sizes[0]!) : all;
  const metrics = metricsOf(run, Object.keys(limits));
  const { startedAt, durationMs } = spanOf(run);
  const thresholds = Object.entries(limits).flatMap(([series, expressions]) =>
    expressions.map((expression) => evaluate(run, series, expression, durationMs)),
  );
  const steps = sizes.length > 0 ? stepsIn(run, sizes, all) : undefined;
  const { scenario } = first!.header;
  const tested = testedBy(first!.header);
  const evidence = evidenceOf(run, metrics, thresholds, tested);
  return {
    scenario,
    ...(tested && { tested }),
    ...verdictOf(run, evidence, steps),
    startedAt: new Date(startedAt).toISOString(),
    durationMs,
    plannedMs: Math.max(...run.instances.map(({ header }) => header.plannedMs ?? 0)),
    k6: { version: first!.header.k6 ?? null, extension: first!.header.extension ?? null },
    notes: [
      ...notesOnConnecting(metrics, tested?.connections),
      ...notesOnSilence(metrics),
      ...notesOnProxies(metrics, tested?.proxies),
      ...notesOf({ scenario, metrics, ...(steps && { steps }) }, run.instances.length),
      ...(tested ? notesOnScope(scenario, declaredBy(run), limits, profileOf(tested, profile)) : []),
    ],
    ...(steps && { steps }),
    metrics,
    thresholds: hasBegun(evidence) ? thresholds : [],
  };
}

/** The target of the test and its machine, as the recordings state them. */
function testedBy({ tested, environment: { host } }: Header): Tested | undefined {
  if (!tested) return undefined;
  return host === undefined ? tested : { ...tested, host };
}

/** The profile that the limits are those of: the one that is judged by now, else the one that the run had. */
function profileOf({ profile: name }: Tested, given: Profile | undefined) {
  if (given) return { name: "given", thresholds: given.thresholds };
  return name !== null && Object.hasOwn(PROFILES, name)
    ? { name, thresholds: PROFILES[name as ProfileName].thresholds as Thresholds }
    : undefined;
}

/** The sizes of a load that grew, in their order; none where it did not. */
export function sizesIn({ series }: Pick<Run, "series">): number[] {
  const sizes = series.map(({ tags }) => Number(tags[STEP_TAG])).filter(Number.isInteger);
  return [...new Set(sizes)].sort((a, b) => a - b);
}

/** What each size came to, from its own series. */
function stepsIn(run: Run, sizes: readonly number[], limits: Thresholds): StepsSummary {
  const of = run.series.find(({ tags }) => tags[STEPS_OF_TAG])?.tags[STEPS_OF_TAG] ?? "connections";
  const isCut = run.instances.some(({ end }) => end?.state !== "finished" && !isAborted(end));
  return stepsSummary(
    of,
    sizes.map((size) => {
      const part: Run = { ...run, series: run.series.filter(({ tags }) => tags[STEP_TAG] === String(size)) };
      const cells = new Set(part.series.flatMap(({ cells }) => [...cells.keys()])).size;
      const durationMs = cells * run.cellSeconds * 1000;
      return {
        size,
        metrics: metricsOf(part, []),
        thresholds: Object.entries(limits).flatMap(([series, expressions]) =>
          expressions.map((expression) => evaluate(part, series, expression, durationMs)),
        ),
        interrupted: isCut && size === sizes.at(-1),
      };
    }),
    isCut,
    run.instances[0]!.header.tested?.fixed,
  );
}

/** Start of the first instance to the end of the last one; to its last second where it was cut. */
function spanOf({ instances, cellSeconds }: Run): { startedAt: number; durationMs: number } {
  const startedAt = Math.min(...instances.map(({ header }) => Date.parse(header.startedAt)));
  const ends = instances.map(({ header, series, end }) => {
    if (end) return Date.parse(end.at);
    const cells = series.flatMap(({ cells }) => [...cells.keys()]);
    const last = cells.reduce((latest, cell) => Math.max(latest, cell), Number.NEGATIVE_INFINITY);
    return Math.max((last + cellSeconds) * 1000, Date.parse(header.startedAt));
  });
  return { startedAt, durationMs: Math.max(...ends) - startedAt };
}

/** The script's limits, without the ones that only make k6 break metrics down by tag. */
function recordedLimits(run: Run): Thresholds {
  const limits = thresholdsOf(run);
  return Object.fromEntries(
    Object.entries(limits)
      .map(([series, all]) => [series, all.filter((one) => !isBreakdown(series, one))] as const)
      .filter(([, expressions]) => expressions.length > 0),
  );
}

const thresholdsOf = (run: Run): Thresholds =>
  run.instances.map(({ header }) => header.thresholds).reduce<Thresholds>(together, {});

/** Whether a threshold is there for k6 to break a metric down by a tag. */
function isBreakdown(series: string, expression: string): boolean {
  const { metric, tags } = parseSelector(series);
  return (
    tags.length === 1 && Object.hasOwn(METRICS, metric) && expression === alwaysHolds(metric as MetricName)
  );
}

/** The limits with those of a profile in place of others on the same metrics. */
function replaced(run: Run, recorded: Thresholds, profile: Thresholds): Thresholds {
  const limited = new Set(Object.keys(profile).map(metricIn));
  const others = Object.entries(recorded).filter(([series]) => !limited.has(metricIn(series)));
  return [floorsOf(run, recorded), profile].reduce(together, Object.fromEntries(others));
}

/** What holds whatever the profile. A recording that does not say it has at least limits against silence. */
function floorsOf(run: Run, recorded: Thresholds): Thresholds {
  const told = run.instances.flatMap(({ header }) => (header.floor ? [header.floor] : []));
  if (told.length > 0) return told.reduce<Thresholds>(together, {});
  const isFloor = (expression: string) => {
    const limit = parseLimit(expression);
    return limit?.aggregate === "count" && limit.operator.startsWith(">");
  };
  return Object.fromEntries(
    Object.entries(recorded)
      .map(([series, all]) => [series, all.filter(isFloor)] as const)
      .filter(([, floors]) => floors.length > 0),
  );
}

/** The project's metrics that the script declared: those with samples, and those with thresholds. */
function declaredBy(run: Run): MetricName[] {
  const limited = run.instances.flatMap(({ header }) => Object.keys(header.thresholds));
  const names = new Set([...run.series.map(({ metric }) => metric), ...limited.map(metricIn)]);
  return NAMES.filter((name) => names.has(name));
}

const metricIn = (series: string): string => parseSelector(series).metric;

function metricsOf(run: Run, limited: readonly string[]): Summary["metrics"] {
  const withLimits = new Set(limited.map(metricIn));
  const names = new Set(run.series.map(({ metric }) => metric));
  const shown = [...names].filter((name) => !K6_OWN.test(name) || withLimits.has(name));
  const inOrder = [...NAMES.filter((name) => names.has(name)), ...shown.filter((name) => !(name in METRICS))];
  return Object.fromEntries(inOrder.map((name) => [name, metricSummary(run, name)]));
}

function metricSummary(run: Run, metric: string): MetricSummary {
  const whole = figuresOf(select(run, { metric, tags: [] }))!;
  const by: { [tag: string]: { [value: string]: MetricFigures } } = {};
  for (const [tag, value] of breakdownOf(run, metric)) {
    const figures = figuresOf(select(run, { metric, tags: [[tag, value]] }));
    if (!figures || (figures.kind === "counter" && figures.count === 0)) continue;
    by[tag] ??= {};
    by[tag][value] = figures;
  }
  return Object.keys(by).length > 0 ? { ...whole, by } : whole;
}

/**
 * The tag values that a metric is broken down by: the ones of its table, and the ones that the script's settings
 * made.
 */
function breakdownOf(run: Run, metric: string): (readonly [tag: string, value: string])[] {
  if (!Object.hasOwn(METRICS, metric)) return [];
  const { by = {} }: MetricSpec = METRICS[metric as MetricName];
  const tabled = Object.entries(by).flatMap(([tag, values]) => values.map((value) => [tag, value] as const));
  const made = Object.entries(thresholdsOf(run))
    .filter(([series, all]) => all.some((one) => isBreakdown(series, one)))
    .map(([series]) => parseSelector(series))
    .filter((selector) => selector.metric === metric)
    .flatMap(({ tags }) => tags);
  return [...new Map([...tabled, ...made].map((pair) => [pair.join(":"), pair])).values()];
}

function evaluate(run: Run, metric: string, expression: string, durationMs: number): ThresholdSummary {
  const limit = parseLimit(expression);
  const value = limit ? aggregateOf(select(run, parseSelector(metric)), limit.aggregate, durationMs) : null;
  return { metric, expression, value, ok: limit !== undefined && value !== null && holds(value, limit) };
}

type Judgement = Pick<Summary, "verdict" | "reason">;

const incomplete = (reason: string): Judgement => ({ verdict: "incomplete", reason });

function evidenceOf(
  run: Run,
  metrics: Summary["metrics"],
  thresholds: readonly ThresholdSummary[],
  tested: Tested | undefined,
): Evidence {
  const withTheirParts = withParts(run, metrics);
  const noneBegan = countOf(withTheirParts.ws_shards_started) === 0;
  const hasFailed = run.instances.some(({ end }) => end?.state === "failed");
  return {
    setupDone: !(hasFailed && noneBegan),
    connections: tested?.connections,
    replyTimeoutMs: tested?.replyTimeoutMs,
    proxies: tested?.proxies,
    metrics: withTheirParts,
    thresholds,
  };
}

function verdictOf(run: Run, evidence: Evidence, steps: StepsSummary | undefined): Judgement {
  const states = new Set(run.instances.map(({ end }) => end?.state));
  if (run.covered < 1) {
    const share = Math.round((1 - run.covered) * 100);
    return incomplete(`recordings are missing: of instances that ran ${share} % of the load`);
  }
  if (!evidence.setupDone) return judge(evidence);
  const cut = run.instances.find(({ end }) => end?.state !== "finished" && !isAborted(end));
  if (cut) return incomplete(whyCut(cut));
  if (!states.has("aborted-by-threshold")) return judgeWhole(evidence, steps);
  const judged = judgeBroken(evidence);
  return judged
    ? { ...judged, reason: `stopped early, as a limit was broken: ${judged.reason}` }
    : incomplete("a threshold that holds over all instances stopped one of them early");
}

const judgeWhole = (evidence: Evidence, steps: StepsSummary | undefined): Judgement =>
  steps ? judgeSteps(evidence, steps) : judge(evidence);

const isAborted = (end: End | undefined): boolean => end?.state === "aborted-by-threshold";

const REASONS: { readonly [S in Exclude<End["state"], "finished" | "aborted-by-threshold">]: string } = {
  "aborted-by-script": "the script stopped the run",
  interrupted: "k6 was interrupted before its planned end",
  failed: "k6 failed",
};

function whyCut({ path, end }: Recording): string {
  const file = basename(path);
  if (!end) return `${file} breaks off: k6 was killed, or could not write any more`;
  const reason = REASONS[end.state as keyof typeof REASONS];
  return `${reason} (exit code ${end.exitCode}, says ${file})`;
}

/** The parts of the load that began and ended. A script that counts none is one part in each instance. */
function withParts(run: Run, metrics: Summary["metrics"]): Summary["metrics"] {
  if (countsParts(run)) return metrics;
  const parts: MetricSummary = { kind: "counter", unit: "1", count: run.instances.length };
  return { ...metrics, ws_shards_started: parts, ws_shards_completed: parts };
}

/** All scenarios of the project do, and are known by their breakdowns where no part began. */
function countsParts({ series, instances }: Run): boolean {
  return (
    series.some(({ metric }) => metric === "ws_shards_started") ||
    instances.some(({ header: { thresholds } }) =>
      Object.entries(thresholds).some(([name, all]) => all.some((one) => isBreakdown(name, one))),
    )
  );
}
