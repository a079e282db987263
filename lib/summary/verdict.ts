import { whyMostlyUnconnected } from "../connecting.ts";
import { counted } from "../counted.ts";
import { generatorFaultsIn } from "../generator-faults.ts";
import { adviceOn } from "../reason-meanings.ts";
import { whyUnjudged } from "../unmeasured.ts";
import { countOf, countsBy } from "./counts.ts";
import { whySlowProxy } from "./proxy-share.ts";
import type { StepsSummary, Summary, ThresholdSummary, TrendSummary, Verdict } from "./summary.ts";
import { parseLimit } from "./threshold.ts";
import { describeBroken, number } from "./words.ts";

/** The share of a latency limit that the generator may add by itself. */
const GENERATOR_SHARE = 0.1;

/** The share of the time for a message to come that the generator may take up, and messages still count as missing. */
const LATE_SHARE = 0.5;

/** What decides a run. */
export interface Evidence {
  readonly setupDone: boolean;
  readonly metrics: Summary["metrics"];
  readonly thresholds: readonly ThresholdSummary[];
  /** Why the run was not the scenario's own. Default: it was. */
  readonly refusal?: string | undefined;
  /** Limits that neither k6 nor its figures decide. Default none. */
  readonly unjudged?: readonly string[];
  /** How many connections the load consists of, where that is known. */
  readonly connections?: number | undefined;
  /** How long a message had to come, where that is known. */
  readonly replyTimeoutMs?: number | undefined;
  /** The proxies that connections went by, in words. Default none. */
  readonly proxies?: readonly string[] | undefined;
}

/** Whether there was a load at all. */
export const hasBegun = ({ setupDone, refusal }: Evidence): boolean => setupDone && refusal === undefined;

/** Judges a run. A broken run is not judged by its limits, nor is one that the generator cut short or slowed down. */
export function judge(evidence: Evidence): { verdict: Verdict; reason: string } {
  const ours = evidence.setupDone ? generatorFaultsIn(evidence.metrics) : [];
  if (ours.length > 0) return { verdict: "incomplete", reason: ours.join("; ") };
  const gap = whyIncomplete(evidence);
  if (gap) return { verdict: "incomplete", reason: gap };
  const slow = whyGeneratorBound(evidence);
  const { broken } = brokenIn(evidence);
  if (slow) return { verdict: "generator-bound", reason: [slow, ...brokenBeside(broken)].join("; ") };
  const unasked = whyUnasked(evidence, broken);
  if (unasked) return { verdict: "incomplete", reason: unasked };
  const decided = judgeBroken(evidence);
  if (decided) return decided;
  const { unjudged = [] } = evidence;
  if (unjudged.length > 0) {
    return {
      verdict: "incomplete",
      reason: `not judged, since k6 did not compute it: ${unjudged.join(", ")}`,
    };
  }
  const open = whyOpen(evidence);
  if (open) return { verdict: "incomplete", reason: open };
  const hollow = whyHollow(evidence);
  if (hollow) return { verdict: "incomplete", reason: hollow };
  const { length } = evidence.thresholds;
  if (length === 0) return { verdict: "pass", reason: NO_LIMITS };
  return { verdict: "pass", reason: length === 1 ? "the one limit held" : `all ${length} limits held` };
}

/** The limits that the server broke, and a sentence on each that a slow proxy may have broken. */
function brokenIn(evidence: Evidence): { broken: ThresholdSummary[]; slowProxy: string[] } {
  const broken: ThresholdSummary[] = [];
  const slowProxy: string[] = [];
  for (const limit of evidence.thresholds) {
    if (limit.ok || whyUnjudged(limit, evidence.metrics)) continue;
    const why = whySlowProxy(limit, evidence);
    if (why) slowProxy.push(why);
    else broken.push(limit);
  }
  return { broken, slowProxy };
}

