/** The charts of a report as data: what is on them, not how they are drawn. Pure. */
import { METRICS, type MetricName } from "../../lib/metrics.ts";
import { PAGE_LEGS, type PageLeg } from "../../lib/reasons.ts";
import { withoutStep } from "../../lib/steps.ts";
import { stepMetric } from "../../lib/summary/layout.ts";
import { parseLimit } from "../../lib/summary/threshold.ts";
import { titleOf } from "../../lib/titles.ts";
import { type Histogram, largest, quantile } from "../recording/histogram.ts";
import { type Axis, type Chart, type Event, type Line, linear, MILLISECONDS, type Values } from "./chart.ts";
import { closes, percentiles } from "./summary-charts.ts";
import type { Latency, Timeline } from "./timeline.ts";
import type { RunView } from "./view.ts";

/** Of one run as its clock had it; several are laid over each other from where their load began. */
const timeOf = (views: readonly RunView[]): Axis => ({
  label: views.length > 1 ? "time since the load began" : "time since the start",
  scale: "time",
});

/** Every chart that there is something to draw on. */
export function chartsOf(views: readonly RunView[]): Chart[] {
  const charts = [
    latencyBySteps(views),
    ...(views.some(({ recorded }) => recorded)
      ? [
          ...(views.length > 1 ? distributions(views) : []),
          wireAndPage(views),
          ...latencyCharts(views),
          connections(views),
          ...rates(views),
          ...faults(views),
          drops(views),
          ...(views.length > 1 ? [] : distributions(views)),
          lagByConnections(views),
          generatorDelay(views),
          processors(views),
        ]
      : [percentiles(views), closes(views)]),
  ];
  return charts.filter(({ lines }) => lines.some(({ y }) => y.some((value) => value !== null)));
}

/** Draws lines for each run that was recorded; those of one run alone take colours of their own. */
function linesOver(
  views: readonly RunView[],
  of: (timeline: Timeline) => readonly (Pick<Line, "label" | "y"> & Partial<Pick<Line, "style">>)[],
): Line[] {
  const isAlone = views.length === 1;
  return views.flatMap(({ label, recorded }, run) => {
    const timeline = recorded?.timeline ?? NOTHING;
    const start = isAlone ? 0 : timeline.loadStart;
    const skipped = isAlone ? 0 : timeline.seconds.filter((second) => second < start).length;
    const x = timeline.seconds.slice(skipped).map((second) => second - start);
    return of(timeline).map((line, i) => ({
      style: isAlone || i % 2 === 0 ? ("line" as const) : ("dashed" as const),
      ...line,
      label: isAlone ? line.label : `${label} ${line.label}`.trim(),
      color: isAlone ? i : run,
      x,
      y: line.y.slice(skipped),
    }));
  });
}

const NOTHING: Timeline = {
  cellSeconds: 1,
  seconds: [],
  loadStart: 0,
  latencies: {},
  pageLegs: {},
  generatorDelay: {},
  connections: [],
  rates: {},
  faults: {},
  drops: {},
  processors: [],
  memory: [],
};

function latencyCharts(views: readonly RunView[]): Chart[] {
  const metrics = namesIn(views, ({ latencies }) => latencies);
  return metrics.flatMap((metric) =>
    views.length === 1 ? [latencyChart(views, metric)] : percentileCharts(views, metric),
  );
}

/** How late publications are on the wire and on a screen, one over the other. */
const wireAndPage = (views: readonly RunView[]) =>
  timeChart(
    views,
    "Wire and page",
    "When publications came to the engine's connections (fan-out lag), when a page showed them (page lag), and the median of each leg of the way to the page.",
    MILLISECONDS,
    ({ latencies: { ws_fanout_lag_ms: wire, ws_page_lag_ms: page }, pageLegs }) =>
      page
        ? [
            ...(wire ? [{ label: "wire, p50", y: wire.p50 }] : []),
            { label: "page, p50", y: page.p50 },
            ...(wire ? [{ label: "wire, p99", y: wire.p99, style: "dashed" as const }] : []),
            { label: "page, max", y: page.max, style: "points" as const },
            ...PAGE_LEGS.flatMap((leg) => {
              const latency = pageLegs[leg];
              return latency ? [{ label: `leg to ${LEG_ENDS[leg]}, p50`, y: latency.p50 }] : [];
            }),
          ]
        : [],
  );

const LEG_ENDS = {
  wire: "this machine",
  handler: "the handler",
  dom: "the DOM",
  frame: "the frame",
} as const satisfies { readonly [L in PageLeg]: string };

const latencyChart = (views: readonly RunView[], metric: string): Chart => ({
  ...timeChart(views, titleOf(metric), helpOf(metric), MILLISECONDS, ({ latencies }) =>
    percentileLines(latencies[metric]),
  ),
  metric,
  right: linear("connections"),
  lines: [
    ...linesOver(views, ({ latencies }) => percentileLines(latencies[metric])),
    ...beneath(views[0]!.recorded?.timeline ?? NOTHING),
  ],
  limits: limitsOn(views, metric, "y"),
});

