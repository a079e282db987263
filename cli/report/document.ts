/** The page of a report: text and tables here, charts by the script that it carries. Pure. */
import { createHash } from "node:crypto";
import { COUNT_HEADER, LATENCY_HEADER, LIMIT_HEADER, layout } from "../../lib/summary/layout.ts";
import type { ThresholdSummary } from "../../lib/summary/summary.ts";
import { parseLimit } from "../../lib/summary/threshold.ts";
import { type Chart, clock } from "./chart.ts";
import type { Finding } from "./findings.ts";
import { Html, html, json } from "./html.ts";
import { tilesOf } from "./tiles.ts";
import type { RunView } from "./view.ts";

/** What the page carries to draw with; nothing is loaded from elsewhere. */
export interface Assets {
  readonly script: string;
  readonly style: string;
}

/** All that a page shows. */
export interface Page {
  readonly title: string;
  readonly headline: Html;
  readonly views: readonly RunView[];
  readonly charts: readonly Chart[];
  readonly assets: Assets;
  /** Whether the page is to ask its server for more, each second. */
  readonly isLive: boolean;
}

/** The page of runs that are over. */
export function reportOf(views: readonly RunView[], charts: readonly Chart[], assets: Assets): string {
  const scenarios = [...new Set(views.map(({ summary }) => summary.scenario))].join(", ");
  const title = `${scenarios}: ${views.map(({ summary }) => summary.verdict).join(", ")}`;
  return documentOf({ title, headline: headlineOf(views), views, charts, assets, isLive: false });
}

