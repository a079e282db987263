import type { TrendSummary } from "../lib/summary/summary.ts";
import { type Running, startAndWait } from "./processes.ts";

/** Percentiles of times. */
export interface Times {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export const timesOf = ({ p50, p99, max }: TrendSummary): Times => ({
  p50Ms: p50!,
  p99Ms: p99!,
  maxMs: max!,
});

/** What the kernel saw of a server's packets. */
export interface Captured extends Times {
  readonly count: number;
  readonly missed: number;
  readonly truncated: number;
}

/**
 * Does something while another process, `bare`, captures the packets of a server: the `lags` of its deliveries from
 * their stamps, or the `service-times`, from each request's packet to its reply's.
 */
export async function captured<T>(
  bare: string,
  what: "lags" | "service-times",
  url: string,
  during: () => Promise<T>,
): Promise<{ result: T; kernel: Captured }> {
  // The kernel notes the times, so that it can look at them when nobody else wants the processor.
  const capture = await startAndWait("nice", ["-n", "19", bare, what, new URL(url).port], /capturing/);
  const { result, figures } = await whileRunning(capture, during);
  return { result, kernel: figures };
}

/** Does something while another process runs, and then ends that process for the figures of its last line. */
export async function whileRunning<T>({ stop }: Pick<Running, "stop">, during: () => Promise<T>) {
  try {
    const result = await during();
    return { result, figures: lastLine(await stop()) };
  } finally {
    await stop();
  }
}

/** The figures that a process prints as its last line. */
export const lastLine = (said: string) => JSON.parse(said.trim().split("\n").at(-1)!);

export const round = (value: number, digits = 2): number => Number(value.toFixed(digits));

/** Rows of a table that hold what was reported against the packets. */
export const timesRows = (who: string, reported: Times, kernel: Times) =>
  (["p50Ms", "p99Ms", "maxMs"] as const).map((name) => ({
    "": who,
    of: name.slice(0, -2),
    "reported, ms": round(reported[name]),
    "packets, ms": round(kernel[name]),
    off: `${round(reported[name] - kernel[name], 3)} ms, ${round((reported[name] / kernel[name] - 1) * 100)} %`,
  }));
