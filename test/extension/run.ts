/** Runs a script of one Swarm with the real k6 that has the extension. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { SwarmOptions } from "k6/x/realtime";
import { type K6Run, OUR_K6, runK6 } from "../k6/run.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

/** What a Swarm measured, by metric and tags: `ws_connect_failures{reason:refused}`. */
export interface SwarmRun extends K6Run {
  /** Sums of Counters, as the samples had them; own tags only. */
  readonly counts: ReadonlyMap<string, number>;
  /** k6's own figures of the whole run, by metric or submetric. */
  readonly values: { readonly [series: string]: { readonly [aggregate: string]: number } };
  /** What the extension says that it measured. */
  readonly distributions: readonly import("k6/x/realtime").Distribution[];
  /** What `run()` resolved with, of each virtual user. */
  readonly outcomes: readonly import("k6/x/realtime").Outcome[];
}

const OWN_TAGS = ["reason", "code", "by", "side", "phase"];

const script = (swarm: Partial<SwarmOptions>, options: object, vus: number) => `
import { Swarm, distributions } from "k6/x/realtime";
const swarm = new Swarm(${JSON.stringify(swarm)});
export const options = {
  scenarios: { swarm: { executor: "per-vu-iterations", vus: ${vus}, iterations: 1, maxDuration: "60s", gracefulStop: "1s" } },
  summaryTrendStats: ["count", "min", "avg", "max", "p(50)", "p(95)", "p(99)"],
  ...${JSON.stringify(options)},
};
export default async function () {
  console.log("outcome " + JSON.stringify(await swarm.run()));
}
export function handleSummary({ metrics }) {
  const values = Object.fromEntries(Object.entries(metrics).map(([name, { values }]) => [name, values]));
  return { "values.json": JSON.stringify({ values, distributions: distributions([50, 95, 99]) }) };
}`;

/** What is left out is as short as can be. */
export async function runSwarm(
  t: TestContext,
  swarm: Partial<SwarmOptions>,
  { options = {}, vus = swarm.shards ?? 1, ...command }: RunSwarm = {},
): Promise<SwarmRun> {
  const directory = await temporaryDirectory(t);
  const path = join(directory, "script.js");
  await writeFile(path, script({ rate: 10_000, ...swarm }, options, vus));
  const samples = join(directory, "samples.json");
  const run = await runK6(t, {
    ...command,
    scenario: path,
    k6: OUR_K6,
    args: [...(command.args ?? []), "--out", `json=${samples}`],
  });
  const { values, distributions } = JSON.parse(
    await readFile(join(run.results, "values.json"), "utf8").catch(() => '{"values":{},"distributions":[]}'),
  );
  const outcomes = [...run.stderr.matchAll(/outcome (\{.*?\})" source/g)].map(([, json]) =>
    JSON.parse(json!.replaceAll('\\"', '"')),
  );
  return { ...run, counts: await sumsOf(samples), values, distributions, outcomes };
}

export interface RunSwarm {
  /** k6's own options. */
  readonly options?: object;
  readonly vus?: number;
  readonly args?: readonly string[];
  readonly onOutput?: (text: string, interrupt: () => void) => void;
}

async function sumsOf(samples: string): Promise<Map<string, number>> {
  const sums = new Map<string, number>();
  const kinds = new Map<string, string>();
  const text = await readFile(samples, "utf8").catch(() => "");
  for (const line of text.split("\n").filter((line) => line !== "")) {
    const { type, metric, data } = JSON.parse(line);
    if (type === "Metric") kinds.set(metric, data.type);
    else if (kinds.get(metric) === "counter") {
      const tags = OWN_TAGS.filter((tag) => data.tags?.[tag] !== undefined);
      const own = tags.map((tag) => `${tag}:${data.tags[tag]}`).join(",");
      const series = own === "" ? metric : `${metric}{${own}}`;
      sums.set(series, (sums.get(series) ?? 0) + data.value);
    }
  }
  return sums;
}