/** A whole HTML page. */
export function documentOf({ title, headline, views, charts, assets, isLive }: Page): string {
  const { above, figures, below } = contentOf(views, charts);
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy(assets, isLive)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${raw(assets.style)}</style>
</head>
<body${isLive ? new Html(" data-live") : ""}>
<header id="headline">${headline}</header>
<main>
<div id="above">${above}</div>
<section class="charts" id="figures">${figures}</section>
<div id="below">${below}</div>
</main>
<noscript><p>The charts need JavaScript, which the page carries itself.</p></noscript>
<script type="application/json" id="charts">${json(charts)}</script>
<script>${raw(assets.script)}</script>
</body>
</html>
`;
  return page.markup;
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
export function contentOf(views: readonly RunView[], charts: readonly Chart[]) {
  const isOneOfSeveral = views.length > 1;
  const above = html`${views.map((view) => tiles(view, isOneOfSeveral))}${section(
    "What stands out",
    views.map((view) => findings(view, isOneOfSeveral)),
  )}${section(
    "Limits",
    views.map((view) => limits(view, isOneOfSeveral)),
  )}${section(
    "Steps",
    views.map((view) => {
      const { steps, stepHeader } = layout(view.summary);
      return table(caption(view, views), stepHeader, steps);
    }),
  )}`;
  const below = html`${section(
    "Latencies",
    views.map((view) => table(caption(view, views), LATENCY_HEADER, layout(view.summary).latencies)),
  )}${section(
    "Counts",
    views.map((view) => table(caption(view, views), COUNT_HEADER, layout(view.summary).counts)),
  )}${section(
    "Environment",
    views.map((view) => environment(view, isOneOfSeveral)),
  )}`;
  return { above, figures: html`${charts.map(figure)}`, below };
}

/** Only the page's own script and style run, whatever is in the data; nothing is fetched or sent but from a live run's own server. */
function policy({ script, style }: Assets, isLive: boolean): string {
  const hash = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  return `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; ${isLive ? "connect-src 'self'; " : ""}base-uri 'none'; form-action 'none'`;
}

/** Our own script or style, which must not end its element. */
function raw(text: string): Html {
  if (/<\/(script|style)/i.test(text))
    throw new Error("the page's script and style must not hold an end tag");
  return new Html(text);
}

const caption = ({ label }: RunView, views: readonly RunView[]): string => (views.length > 1 ? label : "");

function section(title: string, parts: readonly (Html | "")[]): Html | "" {
  const present = parts.filter((part) => part !== "");
  return present.length > 0 ? html`<section><h2>${title}</h2>${present}</section>` : "";
}

function verdict({ label, summary, recorded }: RunView, index: number, isOneOfSeveral: boolean): Html {
  const { facts } = layout(summary);
  const instances =
    recorded && recorded.instances.length > 1 ? `; ${recorded.instances.length} instances, merged` : "";
  return html`<div class="verdict ${summary.verdict}">
<p><strong>${summary.verdict}</strong> ${isOneOfSeveral ? html`<span class="run color-${index % 8}">${label}</span> ` : ""}${summary.reason}</p>
<p class="facts">${facts}${instances}; started ${summary.startedAt.slice(0, 19).replace("T", " ")} UTC</p>
</div>`;
}

function tiles({ label, summary }: RunView, isOneOfSeveral: boolean): Html | "" {
  const shown = tilesOf(summary);
  if (shown.length === 0) return "";
  return html`${isOneOfSeveral ? html`<h3>${label}</h3>` : ""}<dl class="tiles">${shown.map(
    ({ name, figure, beside }) =>
      html`<div class="tile"><dt>${name}</dt><dd>${figure} <small>${beside}</small></dd></div>`,
  )}</dl>`;
}

function limits({ label, summary }: RunView, isOneOfSeveral: boolean): Html | "" {
  if (summary.thresholds.length === 0) return "";
  const { limits } = layout(summary);
  return html`<div class="scroll"><table>${isOneOfSeveral ? html`<caption>${label}</caption>` : ""}
<thead><tr><th></th>${LIMIT_HEADER.map((name) => html`<th>${name}</th>`)}<th></th></tr></thead>
<tbody>${limits.map(
    ({ ok, cells }, i) =>
      html`<tr class="${ok ? "held" : "broken"}"><td>${ok ? "✓" : "✗"}</td>${cells.map(cellOf)}<td>${bar(summary.thresholds[i]!)}</td></tr>`,
  )}</tbody></table></div>`;
}

const BAR = 120;
/** Where the limit stands in a bar: there is room for what is beyond it. */
const AT_LIMIT = 90;

/** How far a value is from its limit; nothing where the limit is none to come near to. */
function bar({ expression, value, ok }: ThresholdSummary): Html | "" {
  const limit = parseLimit(expression);
  if (!limit || value === null || limit.bound <= 0 || !/^[<>]/.test(limit.operator)) return "";
  const share = limit.operator.startsWith("<")
    ? value / limit.bound
    : limit.bound / Math.max(value, Number.MIN_VALUE);
  const width = Math.min(share * AT_LIMIT, BAR).toFixed(1);
  return html`<svg class="bar ${ok ? "held" : "broken"}" width="${BAR}" height="12" role="img" aria-label="${Math.round(share * 100)} % of the limit"><rect width="${width}" height="12"></rect><line x1="${AT_LIMIT}" x2="${AT_LIMIT}" y1="0" y2="12"></line></svg>`;
}

function findings({ label, recorded }: RunView, isOneOfSeveral: boolean): Html | "" {
  if (!recorded || recorded.findings.length === 0) return "";
  const shown = recorded.findings.slice(0, MOST_FINDINGS);
  const more = recorded.findings.length - shown.length;
  return html`${isOneOfSeveral ? html`<h3>${label}</h3>` : ""}<ul class="findings">${shown.map(
    (finding) => html`<li>${when(finding)}${finding.text}</li>`,
  )}${more > 0 ? html`<li>and ${more} more</li>` : ""}</ul>`;
}

/** From when to when, as the charts' axes say it. */
function when({ from, to }: Finding): Html | "" {
  if (from === undefined || to === undefined) return "";
  return html`<b>${clock(from)} to ${clock(to)}</b> `;
}

const MOST_FINDINGS = 50;

const figure = ({ title, metric, help }: Chart, index: number): Html =>
  html`<figure><figcaption><h2>${title}${metric ? html` <code>${metric}</code>` : ""}</h2><p>${help}</p></figcaption><div class="plot" data-chart="${index}"></div></figure>`;

function table(caption: string, header: readonly string[], rows: readonly (readonly string[])[]): Html | "" {
  if (rows.length === 0) return "";
  return html`<div class="scroll"><table>${caption ? html`<caption>${caption}</caption>` : ""}
<thead><tr>${header.map((cell) => html`<th>${cell}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map(cellOf)}</tr>`)}</tbody></table></div>`;
}

const cellOf = (cell: string): Html =>
  /^[\d.,e+-]+( %)?$|^$/.test(cell) ? html`<td class="figure">${cell}</td>` : html`<td>${cell}</td>`;

function environment({ label, summary, recorded }: RunView, isOneOfSeveral: boolean): Html {
  const { k6 } = summary;
  const versions = [
    `k6 ${k6.version ?? "of unknown version"}`,
    k6.extension ? `xk6-realtime ${k6.extension}` : "",
  ].filter(Boolean);
  const rows = (recorded?.instances ?? []).map(({ part, machine, excluded }) => [part, machine, excluded]);
  return html`<p>${isOneOfSeveral ? `${label}: ` : ""}${versions.join(", ")}</p>${(summary.notes ?? []).map((note) => html`<p>${note}</p>`)}${table("", ["part of the load", "machine", ""], rows)}`;
}
