/** What a report knows of one run, wherever it comes from. */
import { counted } from "../../lib/counted.ts";
import type { Summary } from "../../lib/summary/summary.ts";
import { histogramOf, select } from "../recording/figures.ts";
import type { Histogram } from "../recording/histogram.ts";
import type { Run } from "../recording/run.ts";
import { summarizeRun } from "../recording/summarize.ts";
import type { Event } from "./chart.ts";
import { incidentsOf } from "./events.ts";
import { type Finding, findingsOf } from "./findings.ts";
import { type Timeline, timelineOf } from "./timeline.ts";

export interface RunView {
  readonly label: string;
  readonly summary: Summary;
  /** Facts about a recorded run, beyond its summary. */
  readonly recorded?: Recorded;
}

export interface Recorded {
  readonly timeline: Timeline;
  readonly events: readonly Event[];
  readonly findings: readonly Finding[];
  /** Of every Trend in milliseconds that is in the summary. */
  readonly histograms: { readonly [metric: string]: Histogram };
  readonly instances: readonly Instance[];
}

/** One process of the run, in words. */
export interface Instance {
  readonly part: string;
  readonly machine: string;
  readonly excluded: string;
}

/** What a report shows of a recorded run. */
export function viewOf(run: Run): RunView {
  const summary = summarizeRun(run);
  const timeline = timelineOf(run);
  const trends = Object.entries(summary.metrics).filter(
    ([, metric]) => metric.kind === "trend" && metric.unit === "ms",
  );
  return {
    label: run.label,
    summary,
    recorded: {
      timeline,
      events: incidentsOf(timeline).map(({ from, to, text }) => ({ from, to, text })),
      findings: findingsOf(summary, timeline),
      histograms: Object.fromEntries(
        trends.map(([metric]) => [metric, histogramOf(select(run, { metric, tags: [] }))!] as const),
      ),
      instances: run.instances.map(instanceOf),
    },
  };
}

function instanceOf({ header, end }: Run["instances"][number]): Instance {
  const { host, os, arch, cpus, memoryBytes, descriptors } = header.environment;
  const known = [
    host,
    `${os}/${arch}`,
    counted(cpus, "processor"),
    memoryBytes && `${Math.round(memoryBytes / 2 ** 30)} GiB memory`,
    descriptors && `${descriptors} descriptors`,
  ];
  const { outOfRange = 0, notFinite = 0, withoutTags = 0 } = end?.excluded ?? {};
  const excluded = [
    outOfRange && `${outOfRange} values out of range counted as its bound`,
    notFinite && `${notFinite} values left out, since they are not numbers`,
    withoutTags && `${withoutTags} series counted without their tags`,
  ];
  return {
    part: header.segment ?? "all",
    machine: known.filter(Boolean).join(", "),
    excluded: excluded.filter(Boolean).join(", "),
  };
}

/** Tells runs of the same name apart: by when they started, or by number where that is the same. */
export function distinctLabels(views: readonly RunView[]): RunView[] {
  const dated = views.map((view) => {
    const isUnique = views.filter(({ label }) => label === view.label).length === 1;
    return isUnique ? view : { ...view, label: `${view.label} ${view.summary.startedAt.slice(0, 19)}Z` };
  });
  return dated.map((view, i) => {
    const isUnique = dated.filter(({ label }) => label === view.label).length === 1;
    return isUnique ? view : { ...view, label: `${view.label} #${i + 1}` };
  });
}
