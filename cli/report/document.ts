/** The page of a report: text and tables here, charts by the script that it carries. Pure. */
import { meaningsIn } from "../../lib/reason-meanings.ts";
import { COUNT_HEADER, LATENCY_HEADER, layout } from "../../lib/summary/layout.ts";
import type { Chart } from "./chart.ts";
import { contract, contractNotes, rulesOf } from "./contract.ts";
import { type Html, html, json } from "./html.ts";
import { caption, environment, figure, findings, limits, section, table, tiles, verdict } from "./parts.ts";
import { type Assets, shell } from "./shell.ts";
import { tested } from "./tested.ts";
import type { RunView } from "./view.ts";

/** What a page shows below its headline. */
export interface Content {
  readonly above: Html;
  /** The charts' places. */
  readonly figures: Html;
  readonly below: Html;
}

/** All that a page shows. */
export interface Page {
  readonly title: string;
  readonly headline: Html;
  readonly content: Content;
  readonly charts: readonly Chart[];
  readonly assets: Assets;
  /** Whether the page is to ask its server for more, each second. */
  readonly isLive: boolean;
}

/** The page of runs that are over. */
export function reportOf(views: readonly RunView[], charts: readonly Chart[], assets: Assets): string {
  const scenarios = [...new Set(views.map(({ summary }) => summary.scenario))].join(", ");
  const title = `${scenarios}: ${views.map(({ summary }) => summary.verdict).join(", ")}`;
  return documentOf({
    title,
    headline: headlineOf(views),
    content: contentOf(views, charts),
    charts,
    assets,
    isLive: false,
  });
}

/** A whole HTML page. */
export function documentOf({ title, headline, content, charts, assets, isLive }: Page): string {
  const { above, figures, below } = content;
  const body = html`<header id="headline">${headline}</header>
<main>
<div id="above">${above}</div>
<section class="charts" id="figures">${figures}</section>
<div id="below">${below}</div>
</main>
<noscript><p>The charts need JavaScript, which the page carries itself.</p></noscript>
<script type="application/json" id="charts">${json(charts)}</script>`;
  return shell({ title, body, assets, isLive });
}

/** What the runs came to, first of all. */
export function headlineOf(views: readonly RunView[]): Html {
  const title = [...new Set(views.map(({ summary }) => summary.scenario))].join(", ");
  return html`<h1>${title}</h1>${views.map((view, i) => verdict(view, i, views.length > 1))}`;
}

/** The same of a run that goes on. */
export const runningHeadline = (scenario: string, text: string): Html =>
  html`<h1>${scenario}</h1><div class="verdict running"><p><strong>running</strong> ${text}</p></div>`;

/** What stands above the charts, the charts' places, and what stands below them. */
export function contentOf(views: readonly RunView[], charts: readonly Chart[]): Content {
  const isOneOfSeveral = views.length > 1;
  const above = html`${views.map((view) => tiles(view, isOneOfSeveral))}${section(
    "What stands out",
    views.map((view) => findings(view, isOneOfSeveral)),
  )}${section(
    "Limits",
    views.map((view) => limits(view, isOneOfSeveral)),
  )}${section("Contract", [
    ...views.map((view) => contract(view, caption(view, views))),
    rulesOf(views),
  ])}${section(
    "Steps",
    views.map((view) => {
      const { steps, stepHeader } = layout(view.summary);
      return table(caption(view, views), stepHeader, steps);
    }),
  )}`;
  const below = html`${tested(views)}${section(
    "Latencies",
    views.map((view) => table(caption(view, views), LATENCY_HEADER, layout(view.summary).latencies)),
  )}${section(
    "Counts",
    views.map((view) => table(caption(view, views), COUNT_HEADER, layout(view.summary).counts)),
  )}${section(
    "What the reasons mean, and what to do",
    views.map((view) => table(caption(view, views), TERMS_HEADER, termRows(view))),
  )}${section(
    "Environment",
    views.map((view) => environment(view, isOneOfSeveral, contractNotes(view))),
  )}`;
  return { above, figures: html`${charts.map(figure)}`, below };
}

const TERMS_HEADER = ["reason", "times", "means", "what to do"];

/** The reasons and codes that occurred; docs/reference/reasons-and-codes.md has them all. */
const termRows = ({ summary }: RunView): string[][] =>
  meaningsIn(summary.metrics).map(({ name, count, means, advice }) => [name, String(count), means, advice]);