/** Judges a run by the limits that did not hold; undefined where all did. */
export function judgeBroken(evidence: Evidence): { verdict: Verdict; reason: string } | undefined {
  const { broken, slowProxy } = brokenIn(evidence);
  if (broken.length > 0) {
    return { verdict: "fail", reason: [describeBroken(broken), ...slowProxy].join("; ") };
  }
  return slowProxy.length > 0 ? { verdict: "incomplete", reason: slowProxy.join("; ") } : undefined;
}

/** Of a script of the user's own: it broke none, which says nothing. */
export const NO_LIMITS = "there is no limit to judge it by";

/** Judges a run whose load grew step by step by its first step only, since a later step is expected to break. */
export function judgeSteps(evidence: Evidence, steps: StepsSummary): { verdict: Verdict; reason: string } {
  const gap = whyIncomplete(evidence);
  if (gap) return { verdict: "incomplete", reason: gap };
  const [first] = steps.curve;
  if (!first) return { verdict: "incomplete", reason: "no step of the load began" };
  return { verdict: first.verdict, reason: steps.capacity };
}

/**
 * k6 cuts off a setup that takes too long, mostly before the setup can count why. It begins no setup if one of its
 * outputs does not start. The summary cannot tell which.
 */
export const NOTHING_BEGAN =
  "the load did not begin: an output of k6 did not start, or the setup was interrupted or took too long; k6's message says which";

/** What to do about the first of several reasons. */
function adviceIn([reason]: readonly string[]): string {
  const advice = reason === undefined ? undefined : adviceOn(reason);
  return advice === undefined ? "" : `. ${advice.replace(/\.$/, "")}`;
}

function whyIncomplete({ setupDone, refusal, metrics }: Evidence): string | undefined {
  if (refusal) return refusal;
  if (!setupDone) {
    const ours = generatorFaultsIn(metrics);
    if (ours.length > 0) return `the setup failed: ${ours.join("; ")}`;
    const logins = Object.keys(metrics.ws_login_failures?.by?.reason ?? {});
    if (logins.length > 0) return `the setup failed: a login before it failed (${logins.join(", ")})`;
    const failures = Object.keys(metrics.ws_connect_failures?.by?.reason ?? {});
    if (failures.length === 0) return NOTHING_BEGAN;
    // Declared for event streams alone, whether or not there are values.
    const isStream = "sse_first_byte_ms" in metrics;
    if (failures.includes("timeout")) {
      const asked = isStream ? "the request for an event stream" : "the WebSocket upgrade";
      return `the setup failed: the server did not answer ${asked} in time`;
    }
    const refused = isStream ? "the server opened no event stream" : "the server took no WebSocket upgrade";
    return `the setup failed: ${refused} (${failures.join(", ")})${adviceIn(failures)}`;
  }
  const started = countOf(metrics.ws_shards_started);
  const completed = countOf(metrics.ws_shards_completed);
  if (started === 0) return "no part of the load began";
  if (completed < started) {
    const missing = countOf(metrics.ws_connections_given_up);
    const because =
      missing > 0
        ? `: ${counted(missing, "connection was", "connections were")} never open${mostlyFailed(metrics)}`
        : "";
    return `${started - completed} of ${started} parts of the load ended before their planned end${because}`;
  }
  const unclear = countOf(metrics.ws_outcomes?.by?.outcome?.unclear);
  if (unclear > 0) {
    return `whether ${counted(unclear, "slow reader was", "slow readers were")} ended for being slow is unknown: an equally silent reader that was owed no messages did not outlast ${unclear === 1 ? "it" : "them"}, as with an idle timeout. Make PAUSE, BURST and HOLD together shorter than that timeout`;
  }
  const ahead = countOf(metrics.ws_message_errors?.by?.reason?.clock_differs);
  if (ahead > 0 && countOf(metrics.ws_publications) === 0) {
    return `the clocks of the server and this machine differ: ${ahead} deliveries are stamped later than they came, and nothing else tells when they were published. \`unit\` of delivery.sentAt may be another, too`;
  }
  return undefined;
}

