/**
 * The data of a chart, between the code that makes it and the page that draws it. It imports nothing, since both
 * sides import it.
 */

/** What an open page of a run that goes on is told each second: markup of its parts, and its charts. */
export interface Update {
  readonly headline: string;
  readonly above: string;
  readonly charts: readonly Chart[];
  readonly figures: string;
  readonly below: string;
  readonly over: boolean;
}

export interface Chart {
  readonly title: string;
  /** The metric that is on it, where there is one. */
  readonly metric?: string;
  /** One sentence: what one sees, and how to read it. */
  readonly help: string;
  readonly x: Axis;
  readonly y: Axis;
  /** Of lines that have a scale of their own, on the right. */
  readonly right?: Axis;
  readonly lines: readonly Line[];
  /** Limits: across the chart at a value of y, or up and down at one of x. */
  readonly limits: readonly {
    readonly at: number;
    readonly axis: "x" | "y";
    readonly label: string;
    /** Such a limit is always on the chart, however far off. */
    readonly broken: boolean;
  }[];
  /** Stretches of x in which something happened. */
  readonly events: readonly Event[];
}

export interface Axis {
  readonly label: string;
  /** `percentile`: x is 1 / (1 - p), on a logarithmic scale, as HdrHistogram plots a distribution. */
  readonly scale: "linear" | "log" | "time" | "names" | "percentile";
  /** What the whole numbers from 0 stand for, where the scale is of names. */
  readonly names?: readonly string[];
}

export const MILLISECONDS: Axis = { label: "ms", scale: "log" };
export const linear = (label: string): Axis => ({ label, scale: "linear" });

export interface Line {
  readonly label: string;
  /** Which colour: the number of the run, or of the line where there is one run. */
  readonly color: number | "quiet";
  readonly style: "line" | "dashed" | "points" | "bars" | "area";
  /** Whether it stands out among others. Default: no. */
  readonly isStrong?: boolean;
  /** The axis that it is measured by. Default left. */
  readonly axis?: "left" | "right";
  readonly x: readonly number[];
  readonly y: Values;
}

/** One value for each stretch of time, or for each x; null where there is nothing. */
export type Values = readonly (number | null)[];

/** What happened, and when: seconds since the run started. */
export interface Event {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** A time since the start as axes show it: 1:05, or 1:02:05. */
export function clock(seconds: number): string {
  const [hours, minutes, rest] = [
    Math.floor(seconds / 3600),
    Math.floor(seconds / 60) % 60,
    Math.round(seconds % 60),
  ];
  const two = (value: number) => String(value).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}