function percentileLines(latency: Latency | undefined) {
  if (!latency) return [];
  const { p50, p95, p99, max } = latency;
  return [
    { label: "p50", y: p50 },
    { label: "p95", y: p95 },
    { label: "p99", y: p99 },
    { label: "max", y: max, style: "points" as const },
  ];
}

/** Of several runs a chart for each percentile, a line for each run: more lines than that hide one another. */
const percentileCharts = (views: readonly RunView[], metric: string): Chart[] =>
  (["p50", "p99"] as const).map((share) => ({
    ...timeChart(views, `${titleOf(metric)}, ${share}`, helpOf(metric), MILLISECONDS, ({ latencies }) => {
      const latency = latencies[metric];
      return latency ? [{ label: "", y: latency[share] }] : [];
    }),
    metric,
    limits: limitsOn(views, metric, "y").filter(({ label }) => isOn(label, share)),
  }));

/** Whether a limit is on this percentile. */
const isOn = (expression: string, share: "p50" | "p99"): boolean =>
  (share === "p50" ? ["med", "p(50)"] : ["p(99)"]).includes(parseLimit(expression)?.aggregate ?? "");

const namesIn = (
  views: readonly RunView[],
  of: (timeline: Timeline) => { readonly [name: string]: unknown },
): string[] => [
  ...new Set(views.flatMap(({ recorded }) => Object.keys(recorded ? of(recorded.timeline) : {}))),
];

/** The context of a latency: the load at that time, and the share that may be the generator's own. */
function beneath({ seconds: x, connections, generatorDelay }: Timeline): Line[] {
  const sides = Object.values(generatorDelay).map(({ p99 }) => p99);
  const slower = x.map((_, i) => {
    const values = sides.map((side) => side[i] ?? null).filter((value) => value !== null);
    return values.length > 0 ? Math.max(...values) : null;
  });
  return [
    { label: "generator's own, p99", color: "quiet", style: "dashed", x, y: slower },
    { label: "connections", color: "quiet", style: "area", axis: "right", x, y: connections },
  ];
}

const helpOf = (metric: string): string =>
  Object.hasOwn(METRICS, metric) ? METRICS[metric as MetricName].help : "A metric of the script's own.";

/** Events of several runs over each other would not tell whose they are. */
const eventsOf = ([first, second]: readonly RunView[]): readonly Event[] =>
  second ? [] : (first?.recorded?.events ?? []);

function limitsOn(views: readonly RunView[], metric: string, axis: "x" | "y"): Chart["limits"] {
  const limits = views
    .flatMap(({ summary }) => summary.thresholds)
    .filter((limit) => withoutStep(limit.metric) === metric);
  const expressions = [...new Set(limits.map(({ expression }) => expression))];
  return expressions.flatMap((expression) => {
    const limit = parseLimit(expression);
    const broken = limits.some((one) => one.expression === expression && !one.ok);
    return limit && limit.bound > 0 ? [{ at: limit.bound, axis, label: expression, broken }] : [];
  });
}

const timeChart = (
  views: readonly RunView[],
  title: string,
  help: string,
  y: Axis,
  of: Parameters<typeof linesOver>[1],
): Chart => ({
  title,
  help,
  x: timeOf(views),
  y,
  lines: linesOver(views, of),
  limits: [],
  events: eventsOf(views),
});

const connections = (views: readonly RunView[]) =>
  timeChart(views, "Connections", "Connections open.", linear("connections"), ({ connections }) => [
    { label: views.length === 1 ? "open" : "", y: connections },
  ]);

const rates = (views: readonly RunView[]) =>
  countCharts(
    views,
    "Per second",
    "Messages and connections a second.",
    linear("per second"),
    ({ rates }) => rates,
  );

const faults = (views: readonly RunView[]) =>
  countCharts(
    views,
    "Faults",
    "Lost, late, repeated, disordered and erroneous messages, and failed connections, by the time each was known.",
    linear("in each stretch"),
    ({ faults }) => faults,
  );

/** Counters over time: those of one run in one chart; of several runs a chart for each, with a line for each run. */
function countCharts(
  views: readonly RunView[],
  title: string,
  help: string,
  y: Axis,
  of: (timeline: Timeline) => { readonly [metric: string]: Values },
): Chart[] {
  if (views.length === 1) {
    const lines = (timeline: Timeline) =>
      Object.entries(of(timeline)).map(([metric, y]) => ({ label: titleOf(metric), y }));
    return [timeChart(views, title, help, y, lines)];
  }
  return namesIn(views, of).map((metric) => ({
    ...timeChart(views, titleOf(metric), helpOf(metric), y, (timeline) => {
      const own = of(timeline)[metric];
      return own ? [{ label: "", y: own }] : [];
    }),
    metric,
  }));
}

const drops = (views: readonly RunView[]) =>
  timeChart(
    views,
    "Drops",
    "Connections that ended unasked, by close code; 1006 means without any.",
    linear("drops"),
    ({ drops }) =>
      Object.entries(drops).map(([code, y]) => ({
        label: code,
        y: y.map((count) => count || null),
        style: "points" as const,
      })),
  );

