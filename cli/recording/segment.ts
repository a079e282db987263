/** k6's execution segments: which part of the load an instance ran. */

/** From and to, as shares of the whole load. */
export interface Segment {
  readonly from: number;
  readonly to: number;
}

export const WHOLE: Segment = { from: 0, to: 1 };

/** Fractions come as floating-point numbers: 1/3 + 1/3 + 1/3 is to be 1. */
const TOLERANCE = 1e-9;

/** Reads a segment as k6 writes it, `1/4:1/2`; undefined if it is not a segment. */
export function parseSegment(text: string): Segment | undefined {
  const bounds = text.split(":").map(fraction);
  const [from, to] = bounds.length === 1 ? [0, bounds[0]] : bounds;
  if (bounds.length > 2 || from === undefined || to === undefined) return undefined;
  return from >= 0 && to <= 1 + TOLERANCE && from < to ? { from, to } : undefined;
}

function fraction(text: string): number | undefined {
  const [, numerator, denominator = "1"] = /^(\d+)(?:\/(\d+))?$/.exec(text) ?? [];
  const value = Number(numerator) / Number(denominator);
  return Number.isFinite(value) ? value : undefined;
}

export const isWhole = ({ from, to }: Segment): boolean => from < TOLERANCE && to > 1 - TOLERANCE;

export const overlap = (a: Segment, b: Segment): boolean =>
  Math.min(a.to, b.to) - Math.max(a.from, b.from) > TOLERANCE;

/** The share of the load that disjoint segments make up together. */
export function covered(segments: readonly Segment[]): number {
  const sum = segments.reduce((total, { from, to }) => total + to - from, 0);
  return sum > 1 - TOLERANCE ? 1 : sum;
}
