/** The page of a run beside earlier ones: what differs, and how far chance explains it. Pure. */
import { LATENCY_HEADER, signed } from "../../lib/summary/layout.ts";
import type { ComparisonSummary, MetricSummary } from "../../lib/summary/summary.ts";
import { grouped, number } from "../../lib/summary/verdict.ts";
import { titleOf } from "../../lib/titles.ts";
import { formatDuration, ms } from "../../lib/units.ts";
import { inWords } from "../gate/decide.ts";
import { nameOf } from "../gate/measure.ts";
import type { Comparison, Regression } from "../gate/regression.ts";
import type { Chart } from "./chart.ts";
import { chartsOf } from "./charts.ts";
import { type Content, documentOf } from "./document.ts";
import { type Html, html } from "./html.ts";
import { interval, type Scale, scaleHeader, scaleOf } from "./interval.ts";
import { colored, environment, figure, findings, limits, numeric, section, table, verdict } from "./parts.ts";
import type { Assets } from "./shell.ts";
import { tested } from "./tested.ts";
import type { RunView } from "./view.ts";

/** A run that was compared with earlier ones. */
export interface Compared {
  /** The run, then its baselines, by the names that the comparison gives them. */
  readonly views: readonly RunView[];
  readonly regression: Regression;
  /** What the comparison rests on, in sentences. */
  readonly basis: readonly string[];
}

/** The whole page. */
export function comparedReportOf(compared: Compared, assets: Assets): string {
  const [run] = compared.views as [RunView];
  const { scenario, verdict: word } = run.summary;
  const earlier = compared.views.length - 1;
  const others = ["no earlier run", "one earlier run"][earlier] ?? `${earlier} earlier runs`;
  const charts = chartsOf(compared.views).map(emphasized);
  return documentOf({
    title: `${scenario}: ${word}, compared with ${others}`,
    headline: html`<h1>${scenario}, compared</h1>${verdict(run, 0, true)}`,
    content: contentOf(compared, charts),
    charts,
    assets,
    isLive: false,
  });
}

/** The run's own lines stand out among those of its baselines: it has the first colour. */
const emphasized = (chart: Chart): Chart => ({
  ...chart,
  lines: chart.lines.map((line) => (line.color === 0 ? { ...line, isStrong: true } : line)),
});

function contentOf(compared: Compared, charts: readonly Chart[]): Content {
  const { views, regression, basis } = compared;
  const [run] = views as [RunView];
  const rest = [...basis, ...regression.notCompared.map((one) => `not compared: ${one}`)];
  const above = html`${section("Slower than before?", [
    comparisons(compared),
    ...rest.map((sentence) => html`<p class="note">${sentence}</p>`),
  ])}${section("Runs", [runsTable(views)])}${section(
    "What stands out",
    views.map((view, i) => findings(view, true, i === 0 ? undefined : OF_A_BASELINE)),
  )}${section("Limits", [limits(run, false)])}`;
  const below = html`${tested(views)}${section("Latencies", [latencies(views)])}${section("Counts", [counts(views)])}${section(
    "Environment",
    views.map((view) => environment(view, true, basis)),
  )}`;
  return { above, figures: html`${charts.map(figure)}`, below };
}

/** How many findings of a baseline are shown. */
const OF_A_BASELINE = 5;

function runsTable(views: readonly RunView[]): Html | "" {
  const rows = views.map((view, i) => {
    const { summary } = view;
    return [
      colored(view, i),
      i === 0 ? "this run" : "baseline",
      summary.verdict,
      html`<span class="whole">${summary.startedAt.slice(0, 19).replace("T", " ")} UTC</span>`,
      formatDuration(ms(Math.round(summary.durationMs / 1_000) * 1_000)),
      // The run's own stands at the top.
      i === 0 ? "see above" : summary.reason,
    ];
  });
  return table("", ["run", "", "verdict", "started", "lasted", "because"], rows);
}

