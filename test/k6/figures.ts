import assert from "node:assert/strict";
import type { MetricSummary, Summary } from "../../lib/summary/summary.ts";

type Kind = MetricSummary["kind"];

/** The figures of a metric, `ws_replies`, or of one value of a tag, `ws_connection_drops{code:4001}`. */
function figures(summary: Summary, series: string) {
  const [, name = "", tag, value] = /^(\w+)(?:\{(\w+):([\w-]+)\})?$/.exec(series) ?? [];
  return tag === undefined ? summary.metrics[name] : summary.metrics[name]?.by?.[tag]?.[value!];
}

function ofKind<K extends Kind>(summary: Summary, series: string, kind: K) {
  const found = figures(summary, series);
  if (found?.kind !== kind) throw new Error(`no ${kind} ${series} in the summary`);
  return found as Extract<NonNullable<typeof found>, { kind: K }>;
}

/** The count of a Counter that the summary must have. */
export const counter = (summary: Summary, series: string): number => ofKind(summary, series, "counter").count;

/** A Counter's count; 0 where there is none. */
export function count(summary: Summary, series: string): number {
  const found = figures(summary, series);
  return found?.kind === "counter" ? found.count : 0;
}

/** How many a Counter has of each value of a tag. */
export const countsBy = (summary: Summary, name: string, tag: string): Record<string, number> =>
  Object.fromEntries(
    Object.entries(summary.metrics[name]?.by?.[tag] ?? {}).map(([value, part]) => {
      assert.ok(part.kind === "counter");
      return [value, part.count] as const;
    }),
  );

/** How many a Counter has of each reason. */
export const reasons = (summary: Summary, name: string): Record<string, number> =>
  countsBy(summary, name, "reason");

/** A Rate: how many of its samples were true, and how many were not. */
export const rate = (summary: Summary, series: string) => ofKind(summary, series, "rate");

/** No more of a Rate than that. */
export function outcomes(summary: Summary, series: string) {
  const { passes, fails } = rate(summary, series);
  return { passes, fails };
}

/** A Trend's percentiles and how many values it had. */
export const trend = (summary: Summary, series: string) => ofKind(summary, series, "trend");

/**
 * Holds the replies' times to the delays that the server applied: the service time is no shorter, and the response
 * time not below the least that the service time allows.
 */
export function assertNotShorter(
  summary: Summary,
  delays: Iterable<number>,
  leastResponse: (service: number) => number,
): void {
  const applied = [...delays].sort((a, b) => a - b);
  const [rtt, service] = [trend(summary, "ws_msg_rtt_ms"), trend(summary, "ws_msg_service_ms")];
  assert.equal(applied.length, service.count);
  for (const [p, measured, due] of [
    [0.5, service.p50, rtt.p50],
    [0.95, service.p95, rtt.p95],
    [0.99, service.p99, rtt.p99],
  ] as const) {
    const least = applied[Math.floor(p * (applied.length - 1))]!;
    assert.ok(
      measured! >= least - 0.5 && due! >= leastResponse(measured!),
      `p${p * 100}: applied ${least}, measured ${measured}, from due ${due}`,
    );
  }
}
