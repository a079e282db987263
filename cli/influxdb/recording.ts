/** Turns the stored points of one process back into its recording: the same series, seconds and histograms. */
import { open } from "node:fs/promises";
import * as v from "valibot";
import { UserError } from "../command.ts";
import { EndLine, type Header } from "../recording/format.ts";
import { parseHeader } from "../recording/read.ts";
import type { Store, StoredPoint, StoredRun } from "./read.ts";

/** So much of a run is in memory at once. */
const WINDOW_S = 600;
/** A setup comes before the load, and a clock may be off. */
const MARGIN_S = 60;

/** Tags that the output adds; a sample's own of these names begin with the prefix (extension/influxdb/points.go). */
const ADDED = ["source", "run", "scenario", "instance", "commit", "unit"];
const PREFIX = "k6_";

/** The stored points do not come from the output, or come from another version of it. */
export class Unreadable extends UserError {
  override name = "Unreadable";
}

/**
 * The header of a process's stored points.
 *
 * @throws {@link Unreadable}
 */
export function headerOf(of: StoredRun): Header {
  try {
    return parseHeader(nameOf(of), of.header);
  } catch (error) {
    throw error instanceof UserError ? new Unreadable(error.message) : error;
  }
}

/**
 * Writes the recording of a process.
 *
 * @throws {@link Unreadable}
 */
export async function writeRecording(store: Store, of: StoredRun, path: string): Promise<void> {
  const header = headerOf(of);
  const end = of.end === undefined ? undefined : parse(EndLine.entries.end, of.end, of);
  const start = Math.floor(Date.parse(header.startedAt) / 1000) - MARGIN_S;
  const last = end ? Date.parse(end.at) : Date.parse(header.startedAt) + header.longestMs;
  const stop = Math.ceil(last / 1000) + MARGIN_S;

  const file = await open(path, "wx");
  try {
    const lines = new Lines();
    await file.write(`${of.header}\n`);
    for (let from = start; from < stop; from += WINDOW_S) {
      const points = await store.points(of, from, Math.min(from + WINDOW_S, stop));
      await file.write(lines.of(points));
    }
    if (end) await file.write(`${JSON.stringify({ end })}\n`);
  } finally {
    await file.close();
  }
}

function parse<S extends v.GenericSchema>(schema: S, text: string, of: StoredRun): v.InferOutput<S> {
  try {
    return v.parse(schema, JSON.parse(text));
  } catch (error) {
    throw new Unreadable(`${nameOf(of)}: ${(error as Error).message}`);
  }
}

const nameOf = ({ run, instance }: StoredRun): string => `what InfluxDB has of run ${run}, ${instance}`;

/** Makes lines of points, numbering series as they come up. */
class Lines {
  readonly #indexes = new Map<string, number>();

  of(points: readonly StoredPoint[]): string {
    const lines: string[] = [];
    for (const point of points) {
      const { measurement, atNs, fields } = point;
      if (measurement === "realtime_generator") {
        const at = new Date(atNs / 1e6).toISOString();
        lines.push(JSON.stringify({ process: { at, cpus: fields.cpus, memoryBytes: fields.memoryBytes } }));
        continue;
      }
      const [kind, value] = cell(fields);
      const { unit, tags } = ownTags(point.tags);
      const identity = JSON.stringify([measurement, Object.entries(tags).sort()]);
      let index = this.#indexes.get(identity);
      if (index === undefined) {
        index = this.#indexes.size;
        this.#indexes.set(identity, index);
        lines.push(JSON.stringify({ series: index, metric: measurement, kind, unit, tags }));
      }
      lines.push(JSON.stringify({ t: Math.floor(atNs / 1e9), d: [[index, value]] }));
    }
    return lines.map((line) => `${line}\n`).join("");
  }
}

/** The kind that a point's fields are of, and what a recording says of them. */
function cell({ histogram, sum, passes, total, last, min, max }: StoredPoint["fields"]): [string, unknown] {
  if (histogram !== undefined) return ["trend", histogram];
  if (total !== undefined) return ["rate", [passes, total]];
  if (last !== undefined) return ["gauge", [last, min, max]];
  return ["counter", sum];
}

function ownTags({ unit = "1", ...tags }: StoredPoint["tags"]) {
  const own = Object.entries(tags)
    .filter(([name]) => !ADDED.includes(name))
    .map(([name, value]) => [name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name, value]);
  return { unit, tags: Object.fromEntries(own) as Record<string, string> };
}
