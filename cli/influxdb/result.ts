/**
 * Stores what a run came to where k6 stores its seconds. k6's own output could do so, too, but knows neither how k6
 * ended nor of other instances: the verdict that stands is the command line's.
 */
import { randomBytes } from "node:crypto";
import { Point } from "@influxdata/influxdb-client";
import { type Fields, RESULT_WRITER_VARIABLE, resultOf } from "../../lib/result.ts";
import type { Summary } from "../../lib/summary/summary.ts";
import { type Place, parsePlace } from "./place.ts";

/** A run that k6 is told to store in InfluxDB. */
export interface StoredElsewhere {
  /** More arguments for `k6 run`. */
  readonly args: readonly string[];
  /** More of k6's environment. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Stores the result in each place.
   *
   * @param profile that the run is judged by; empty where it has none
   * @returns why it is missing somewhere, a sentence for each place
   */
  store(summary: Summary, profile: string, startedAt: Date, endedAt: Date): Promise<string[]>;
}

/**
 * Finds the places that the run is stored in, in k6's arguments and in the outputs that it has besides; undefined
 * without one.
 *
 * @throws UserError for an address that cannot be written to
 */
export function storedIn(
  k6Flags: readonly string[],
  outputs: readonly string[],
  env: NodeJS.ProcessEnv,
  now = new Date(),
): StoredElsewhere | undefined {
  const addresses = [...valuesOf(k6Flags, ["--out", "-o"]), ...outputs]
    .filter((out) => out.startsWith(OUTPUT))
    .map((out) => out.slice(OUTPUT.length));
  if (addresses.length === 0) return undefined;
  const places = addresses.map((address) => parsePlace(address, env));
  const tags = new Map(
    valuesOf(k6Flags, ["--tag"]).map((pair) => pair.split(/=(.*)/s, 2) as [string, string]),
  );
  const run = tags.get("testid") || nameOf(now);
  return {
    // All instances are one run.
    args: tags.get("testid") ? [] : [`--tag=testid=${run}`],
    env: { [RESULT_WRITER_VARIABLE]: "elsewhere" },
    async store(summary, profile, startedAt, endedAt) {
      const of: Record<string, string | undefined> = {
        source: "aggregates",
        part: "run",
        run,
        scenario: summary.scenario,
        profile,
        commit: tags.get("commit") || env.GITHUB_SHA,
        branch: tags.get("branch") || env.GITHUB_HEAD_REF || env.GITHUB_REF_NAME,
        // For links, as k6's output has them: from the first whole second to the end of the last.
        from: String(Math.floor(startedAt.getTime() / 1_000) * 1_000),
        until: String(Math.ceil(endedAt.getTime() / 1_000) * 1_000),
      };
      const lines = linesOf(of, summary, startedAt);
      const problems = places.map((place) =>
        write(place, lines).then(
          () => [],
          ({ message }) => [`The verdict is not in InfluxDB (${place.url}): ${message}`],
        ),
      );
      return (await Promise.all(problems)).flat();
    },
  };
}

const OUTPUT = "realtime-influxdb=";

/** The values of a flag, which k6 takes as `--tag x`, `--tag=x`, `-o x`, `-o=x` and `-ox`. */
function valuesOf(flags: readonly string[], names: readonly string[]): string[] {
  return flags.flatMap((flag, index) => {
    for (const name of names) {
      if (flag === name) return flags[index + 1] ?? [];
      if (flag.startsWith(`${name}=`)) return flag.slice(name.length + 1);
      if (!name.startsWith("--") && flag.startsWith(name)) return flag.slice(name.length);
    }
    return [];
  });
}

/** As k6's output names a run that has no name. */
const nameOf = (now: Date): string =>
  `${now.toISOString().replace(/[-:]|\.\d+/g, "")}-${randomBytes(4).toString("hex")}`;

function linesOf(tags: Readonly<Record<string, string | undefined>>, summary: Summary, at: Date): string {
  const { fields, steps } = resultOf(summary);
  // One series: a step is a point, and two points may not have the same time.
  const points = [
    pointOf("realtime_result", tags, fields, at, 0),
    ...steps.map((step, index) => pointOf("realtime_step", tags, step, at, index)),
  ];
  return points.map((point) => point.toLineProtocol()).join("\n");
}

function pointOf(
  measurement: string,
  tags: Readonly<Record<string, string | undefined>>,
  fields: Fields,
  at: Date,
  ns: number,
): Point {
  const point = new Point(measurement).timestamp(`${at.getTime()}${String(ns).padStart(6, "0")}`);
  for (const [name, value = ""] of Object.entries(tags)) {
    const text = lineText(value);
    if (text) point.tag(name, text);
  }
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === "number") point.floatField(name, value);
    else point.stringField(name, value);
  }
  return point;
}

/** A tag as a line can hold it, and as k6's output has it (extension/influxdb/points.go). */
const lineText = (text: string): string => text.replace(/\p{Cc}/gu, " ").replace(/[ \\]+$/, "");

async function write(place: Place, lines: string): Promise<void> {
  const { url, headers } = requestTo(place);
  const response = await fetch(url, {
    method: "POST",
    headers: { ...headers, "Content-Type": "text/plain; charset=utf-8" },
    body: lines,
    redirect: "manual",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((error) => {
    throw new Error(error.cause?.message ?? error.message);
  });
  if (response.status === 204) return;
  const { error, message } = (await response.json().catch(() => ({}))) as Record<string, string | undefined>;
  throw new Error(`HTTP ${response.status}${error || message ? `, ${error || message}` : ""}`);
}

const TIMEOUT_MS = 10_000;

function requestTo(place: Place): { url: string; headers: Record<string, string> } {
  if (place.major === 2) {
    const query = new URLSearchParams({ org: place.org, bucket: place.bucket, precision: "ns" });
    return { url: `${place.url}/api/v2/write?${query}`, headers: { Authorization: `Token ${place.token}` } };
  }
  const query = new URLSearchParams({
    db: place.database,
    precision: "ns",
    ...(place.retentionPolicy && { rp: place.retentionPolicy }),
  });
  const credentials = Buffer.from(`${place.user}:${place.password}`).toString("base64");
  return {
    url: `${place.url}/write?${query}`,
    headers: place.user ? { Authorization: `Basic ${credentials}` } : {},
  };
}
