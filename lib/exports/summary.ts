/** Limits, verdicts, and the forms in which they are written down: `import … from "k6-realtime/summary"`. */
export { SUMMARY_FORMS } from "../summary/forms.ts";
export { junit } from "../summary/junit.ts";
export { markdown } from "../summary/markdown.ts";
export {
  type Breakdowns,
  breakdownThresholds,
  evaluate,
  type K6Data,
  type RunFacts,
  summarize,
  type Thresholds,
  trendStats,
} from "../summary/summarize.ts";
export type { MetricFigures, MetricSummary, Summary, ThresholdSummary, Verdict } from "../summary/summary.ts";
export { terminal } from "../summary/terminal.ts";
export { holds, type Limit, parseLimit } from "../summary/threshold.ts";
export { describeLimit, type Evidence, judge } from "../summary/verdict.ts";
