import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { OUR_K6 } from "../k6/run.ts";

/** A k6 process with the extension, running the script of known values. */
export interface K6Process {
  readonly process: ChildProcess;
  /** Its exit code once it ended, null where a signal ended it, and what it printed. */
  readonly ended: Promise<{ code: number | null; output: string }>;
}

export function startK6(t: TestContext, args: readonly string[]): K6Process {
  const script = fileURLToPath(new URL("known-values.js", import.meta.url));
  const process = spawn(OUR_K6, ["run", "--quiet", "--no-color", "--no-usage-report", ...args, script]);
  t.after(() => process.kill("SIGKILL"));
  let output = "";
  for (const stream of [process.stdout, process.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
  }
  return { process, ended: once(process, "close").then(([code]) => ({ code, output })) };
}

/** One sample as `--out json` writes it. */
export interface Point {
  readonly metric: string;
  readonly value: number;
  readonly tags: { readonly [tag: string]: string };
  readonly second: number;
}

/** Reads what `--out json` wrote, up to a line that was cut. */
export async function readPoints(path: string): Promise<Point[]> {
  const lines = (await readFile(path, "utf8")).split("\n").slice(0, -1);
  return lines
    .map((line) => JSON.parse(line))
    .filter(({ type }) => type === "Point")
    .map(({ metric, data }) => ({
      metric,
      value: data.value,
      tags: data.tags ?? {},
      second: Math.floor(Date.parse(data.time) / 1000),
    }));
}

/** The percentile as k6 computes it from all values. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = Float64Array.from(values).sort();
  const rank = (percent / 100) * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(rank)]!, sorted[Math.ceil(rank)]!];
  return below + (above - below) * (rank - Math.floor(rank));
}
