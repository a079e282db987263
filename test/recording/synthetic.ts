/** Recordings made up in a test, encoded by a library that is not ours. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as hdr from "hdr-histogram-js";

/** Values of a Trend, in milliseconds, as a recording has them. */
export function encoded(values: readonly number[]): string {
  const histogram = hdr.build({
    bitBucketSize: 64,
    lowestDiscernibleValue: 1,
    highestTrackableValue: 2 ** 48 - 1,
    numberOfSignificantValueDigits: 3,
  });
  for (const value of values) histogram.recordValue(Math.round(value * 1e6));
  return hdr.encodeIntoCompressedBase64(histogram);
}

export const STARTED_AT = "2026-01-02T03:04:05.500Z";
/** The Unix second in which a made-up run starts. */
export const START = Math.floor(Date.parse(STARTED_AT) / 1000);

export interface Synthetic {
  readonly header?: Readonly<Record<string, unknown>>;
  readonly series?: readonly Readonly<Record<string, unknown>>[];
  /** By second of the run, what each series came to. */
  readonly seconds?: readonly (readonly (readonly [series: number, value: unknown])[])[];
  /** Undefined for a run that was killed. */
  readonly state?: string | undefined;
}

let made = 0;

/** The lines of a recording of a run that finished unless it is told otherwise. */
export function linesOf(recording: Synthetic): string[] {
  const { header, series = [], seconds = [] } = recording;
  const state = "state" in recording ? recording.state : "finished";
  const endedAt = new Date(Date.parse(STARTED_AT) + seconds.length * 1000).toISOString();
  const lines: unknown[] = [
    {
      recording: "k6-realtime",
      version: 1,
      id: `made-${++made}`,
      scenario: "made-up",
      startedAt: STARTED_AT,
      longestMs: seconds.length * 1000,
      thresholds: {},
      k6: "v2.2.0",
      environment: { os: "linux", arch: "amd64", cpus: 2 },
      ...header,
    },
    ...series.map((one, index) => ({ series: index, unit: "1", ...one })),
    ...seconds.map((values, second) => ({ t: START + second, d: values })),
  ];
  if (state) {
    const excluded = { outOfRange: 0, notFinite: 0, withoutTags: 0 };
    lines.push({ end: { state, exitCode: state === "finished" ? 0 : 105, at: endedAt, excluded } });
  }
  return lines.map((line) => JSON.stringify(line));
}

/** Writes a recording and returns its path. */
export async function record(directory: string, recording: Synthetic): Promise<string> {
  const path = join(directory, `${made + 1}.realtime.jsonl`);
  await writeFile(path, `${linesOf(recording).join("\n")}\n`);
  return path;
}

export const RTT = { metric: "ws_msg_rtt_ms", kind: "trend", unit: "ms" };