/** What a load that grew came to at each of its sizes. */
function latencyBySteps(views: readonly RunView[]): Chart {
  const isAlone = views.length === 1;
  const shown = isAlone ? (["p50", "p90", "p99"] as const) : (["p50", "p99"] as const);
  const grown = views.flatMap(({ summary: { steps } }) => (steps ? [steps] : []));
  const of = [...new Set(grown.map(({ of }) => of))].join(", ");
  const metrics = new Set(views.flatMap(({ summary }) => stepMetric(summary) ?? []));
  return {
    title: `${[...metrics].map(titleOf).join(", ")} by ${of}`,
    help: "Each step of a load that grew, up to the first that broke a limit.",
    x: { label: of, scale: "linear" },
    y: MILLISECONDS,
    lines: views.flatMap(({ label, summary: { steps } }, run) =>
      shown.map((percentile, i) => ({
        label: isAlone ? percentile : `${label} ${percentile}`,
        color: isAlone ? i : run,
        style: isAlone || percentile === "p99" ? ("line" as const) : ("dashed" as const),
        x: (steps?.curve ?? []).map(({ size }) => size),
        y: (steps?.curve ?? []).map(({ latency }) => latency?.[percentile] ?? null),
      })),
    ),
    limits: [...metrics].flatMap((metric) => limitsOn(views, metric, "y")),
    events: [],
  };
}

const generatorDelay = (views: readonly RunView[]) =>
  timeChart(
    views,
    "Generator delay",
    "What the load generator itself added, p99 by side. If it nears the limits, the figures are not the server's.",
    MILLISECONDS,
    ({ generatorDelay }) =>
      Object.entries(generatorDelay).map(([side, { p99 }]) => ({ label: side, y: p99 })),
  );

const processors = (views: readonly RunView[]) =>
  timeChart(
    views,
    "Generator's processors",
    "Processors that the load generator kept busy, over all its instances.",
    linear("processors"),
    ({ processors }) => [{ label: views.length === 1 ? "busy" : "", y: processors }],
  );

const DISTRIBUTIONS = [
  "ws_msg_rtt_ms",
  "ws_fanout_lag_ms",
  "ws_page_lag_ms",
  "token_first_content_ms",
  "token_per_token_ms",
  "ws_connect_latency_ms",
] as const satisfies readonly MetricName[];

function distributions(views: readonly RunView[]): Chart[] {
  const metrics = DISTRIBUTIONS.filter((metric) =>
    views.some(({ recorded }) => recorded?.histograms[metric]),
  );
  return metrics.map((metric) => ({
    title: `${titleOf(metric)}, by percentile`,
    metric,
    help: "How many values were no slower: 99 % of them are at or below the line's value there.",
    x: { label: "percentile", scale: "percentile" },
    y: MILLISECONDS,
    lines: views.flatMap(({ label, recorded }, color) => {
      const histogram = recorded?.histograms[metric];
      if (!histogram) return [];
      return [
        {
          label: views.length === 1 ? "ms" : label,
          color,
          style: "line" as const,
          ...percentileCurve(histogram),
        },
      ];
    }),
    limits: limitsOn(views, metric, "y"),
    events: [],
  }));
}

/** Points of the curve in each halving of what is still slower. */
const POINTS_A_HALVING = 5;

/** Percentiles ever closer to all, up to the slowest value: x is 1 / (1 - p). */
export function percentileCurve(histogram: Histogram): { x: number[]; y: number[] } {
  const halvings = Math.log2(Math.max(1, histogram.total));
  const x = Array.from(
    { length: Math.floor(halvings * POINTS_A_HALVING) + 1 },
    (_, i) => 2 ** (i / POINTS_A_HALVING),
  );
  const y = x.map((inverse) => quantile(histogram, 1 - 1 / inverse));
  if (x.at(-1)! < histogram.total) x.push(histogram.total);
  if (y.length < x.length) y.push(largest(histogram));
  return { x, y };
}

function lagByConnections(views: readonly RunView[]): Chart {
  return {
    title: "Fan-out lag by connections",
    help: "Each point is one stretch of time: how late the slowest in a hundred deliveries were, at that many connections.",
    x: linear("connections"),
    y: MILLISECONDS,
    lines: views.flatMap(({ label, recorded }, color) => {
      const lag = recorded?.timeline.latencies.ws_fanout_lag_ms;
      if (!lag || !recorded) return [];
      const points = recorded.timeline.connections
        .map((open, i) => [open, lag.p99[i] ?? null] as const)
        .filter(([open, p99]) => open !== null && p99 !== null) as [number, number][];
      points.sort(([a], [b]) => a - b);
      const [x, y] = [points.map(([open]) => open), points.map(([, p99]) => p99)];
      return [{ label: views.length === 1 ? "p99" : label, color, style: "points" as const, x, y }];
    }),
    limits: limitsOn(views, "ws_fanout_lag_ms", "y"),
    events: [],
  };
}
