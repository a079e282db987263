/** The page of a comparison of servers. */
import { readFile } from "node:fs/promises";
import { packageFile } from "../package-file.ts";
import { type Html, html } from "../report/html.ts";
import { interval, type Scale, scaleHeader } from "../report/interval.ts";
import { shell } from "../report/shell.ts";
import { type Compared, failures, type Line } from "./compare.ts";
import { againstText, isSince, notesOf, ratioText, wordOf } from "./forms.ts";

/** The page, in the style of the other reports. It opens anywhere and loads nothing. */
export async function comparisonPage(compared: readonly Compared[]): Promise<string> {
  return pageOf(compared, await readFile(packageFile("dist/report-page.css"), "utf8"));
}

/** Pure. */
export function pageOf(compared: readonly Compared[], house: string): string {
  const names = compared[0]?.lines.map(({ server }) => server) ?? [];
  const failed = failures(compared);
  const title = `Echo performance of ${names.join(", ")}`;
  const verdict =
    failed > 0
      ? html`<div class="verdict fail"><p><strong>fail</strong> ${failed} rows did not pass</p></div>`
      : html`<div class="verdict pass"><p><strong>pass</strong> every echo came back as it was sent</p></div>`;
  const body = html`<header><h1>Echo performance</h1>${verdict}
<p class="facts">${names.length} servers, measured in turn. Each is compared with ${names[0] ?? "none"} in the same rounds. A line shows the interval that holds the ratio in 95 of 100 comparisons; it is slower or faster where the line does not touch the first mark.</p></header>
<main>${compared.map((one) => section(one, scaleOf(compared)))}</main>`;
  return shell({ title, body, assets: { script: "", style: `${house}\n${STYLE}` }, isLive: false });
}

function section({ title, measure, lines, yardstick }: Compared, scale: Scale): Html {
  const hasSince = isSince(lines);
  return html`<section><h2>${title}: ${measure}</h2>
<div class="scroll"><table><thead><tr><th>server</th><th>µs</th><th>echoes/s</th><th>against ${lines[0]!.server}</th><th>${scaleHeader(scale)}</th><th></th>${hasSince ? html`<th>since before</th><th></th>` : ""}</tr></thead>
<tbody>${lines.map((line) => row(line, scale, hasSince))}</tbody></table></div>
${notesOf(lines, yardstick).map((note) => html`<p class="facts">${note}</p>`)}</section>`;
}

function row(line: Line, scale: Scale, hasSince: boolean): Html {
  const { server, us, echoesPerSecond, against, state, since } = line;
  const figure = (value: number, digits: number) => (Number.isNaN(value) ? "–" : value.toFixed(digits));
  return html`<tr><td>${server}</td><td class="figure">${figure(us, 1)}</td><td class="figure">${figure(echoesPerSecond, 0)}</td>
<td class="figure">${againstText(against)}</td><td>${against?.to === "first" ? interval({ ...against, ok: state === "ok" && against.word !== "slower" }, scale) : ""}</td><td>${wordOf(line)}</td>${hasSince ? html`<td class="figure">${since ? ratioText(since) : ""}</td><td>${since?.word ?? ""}</td>` : ""}</tr>`;
}

/** One scale for all cases, so that they can be compared by eye. */
function scaleOf(compared: readonly Compared[]): Scale {
  const bounds = compared.flatMap(({ lines }) =>
    lines.flatMap(({ against }) => (against?.to === "first" ? [against.low, against.high] : [])),
  );
  return { low: Math.min(0.5, ...bounds), high: Math.max(2, ...bounds), tolerated: 1 };
}

const STYLE = `
td, th { text-align: left; }
td.figure { text-align: right; }
`;
