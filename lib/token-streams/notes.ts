/** What the figures of token streams say, in sentences. Pure. */
import { countOf } from "../summary/counts.ts";
import type { MetricFigures, Summary } from "../summary/summary.ts";
import { grouped, number } from "../summary/words.ts";
import type { Ms } from "../units.ts";

type Metrics = Summary["metrics"];

const medianOf = (metric: MetricFigures | undefined): number | null =>
  metric?.kind === "trend" ? metric.p50 : null;

const streams = (count: number): string => (count === 1 ? "1 stream" : `${grouped(count)} streams`);

/** @param duration for how long requests fell due */
export function notesOnTokenStreams(metrics: Metrics, duration: Ms, isClosed: boolean): string[] {
  return [
    ...throughput(metrics, duration),
    ...buffering(metrics),
    ...estimates(metrics),
    ...(isClosed
      ? [
          "each user waits for its stream to end before its next request, so a slow server gets fewer requests: RATE keeps them coming",
        ]
      : []),
  ];
}

/** Tokens in a second, of all streams and of one. */
function throughput(metrics: Metrics, duration: Ms): string[] {
  const tokens = countOf(metrics.token_output_tokens);
  const chunks = countOf(metrics.token_chunks);
  if (tokens === 0 || duration === 0) return [];
  const each = medianOf(metrics.token_per_token_ms);
  const speed =
    each === null || each === 0 ? "" : `; a stream brought ${number(1_000 / each)} a second by the median`;
  return [
    `${grouped(tokens)} output tokens, ${grouped(Math.round(tokens / (duration / 1_000)))} for each of the ${number(duration / 1_000)} seconds in which requests fell due${speed}`,
    `${grouped(tokens)} tokens came in ${grouped(chunks)} chunks, ${number(tokens / chunks)} to each`,
  ];
}

/** A stream that comes in bursts was held back on the way. */
function buffering(metrics: Metrics): string[] {
  const buffered = countOf(metrics.token_buffered_streams);
  if (buffered === 0) return [];
  const each = countOf(metrics.token_burst_chunks) / countOf(metrics.token_bursts);
  return [
    `${streams(buffered)} of ${grouped(countOf(metrics.token_requests))} came buffered, ${number(each)} chunks in a burst on average. A proxy (nginx: proxy_buffering off, or X-Accel-Buffering: no), compression or the server itself holds them back. The first content and the gaps then belong to the buffer`,
  ];
}

function estimates(metrics: Metrics): string[] {
  const estimated = countOf(metrics.token_output_tokens?.by?.basis?.estimated);
  if (estimated === 0) return [];
  return [
    `${grouped(estimated)} tokens are estimated, by CHARACTERS_PER_TOKEN, of streams that reported no usage: token_output_tokens and token_per_token_ms tell them apart (basis)`,
  ];
}
