/** Intervals of ratios as small pictures, all on one scale. Pure. */
import type { ComparisonSummary } from "../../lib/summary/summary.ts";
import { type Html, html } from "./html.ts";

const WIDTH = 260;
const HEIGHT = 18;
const MARGIN = 22;

/** The scale of ratios: a logarithmic axis, so that twice and half are equally far from 1. */
export interface Scale {
  readonly low: number;
  readonly high: number;
  /** A ratio below this counts as no slower. */
  readonly tolerated: number;
}

/** At least from a tenth less to a quarter more; at most from a third to three times as much. */
const [LEAST, MOST] = [
  [0.9, 1.25],
  [1 / 3, 3],
] as const;

/** A scale for all of them. */
export function scaleOf(rows: readonly ComparisonSummary[], tolerance: number): Scale {
  const bounds = rows.flatMap(({ before, now, low, high }) => [
    ...(before && now !== null ? [now / before] : []),
    ...(low === null ? [] : [low]),
    ...(high === null ? [] : [high]),
  ]);
  return {
    low: Math.max(MOST[0], Math.min(LEAST[0], ...bounds)),
    high: Math.min(MOST[1], Math.max(LEAST[1], ...bounds)),
    tolerated: 1 + tolerance,
  };
}

/** What is said of one latency. */
interface Estimate {
  readonly ratio: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly ok: boolean;
}

/** A point with its interval, beside lines at no change and at the tolerance. */
export function interval({ ratio, low, high, ok }: Estimate, scale: Scale): Html {
  const x = positions(scale);
  const middle = HEIGHT / 2;
  const span =
    low === null || high === null
      ? ""
      : html`<line class="span" x1="${x(low)}" x2="${x(high)}" y1="${middle}" y2="${middle}"></line>`;
  const told = low === null || high === null ? "" : `, ${percent(low)} to ${percent(high)}`;
  return html`<svg class="interval ${ok ? "held" : "broken"}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${percent(ratio)}${told}">${guides(scale)}${span}<circle cx="${x(ratio)}" cy="${middle}" r="4"></circle></svg>`;
}

/** The scale's own row: figures at round changes. */
export function scaleHeader(scale: Scale): Html {
  const x = positions(scale);
  const marks = TICKS.filter((ratio) => ratio >= scale.low * 0.999 && ratio <= scale.high * 1.001);
  const isFree = (one: number, others: readonly number[]) =>
    others.every((other) => Math.abs(Number(x(one)) - Number(x(other))) >= LABEL);
  // From no change outwards: a figure that has no room is left out.
  const spaced: number[] = [];
  for (const one of marks.sort((a, b) => Math.abs(Math.log(a)) - Math.abs(Math.log(b)))) {
    if (isFree(one, spaced)) spaced.push(one);
  }
  return html`<svg class="interval" width="${WIDTH}" height="${HEIGHT}" aria-hidden="true">${spaced.map(
    (ratio) => html`<text x="${x(ratio)}" y="13" text-anchor="middle">${percent(ratio)}</text>`,
  )}</svg>`;
}

/** As wide as a figure, in pixels. */
const LABEL = 44;

const TICKS = [0.34, 0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.4, 1.6, 2, 3] as const;

function guides({ tolerated, ...rest }: Scale): Html {
  const x = positions({ tolerated, ...rest });
  return html`<line class="same" x1="${x(1)}" x2="${x(1)}" y1="0" y2="${HEIGHT}"></line><line class="tolerated" x1="${x(tolerated)}" x2="${x(tolerated)}" y1="0" y2="${HEIGHT}"></line>`;
}

/** The position of a ratio; at the edge if it lies beyond. */
function positions({ low, high }: Scale): (ratio: number) => string {
  const [from, to] = [Math.log(low), Math.log(high)];
  return (ratio) => {
    const share = (Math.log(Math.max(ratio, Number.MIN_VALUE)) - from) / (to - from);
    return (MARGIN + Math.min(1, Math.max(0, share)) * (WIDTH - 2 * MARGIN)).toFixed(1);
  };
}

const percent = (ratio: number): string => `${ratio > 1 ? "+" : ""}${Math.round((ratio - 1) * 100)} %`;
