/** When messages are due, who is there when, and durations: `import … from "k6-realtime/pacing"`. */
export { connectionsOf, type Load, plannedMs, type Span, sessionsIn, spanOf } from "../load.ts";
export { type Backoff, backoffMs, type DueTimes, dueAt, dueIn, Grid, steady } from "../pacing.ts";
export { formatDuration, type Ms, ms, parseDuration } from "../units.ts";