/** What most attempts to connect failed with; nothing where none did. */
function mostlyFailed({ ws_connect_failures: failures }: Summary["metrics"]): string {
  const [most] = Object.entries(countsBy(failures, "reason")).sort(([, a], [, b]) => b - a);
  return most
    ? `, and ${most[1]} of ${counted(countOf(failures), "failed attempt")} to connect ended with ${most[0]}`
    : "";
}

/**
 * Why there are no replies where nothing was asked: sessions became ready so late that their probes were no longer due.
 * Undefined where that is not so, or another limit tells more.
 */
function whyUnasked({ metrics }: Evidence, broken: readonly ThresholdSummary[]): string | undefined {
  const measured = broken.filter(({ value }) => value !== null);
  if (measured.length === 0 || measured.some(({ metric }) => metric !== "ws_replies")) return undefined;
  const wereReady = countOf(metrics.ws_sessions_opened) > 0;
  const neverReady = countOf(metrics.ws_message_errors?.by?.reason?.session) > 0;
  if (!wereReady || neverReady || !metrics.ws_probes || countOf(metrics.ws_probes) > 0) return undefined;
  return "no probe fell due: no session was ready as long as REPLY_TIMEOUT before its end. Make SESSION and DURATION longer; ws_connect_latency_ms says how long connecting took";
}

/** Why limits that held say little: most of the connections were not there. Undefined where that is not so. */
export function whyHollow({
  metrics,
  connections,
}: Pick<Evidence, "metrics" | "connections">): string | undefined {
  const what = whyMostlyUnconnected(metrics, connections);
  return what && `${what}, though no limit was broken`;
}

/**
 * A reply that did not come counts with its timeout. If a percentile is such a value, and a limit above it seems to
 * hold, nobody knows whether it does.
 */
function whyOpen({ metrics, thresholds }: Evidence): string | undefined {
  const unjudged = thresholds.flatMap((limit) => whyUnjudged(limit, metrics) ?? []);
  if (unjudged.length > 0) {
    const limits = thresholds.filter((limit) => whyUnjudged(limit, metrics));
    return `whether ${limits.map(({ metric, expression }) => `${metric} ${expression}`).join(" and ")} held is unknown: ${[...new Set(unjudged)].join("; ")}`;
  }
  const { ws_msg_rtt_ms: rtt, ws_replies: replies } = metrics;
  if (rtt?.kind !== "trend" || replies?.kind !== "counter" || rtt.count <= replies.count) return undefined;
  const open = thresholds.filter(
    ({ metric, expression }) =>
      metric === "ws_msg_rtt_ms" && quantileOf(expression) > replies.count / rtt.count,
  );
  if (open.length === 0) return undefined;
  const limits = open.map(({ metric, expression }) => `${metric} ${expression}`).join(" and ");
  return `whether ${limits} held is unknown: ${rtt.count - replies.count} of ${rtt.count} replies were missing after REPLY_TIMEOUT, which is shorter than this limit`;
}

/** Which share of the values an upper bound speaks of; 0 where it speaks of none in particular. */
function quantileOf(expression: string): number {
  const { aggregate = "", operator = "" } = parseLimit(expression) ?? {};
  if (!operator.startsWith("<")) return 0;
  if (aggregate === "max") return 1;
  return aggregate === "med" ? 0.5 : Number(/^p\((.+)\)$/.exec(aggregate)?.[1] ?? 0) / 100;
}

function whyGeneratorBound(evidence: Evidence): string | undefined {
  return whySlowForLatency(evidence) ?? whySlowForCounts(evidence);
}

