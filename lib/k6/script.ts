import type { Options } from "k6/options";
import type { MetricName, MetricSpec } from "../metrics.ts";
import { requireOwnNames } from "../metrics.ts";
import { SUMMARY_FORMS } from "../summary/forms.ts";
import { requireLimits } from "../summary/limits.ts";
import {
  breakdownThresholds,
  type K6Data,
  summarize,
  type Thresholds,
  trendStats,
} from "../summary/summarize.ts";
import type { Summary } from "../summary/summary.ts";
import { terminal } from "../summary/terminal.ts";
import { type Duration, inMs, ms } from "../units.ts";
import { iterationsLeftOut, iterationsOf } from "./executors.ts";
import { resultsDir } from "./files.ts";
import { noticesSoFar } from "./notices.ts";
import { type Record, recorder } from "./recorder.ts";
import { SHARD_METRICS } from "./shards.ts";
import { summaryReminder } from "./summary-reminder.ts";

/** A metric, or one of its values by tag: `ws_connection_drops{code:1006}`. */
type SeriesOf<M extends string> = M | `${M}{${string}}`;

/** A script with executors and iterations of its own. */
export interface ScriptSpec<M extends string> {
  /** What it is called in its summary, whose files have that name. */
  readonly name: string;
  /** Metrics of the toolkit that it records, such as {@link ROUND_TRIP_METRICS}. */
  readonly records: readonly MetricName[];
  /** Metrics of its own: `{ my_time_ms: trend("…") }`. */
  readonly metrics?: { readonly [K in M]: MetricSpec };
  /** What it is judged by. A Counter above nothing must be among it, so that silence cannot pass. */
  readonly limits: { readonly [S in SeriesOf<MetricName | NoInfer<M>>]?: readonly string[] };
  /** k6's own, without thresholds: `{ scenarios: { … } }`. */
  readonly options?: Omit<Options, "thresholds">;
  /** How long it is to take, where that is known. */
  readonly planned?: Duration;
  /** An existing directory for the summary's files. Default: `RESULTS_DIR`; none where that is not set. */
  readonly resultsDir?: string;
}

/**
 * What makes a script of your own a test with a verdict (docs/guides/scripts.md): declares its metrics, counts which of its
 * iterations came to their end, and judges.
 *
 * @throws RangeError where a limit or a metric is wrong, or no limit asks for traffic
 */
export function script<M extends string = never>(spec: ScriptSpec<M>) {
  const own = spec.metrics ?? ({} as { readonly [K in M]: MetricSpec });
  requireOwnNames(own);
  const names = [...new Set<string>([...spec.records, ...Object.keys(own), ...SHARD_METRICS])];
  const limits = spec.limits as Thresholds;
  requireLimits("limits", limits, names, own);
  const record: Record<M> = recorder([...spec.records, ...SHARD_METRICS], own);
  const counted = iterationsOf(record);
  const results = resultsDir(spec.resultsDir ?? __ENV.RESULTS_DIR ?? "");
  const remindOfSummary = summaryReminder(spec.name);
  const plannedMs = spec.planned === undefined ? ms(0) : inMs(spec.planned, "planned");

  const options: Options = {
    ...spec.options,
    thresholds: { ...breakdownThresholds(names, {}, own), ...limits } as NonNullable<Options["thresholds"]>,
    summaryTrendStats: trendStats(limits),
  };

  return {
    options,
    record,

    /** One iteration. One that k6 interrupts, or that throws, leaves the run incomplete. */
    async iteration<T>(drive: () => T | Promise<T>): Promise<T> {
      remindOfSummary();
      return counted(drive);
    },

    handleSummary(data: K6Data): { [path: string]: string } {
      const summary = summaryOf(data);
      const files: { [path: string]: string } = { stdout: terminal(summary) };
      for (const [suffix, write] of Object.entries(results === "" ? {} : SUMMARY_FORMS))
        files[`${results}/${spec.name}${suffix}`] = write(summary);
      return files;
    },
  };

  function summaryOf(data: K6Data): Summary {
    return summarize(
      // The result of a script's own setup proves nothing. Without a single iteration there is no load.
      { ...data, setup_data: { upgraded: true } },
      {
        scenario: spec.name,
        plannedMs,
        metrics: names,
        own,
        limits,
        k6: { version: __ENV.K6_VERSION || null, extension: null },
        endedAt: new Date(),
        refusal: iterationsLeftOut(data),
        notes: () => [...noticesSoFar()],
      },
    );
  }
}
