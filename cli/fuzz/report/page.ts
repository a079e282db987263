/** The page of a fuzzing run: each finding with its messages and the log of all connections. */
import { readFile } from "node:fs/promises";
import { describeClose, type Finding, likeWords } from "../../../lib/fuzz/finding.ts";
import type { FuzzResult } from "../../../lib/fuzz/result.ts";
import { formatDuration, ms } from "../../../lib/units.ts";
import { packageFile } from "../../package-file.ts";
import { DETAILS_SCRIPT, DETAILS_STYLE } from "../../report/details.ts";
import { type Html, html } from "../../report/html.ts";
import { shell } from "../../report/shell.ts";

/** The page, in the style of the other reports. It opens anywhere and loads nothing. */
export async function fuzzPage(result: FuzzResult): Promise<string> {
  return pageOf(result, await readFile(packageFile("dist/report-page.css"), "utf8"));
}

/** Pure. */
export function pageOf(result: FuzzResult, house: string): string {
  const { findings, verdict, reason, seed, durationMs, protocol } = result;
  const body = html`<header><h1>Fuzzing</h1>
<div class="verdict ${verdict}"><p><strong>${verdict}</strong> ${reason}</p>
<p class="facts">seed ${seed}, protocol ${protocol}, ${formatDuration(ms(Math.round(durationMs / 1_000) * 1_000))}</p></div></header>
<main>
${routes(result)}
<section><h2>Findings</h2>${findings.length === 0 ? html`<p>none</p>` : findings.map(findingOf)}</section>
</main>`;
  return shell({
    title: `Fuzzing: ${verdict}`,
    body,
    assets: { script: DETAILS_SCRIPT, style: `${house}\n${DETAILS_STYLE}${STYLE}` },
    isLive: false,
  });
}

function routes({ routes }: FuzzResult): Html {
  const row = ({
    url,
    runs,
    messages,
    sweep,
    judged,
    notJudged,
    notes,
  }: FuzzResult["routes"][number]) => html`<tr>
<td>${url}</td><td class="figure">${runs}</td><td class="figure">${messages}</td><td class="figure">${sweep.tried} of ${sweep.of}</td>
<td>${judged.join(", ")}${notJudged.map((line) => html`<br>not judged: ${line}`)}${notes.map((line) => html`<br>${line}`)}</td></tr>`;
  return html`<section><h2>What was sent</h2><div class="scroll"><table id="routes">
<thead><tr><th>endpoint</th><th>sequences</th><th>messages</th><th>single messages tried</th><th>judged</th></tr></thead>
<tbody>${routes.map(row)}</tbody></table></div></section>`;
}

function findingOf(finding: Finding, index: number): Html {
  const { title, route, sent, expected, received, on, again, also, connections, log, sequence, round, seed } =
    finding;
  const state = connections.map(({ name, state }) => html`${name}: ${state}<br>`);
  return html`<details id="finding-${index + 1}"${index === 0 ? html` open` : ""}><summary><b>${index + 1}</b> <span class="broken">${finding.kind}</span> ${title}</summary>
<dl>${route === "" ? "" : html`<dt>route</dt><dd>${route}</dd>`}
<dt>sent</dt><dd>${sent.length === 0 ? "nothing: connecting is enough" : html`<ol>${sent.map((line) => html`<li><code>${line}</code></li>`)}</ol>`}</dd>
<dt>expected</dt><dd>${expected}</dd>
<dt>received</dt><dd>${received} (${on})</dd>
${describeClose(finding).map((line) => html`<dt>close</dt><dd>${line}</dd>`)}
<dt>state</dt><dd>${state}</dd>
${also.length > 0 ? html`<dt>besides</dt><dd>${also.map((line) => html`${line}<br>`)}</dd>` : ""}
<dt>seen again</dt><dd>${again.seen} of ${again.of}${again.control > 0 ? `, ${again.control} times without these messages` : ""}; ${likeWords(finding)}</dd>
<dt>to see it again</dt><dd><code>k6-realtime fuzz --replay finding-${index + 1}.json</code>, or seed ${seed} (fast-check: seed ${round.seed}, path ${round.path})</dd></dl>
<div class="scroll"><table class="wire"><thead><tr><th>ms</th><th>connection</th><th></th><th>what</th></tr></thead>
<tbody>${log.map(({ atMs, on, arrow, text }) => html`<tr><td class="figure">${atMs.toFixed(1)}</td><td>${on}</td><td>${arrow}</td><td><code>${text}</code></td></tr>`)}</tbody></table></div>
<details><summary>the sequence as JSON</summary><pre>${JSON.stringify(sequence, null, 2).slice(0, 20_000)}</pre></details></details>`;
}

const STYLE = `
dd ol { margin: 0; padding-left: 1.4em; }
#routes td { text-align: left; white-space: normal; vertical-align: top; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
`;
