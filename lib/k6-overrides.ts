/** What a scenario would lose to k6's own options: its load, its limits, its setup, its figures. Pure. */
import type { Thresholds } from "./summary/summarize.ts";

/** The variables by which k6 is told so, and what they would replace. */
const REPLACING = {
  K6_VUS: "the load",
  K6_DURATION: "the load",
  K6_ITERATIONS: "the load",
  K6_STAGES: "the load",
  K6_MIN_ITERATION_DURATION: "the load",
  K6_THRESHOLDS: "the limits",
  K6_SETUP_TIMEOUT: "the timeout of the setup",
  K6_SUMMARY_TREND_STATS: "the percentiles",
  K6_NEW_MACHINE_READABLE_SUMMARY: "the data of the summary",
  K6_SYSTEM_TAGS: "the tags, of which k6's url and name may hold a token",
} as const;

/** What this scenario is told them by instead. */
const INSTEAD: Readonly<Record<string, string>> = {
  "the limits": ": use -e PROFILE",
  "the timeout of the setup": ": use -e CONNECT_TIMEOUT",
};

/**
 * Each of k6's variables that would replace what the scenario says, as a line for an error.
 *
 * @param load the settings by which the scenario is told its load
 */
export function replacingVariables(
  env: Readonly<Record<string, string | undefined>>,
  load: readonly string[],
): string[] {
  return Object.entries(REPLACING)
    .filter(([name]) => !["", "false", undefined].includes(env[name]))
    .map(([name, what]) => {
      const instead = what === "the load" ? `: use ${asFlags(load)}` : (INSTEAD[what] ?? "");
      return `${name}: expected nothing, since it would replace ${what} of this script${instead}`;
    });
}

/** The part that is read here of the options that a run was begun with (`exec.test.options`). */
export interface RunOptions {
  readonly scenarios?: object | null | undefined;
  readonly thresholds?: object | null | undefined;
  readonly summaryTrendStats?: readonly string[] | null | undefined;
  readonly systemTags?: readonly string[] | null | undefined;
  readonly minIterationDuration?: unknown;
}

/** What a scenario asked k6 for. */
export interface Own {
  readonly scenario: string;
  readonly limits: Thresholds;
  readonly trendStats: readonly string[];
  /** The settings by which it is told its load. */
  readonly load: readonly string[];
}

/** Which of a scenario's options k6 was told to replace, by a flag or wherever else; undefined for none. */
export function replacedOptions(options: RunOptions, own: Own): string | undefined {
  const { scenarios, thresholds, summaryTrendStats, systemTags, minIterationDuration } = options;
  if (!Object.hasOwn(scenarios ?? {}, own.scenario)) {
    return `--vus, --iterations, --duration and --stage, and K6_VUS and its like, replace the load of this script: use ${asFlags(own.load)}`;
  }
  if (minIterationDuration != null) return "--min-iteration-duration replaces the load of this script";
  if (!Object.keys(own.limits).every((series) => Object.hasOwn(thresholds ?? {}, series))) {
    return "K6_THRESHOLDS replaces the limits of this script: use -e PROFILE";
  }
  const lacking = own.trendStats.filter((stat) => !summaryTrendStats?.includes(stat));
  if (lacking.length > 0) {
    return `--summary-trend-stats leaves out what this script needs: ${lacking.join(", ")}`;
  }
  if (systemTags?.some((tag) => tag === "url" || tag === "name")) {
    return "--system-tags adds url or name, which may hold a token";
  }
  return undefined;
}

const asFlags = (settings: readonly string[]): string => settings.map((name) => `-e ${name}`).join(", ");
