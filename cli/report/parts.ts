/** The parts that pages of runs are made of: figures, findings, limits, tables. Pure. */
import { LIMIT_HEADER, layout } from "../../lib/summary/layout.ts";
import type { ThresholdSummary } from "../../lib/summary/summary.ts";
import { parseLimit } from "../../lib/summary/threshold.ts";
import { type Chart, clock } from "./chart.ts";
import type { Finding } from "./findings.ts";
import { type Html, html } from "./html.ts";
import { tilesOf } from "./tiles.ts";
import type { RunView } from "./view.ts";

export const caption = ({ label }: RunView, views: readonly RunView[]): string =>
  views.length > 1 ? label : "";

export function section(title: string, parts: readonly (Html | "")[]): Html | "" {
  const present = parts.filter((part) => part !== "");
  return present.length > 0 ? html`<section><h2>${title}</h2>${present}</section>` : "";
}

export function verdict(view: RunView, index: number, isOneOfSeveral: boolean): Html {
  const { summary, recorded } = view;
  const { facts, tested } = layout(summary);
  const instances =
    recorded && recorded.instances.length > 1 ? `; ${recorded.instances.length} instances, merged` : "";
  return html`<div class="verdict ${summary.verdict}">
<p><strong>${summary.verdict}</strong> ${isOneOfSeveral ? html`${colored(view, index)} ` : ""}${summary.reason}</p>
<p class="facts">${facts}${instances}; started ${summary.startedAt.slice(0, 19).replace("T", " ")} UTC</p>
${tested.slice(0, 1).map((line) => html`<p class="facts">${line}</p>`)}
</div>`;
}

export const figure = ({ title, metric, help }: Chart, index: number): Html =>
  html`<figure><figcaption><h2>${title}${metric ? html` <code>${metric}</code>` : ""}</h2><p>${help}</p></figcaption><div class="plot" data-chart="${index}"></div></figure>`;

export function tiles({ label, summary }: RunView, isOneOfSeveral: boolean): Html | "" {
  const shown = tilesOf(summary);
  if (shown.length === 0) return "";
  return html`${isOneOfSeveral ? html`<h3>${label}</h3>` : ""}<dl class="tiles">${shown.map(
    ({ name, figure, beside }) =>
      html`<div class="tile"><dt>${name}</dt><dd>${figure} <small>${beside}</small></dd></div>`,
  )}</dl>`;
}

export function limits({ label, summary }: RunView, isOneOfSeveral: boolean): Html | "" {
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
/** The position of the limit in a bar, with room for values beyond it. */
const AT_LIMIT = 90;

/** How far a value is from its limit; nothing for a limit without such a distance. */
function bar({ expression, value, ok }: ThresholdSummary): Html | "" {
  const limit = parseLimit(expression);
  if (!limit || value === null || limit.bound <= 0 || !/^[<>]/.test(limit.operator)) return "";
  const share = limit.operator.startsWith("<")
    ? value / limit.bound
    : limit.bound / Math.max(value, Number.MIN_VALUE);
  const width = Math.min(share * AT_LIMIT, BAR).toFixed(1);
  return html`<svg class="bar ${ok ? "held" : "broken"}" width="${BAR}" height="12" role="img" aria-label="${Math.round(share * 100)} % of the limit"><rect width="${width}" height="12"></rect><line x1="${AT_LIMIT}" x2="${AT_LIMIT}" y1="0" y2="12"></line></svg>`;
}

export function findings(
  { label, recorded }: RunView,
  isOneOfSeveral: boolean,
  most = MOST_FINDINGS,
): Html | "" {
  if (!recorded || recorded.findings.length === 0) return "";
  const shown = recorded.findings.slice(0, most);
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

/** The name of a run, in the colour of its lines. */
export const colored = ({ label }: RunView, index: number): Html =>
  html`<span class="run color-${index % 8}">${label}</span>`;

/** What a cell may hold: figures stand to the right. */
type Cell = string | Html;

export function table(
  caption: string,
  header: readonly Cell[],
  rows: readonly (readonly Cell[])[],
): Html | "" {
  if (rows.length === 0) return "";
  return html`<div class="scroll"><table>${caption ? html`<caption>${caption}</caption>` : ""}
<thead><tr>${header.map((cell) => html`<th>${cell}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map(cellOf)}</tr>`)}</tbody></table></div>`;
}

const cellOf = (cell: Cell): Html =>
  typeof cell === "string" && /^[\d.,e+-]+( %| ms)?$|^$/.test(cell) ? numeric(cell) : html`<td>${cell}</td>`;

export const numeric = (cell: string): Html => html`<td class="figure">${cell}</td>`;

/** @param said Notes that stand elsewhere on the page. */
export function environment(
  { label, summary, recorded }: RunView,
  isOneOfSeveral: boolean,
  said: readonly string[] = [],
): Html {
  const { k6 } = summary;
  const versions = [
    `k6 ${k6.version ?? "of unknown version"}`,
    k6.extension ? `xk6-realtime ${k6.extension}` : "",
  ].filter(Boolean);
  const notes = (summary.notes ?? []).filter((note) => !said.includes(note));
  const rows = (recorded?.instances ?? []).map(({ part, machine, excluded }) => [part, machine, excluded]);
  return html`<p>${isOneOfSeveral ? `${label}: ` : ""}${versions.join(", ")}</p>${notes.map((note) => html`<p>${note}</p>`)}${table("", ["part of the load", "machine", ""], rows)}`;
}
