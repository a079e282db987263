/** Runs scripts with the real k6 that has the extension. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { SwarmOptions } from "k6/x/realtime";
import { type K6Command, type K6Run, OUR_K6, runK6 } from "../k6/run.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

export interface Sample {
  readonly metric: string;
  readonly kind: string;
  readonly value: number;
  readonly tags: Readonly<Record<string, string>>;
}

export interface ScriptRun extends K6Run {
  readonly samples: readonly Sample[];
  /** Sums of Counters by metric and own tags: `ws_connect_failures{reason:refused}`. */
  readonly counts: ReadonlyMap<string, number>;
  readonly outcomes: readonly unknown[];
}

/** What a Swarm measured. */
export interface SwarmRun extends ScriptRun {
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
  const run = await runScript(t, script({ rate: 10_000, ...swarm }, options, vus), command);
  const { values, distributions } = JSON.parse(
    await readFile(join(run.results, "values.json"), "utf8").catch(() => '{"values":{},"distributions":[]}'),
  );
  return { ...run, values, distributions, outcomes: run.outcomes as SwarmRun["outcomes"] };
}

type ScriptCommand = Pick<K6Command, "args" | "processEnv" | "onOutput">;

/** Runs a script with our k6. What it logs as `outcome ` and JSON comes back. */
export async function runScript(
  t: TestContext,
  source: string,
  command: ScriptCommand = {},
): Promise<ScriptRun> {
  const directory = await temporaryDirectory(t);
  const path = join(directory, "script.js");
  await writeFile(path, source);
  const file = join(directory, "samples.json");
  const run = await runK6(t, {
    ...command,
    scenario: path,
    k6: OUR_K6,
    args: [...(command.args ?? []), "--out", `json=${file}`],
  });
  const outcomes = [...run.stderr.matchAll(/msg=("outcome .*")/g)].map(([, quoted]) =>
    JSON.parse(JSON.parse(quoted!).slice("outcome ".length)),
  );
  const samples = await readSamples(file);
  return { ...run, samples, counts: sumsOf(samples), outcomes };
}

/** A WebSocket of a script. */
export interface Socket {
  readonly url: string;
  /** Third argument of the constructor. */
  readonly params?: object;
  /** What the script does with `socket`, where that is more than closing it once it is open. */
  readonly act?: string;
  /** k6's own. */
  readonly options?: object;
  readonly vus?: number;
  /** Where the socket is made: in the iterations, or before them. */
  readonly in?: "default" | "setup";
}

/** Each virtual user makes a socket; what it hears, and what `act` gives to `say`, comes back in order. */
export async function runSocket(
  t: TestContext,
  { url, params = {}, act = "socket.onopen = () => socket.close();", options = {}, vus = 1, ...made }: Socket,
  command: ScriptCommand = {},
) {
  const use = `
  const heard = [];
  const say = (...words) => heard.push(words.join(" "));
  const socket = new WebSocket(${JSON.stringify(url)}, null, ${JSON.stringify(params)});
  for (const kind of ["open", "message", "error", "close"])
    socket.addEventListener(kind, (e) => say(kind, ...[e.data, e.error, e.code, e.by].filter((x) => x !== undefined)));
  socket.addEventListener("close", () => console.log("outcome " + JSON.stringify(heard)));
  ${act}`;
  const script = `
import { WebSocket, now } from "k6/x/realtime";
export const options = {
  scenarios: { s: { executor: "per-vu-iterations", vus: ${vus}, iterations: 1, maxDuration: "60s", gracefulStop: "1s" } },
  ...${JSON.stringify(options)},
};
${made.in === "setup" ? `export function setup() { ${use} }` : ""}
export default function () { ${made.in === "setup" ? "" : use} }`;
  const run = await runScript(t, script, command);
  return { ...run, heard: run.outcomes as readonly (readonly string[])[] };
}

export interface RunSwarm {
  /** k6's own options. */
  readonly options?: object;
  readonly vus?: number;
  readonly args?: readonly string[];
  readonly onOutput?: (text: string, interrupt: () => void) => void;
}

async function readSamples(file: string): Promise<readonly Sample[]> {
  const kinds = new Map<string, string>();
  const samples: Sample[] = [];
  const text = await readFile(file, "utf8").catch(() => "");
  for (const line of text.split("\n").filter((line) => line !== "")) {
    const { type, metric, data } = JSON.parse(line);
    if (type === "Metric") kinds.set(metric, data.type);
    else samples.push({ metric, kind: kinds.get(metric) ?? "", value: data.value, tags: data.tags ?? {} });
  }
  return samples;
}

function sumsOf(samples: readonly Sample[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { metric, value, tags } of samples.filter(({ kind }) => kind === "counter")) {
    const own = OWN_TAGS.filter((tag) => tags[tag] !== undefined).map((tag) => `${tag}:${tags[tag]}`);
    const series = own.length === 0 ? metric : `${metric}{${own.join(",")}}`;
    sums.set(series, (sums.get(series) ?? 0) + value);
  }
  return sums;
}