/** Messages that this side sent or read so late that they had little time to come are not known to be missing. */
function whySlowForCounts({ metrics, thresholds, replyTimeoutMs }: Evidence): string | undefined {
  const isBroken = thresholds.some(({ metric, ok, value }) => !ok && value !== null && MISSING.test(metric));
  if (replyTimeoutMs === undefined || !isBroken) return undefined;
  const slow = slowSide(metrics, "max", (delay) => delay >= LATE_SHARE * replyTimeoutMs);
  return (
    slow &&
    `the generator was the bottleneck: ${slow.series} was up to ${number(slow.delay)} ms, of the ${number(replyTimeoutMs)} ms (REPLY_TIMEOUT) that messages had to come`
  );
}

function whySlowForLatency({ metrics, thresholds }: Evidence): string | undefined {
  const limit = decisiveBound(thresholds);
  if (limit === undefined) return undefined;
  const slow = slowSide(metrics, "p99", (delay) => delay > GENERATOR_SHARE * limit.bound);
  return (
    slow &&
    `the generator was the bottleneck: ${slow.series} p99 was ${number(slow.delay)} ms, more than ${GENERATOR_SHARE * 100} % of ${limit.which} (${limit.bound} ms)`
  );
}

/** The first side, sending or receiving, on which the generator's own delay is too long. */
function slowSide(
  metrics: Summary["metrics"],
  figure: "max" | "p99",
  isTooLong: (delay: number) => boolean,
): { series: string; delay: number } | undefined {
  for (const [side, trend] of Object.entries(metrics.ws_generator_delay_ms?.by?.side ?? {})) {
    const delay = (trend as TrendSummary)[figure];
    if (delay !== null && isTooLong(delay)) return { series: `ws_generator_delay_ms{side:${side}}`, delay };
  }
  return undefined;
}

/** Broken limits on counts and shares. A slow generator does not excuse every one of them, so the reader learns of them. */
function brokenBeside(broken: readonly ThresholdSummary[]): string[] {
  const others = broken.filter(
    ({ metric, value }) => value !== null && !MESSAGE_LATENCY.test(metric) && !CONNECT_LATENCY.test(metric),
  );
  return others.length > 0 ? [`also broken: ${describeBroken(others)}`] : [];
}

/** What counts as missing because it did not come in time. */
const MISSING =
  /^ws_(messages_(lost|late)|(reply|delivery)_success_rate|gap_messages\{fate:lost\}|outcomes(\{|$))/;
const MESSAGE_LATENCY = /^(ws_(msg_rtt|fanout_lag)|token_(first_content|content_gap|stream))_ms/;
const CONNECT_LATENCY = /^ws_connect_latency_ms/;

/**
 * The upper bound that the generator's own delay is held against. It is the tightest one that broke, since the delay
 * may have broken it. If none broke, it is the highest, of messages if there is one. A delay does not break a limit
 * without a value. Undefined if no limit is on a latency.
 */
function decisiveBound(
  thresholds: readonly ThresholdSummary[],
): { bound: number; which: string } | undefined {
  const bounds = thresholds
    .map(({ metric, expression, ok, value }) => ({
      metric,
      limit: parseLimit(expression),
      isBroken: !ok && value !== null,
    }))
    .filter(({ limit }) => limit?.operator.startsWith("<"))
    .map(({ metric, limit, isBroken }) => ({ metric, bound: limit!.bound, isBroken }));
  const of = (latency: RegExp) => bounds.filter(({ metric }) => latency.test(metric));
  const [messages, connects] = [of(MESSAGE_LATENCY), of(CONNECT_LATENCY)];
  const broken = [...messages, ...connects].filter(({ isBroken }) => isBroken);
  if (broken.length > 0) {
    return {
      bound: Math.min(...broken.map(({ bound }) => bound)),
      which: "the tightest latency limit that broke",
    };
  }
  const all = messages.length > 0 ? messages : connects;
  if (all.length === 0) return undefined;
  return { bound: Math.max(...all.map(({ bound }) => bound)), which: "the highest latency limit" };
}

export { describeBroken, describeLimit, grouped, number } from "./words.ts";