/** Each latency of the run beside that of every baseline, and the interval of the ratio as a picture. */
function comparisons({ views, regression }: Compared): Html | "" {
  const [run, ...baselines] = views as [RunView, ...RunView[]];
  const rows = run.summary.comparisons ?? [];
  if (rows.length === 0) return "";
  const scale = scaleOf(rows, regression.tolerance);
  const of = new Map(regression.comparisons.map((one) => [nameOf(one), one]));
  const names = baselines.map((view, i) => html`<th class="figure">${colored(view, i + 1)}</th>`);
  // What is usual is the one baseline, or the median of several, which stand behind.
  const usual = baselines.length === 1 ? names : html`<th class="figure">usual</th>`;
  return html`<div class="scroll"><table>
<thead><tr><th></th><th class="figure">${colored(run, 0)}</th>${usual}<th class="figure">change</th><th class="figure">interval</th><th>${scaleHeader(scale)}</th><th></th>${baselines.length === 1 ? "" : names}</tr></thead>
<tbody>${rows.map((row) => comparisonRow(row, of.get(row.what), baselines, scale, regression))}</tbody></table></div>`;
}

function comparisonRow(
  row: ComparisonSummary,
  compared: Comparison | undefined,
  baselines: readonly RunView[],
  scale: Scale,
  regression: Regression,
): Html {
  const { what, ok, before, now, low, high } = row;
  const ratio = before !== null && now !== null && before > 0 ? now / before : undefined;
  const each = baselines.length === 1 ? [] : baselines;
  const values = each.map(({ label }) => {
    const one = compared?.baselines.find((baseline) => baseline.label === label);
    return numeric(one ? `${number(one.value)}${one.isOdd ? " (far off, not counted)" : ""}` : "–");
  });
  const word = compared ? inWords(compared, regression) : ok ? "no fewer" : "fewer";
  const figures = [
    now === null ? "–" : number(now),
    before === null ? "–" : number(before),
    ratio === undefined ? "–" : signed(ratio),
    low === null || high === null ? "" : `${signed(low)} to ${signed(high)}`,
  ];
  const picture = ratio === undefined ? "" : interval({ ratio, low, high, ok }, scale);
  return html`<tr><td>${titled(what)}</td>${figures.map(numeric)}<td>${picture}</td><td class="word${ok ? "" : " slower"}">${ok ? "" : "✗ "}${word}</td>${values}</tr>`;
}

/** `ws_msg_rtt_ms p99` in plain words, with its unit. */
function titled(what: string): string {
  const [, metric, tags, share] = /^(\w+?)(\{.*\})? (p\S+)$/.exec(what) ?? [];
  if (!metric) return what;
  return `${titleOf(metric)}${tags ? ` ${tags}` : ""}, ${share} (ms)`;
}

const PERCENTILES = ["p50", "p90", "p95", "p99", "max"] as const;

/** The figures of every distribution, run by run. */
function latencies(views: readonly RunView[]): Html | "" {
  const metrics = namesIn(views).filter((name) =>
    views.some(({ summary }) => trendOf(summary.metrics[name])),
  );
  const rows = metrics.flatMap((name) =>
    views.flatMap((view, i) => {
      const trend = trendOf(view.summary.metrics[name]);
      if (!trend) return [];
      const figures = PERCENTILES.map((share) => (trend[share] === null ? "–" : number(trend[share])));
      return [[name, colored(view, i), ...figures, String(trend.count)]];
    }),
  );
  const [first, ...more] = LATENCY_HEADER as [string, ...string[]];
  return table("", [first, "run", ...more], rows);
}

const trendOf = (metric: MetricSummary | undefined) =>
  metric?.kind === "trend" && metric.count > 0 ? metric : undefined;

/** The counts of each run. Limits judge them, not intervals: nobody knows how such counts vary by themselves. */
function counts(views: readonly RunView[]): Html | "" {
  const rows = namesIn(views).flatMap((name) => {
    if (name.startsWith("ws_shards_")) return [];
    const cells = views.map(({ summary }) => countOf(summary.metrics[name]));
    return cells.every((cell) => cell === undefined) ? [] : [[name, ...cells.map((cell) => cell ?? "0")]];
  });
  return table("", ["count", ...views.map(colored)], rows);
}

function countOf(metric: MetricSummary | undefined): string | undefined {
  if (metric?.kind === "counter" && metric.count > 0) return grouped(metric.count);
  if (metric?.kind === "rate" && metric.rate !== null) return `${number(metric.rate * 100)} %`;
  return undefined;
}

const namesIn = (views: readonly RunView[]): string[] => [
  ...new Set(views.flatMap(({ summary }) => Object.keys(summary.metrics))),
];
