/** The page of a run of conformance tests: testees side by side, and the wire log of each case. */
import { readFile } from "node:fs/promises";
import { packageFile } from "../package-file.ts";
import { DETAILS_SCRIPT, DETAILS_STYLE } from "../report/details.ts";
import { Html, html } from "../report/html.ts";
import { shell } from "../report/shell.ts";
import {
  byAgent,
  type CaseResult,
  type ConformResults,
  fails,
  reasonOf,
  tally,
  type WireEntry,
  wordOf,
} from "./results.ts";

/** The page, in the style of the other reports. It opens anywhere and loads nothing. */
export async function conformPage(results: ConformResults): Promise<string> {
  const house = await readFile(packageFile("dist/report-page.css"), "utf8");
  return pageOf(results, house);
}

/** Pure. */
export function pageOf(results: ConformResults, house: string): string {
  const agents = [...byAgent(results)];
  const news = results.results.filter((one) => fails(one) && !one.known);
  const verdict = news.length === 0 ? "pass" : "fail";
  const title = `${results.subject} conformance of ${agents.map(([agent]) => agent).join(", ")}: ${verdict}`;
  const body = html`<header><h1>${results.subject} conformance</h1>${agents.map(([agent, own]) => headline(agent, own))}</header>
<main>
${matrix(agents)}
${agents.map(([agent, own]) => html`<section><h2>${agent}</h2>${own.map(caseOf)}</section>`)}
</main>`;
  return shell({
    title,
    body,
    assets: { script: `${DETAILS_SCRIPT}${SCRIPT}`, style: `${house}\n${DETAILS_STYLE}${STYLE}` },
    isLive: false,
  });
}

function headline(agent: string, own: readonly CaseResult[]): Html {
  const failed = own.filter(fails);
  const known = failed.filter((one) => one.known).length;
  const passes = own.filter(({ unexpectedPass }) => unexpectedPass).length;
  const remarks = [
    known > 0 ? `; ${known} failures are known from the baseline` : "",
    passes > 0 ? `; ${passes} cases pass, though the baseline says that they fail` : "",
  ];
  const verdict = failed.length > known ? "fail" : "pass";
  return html`<div class="verdict ${verdict}"><p><strong>${verdict}</strong> ${agent}: ${own.length} cases</p>
<p class="facts">${tally(own)}${remarks}</p></div>`;
}

/** A row for each case, a column for each testee. */
function matrix(agents: readonly (readonly [string, readonly CaseResult[]])[]): Html {
  const cases = new Map<string, CaseResult>();
  for (const [, own] of agents) for (const one of own) if (!cases.has(one.id)) cases.set(one.id, one);
  const found = new Map(agents.map(([agent, own]) => [agent, new Map(own.map((one) => [one.id, one]))]));
  const cell = (agent: string, id: string) => {
    const one = found.get(agent)?.get(id);
    if (!one) return html`<td></td>`;
    return html`<td><a class="${classOf(one)}" href="#${anchor(one)}">${wordOf(one)}</a></td>`;
  };
  const row = ({ id, title, rfc }: CaseResult) => {
    const isPlain = agents.every(
      ([agent]) => found.get(agent)?.get(id)?.behavior === "OK" && !fails(found.get(agent)!.get(id)!),
    );
    return html`<tr${new Html(isPlain ? ' class="plain"' : "")}><td>${id}</td><td>${title}</td><td>${rfc}</td>${agents.map(([agent]) => cell(agent, id))}</tr>`;
  };
  return html`<section><h2>Cases</h2><p><label><input type="checkbox" id="all"> show cases that all testees pass</label></p>
<div class="scroll"><table id="matrix"><thead><tr><th>case</th><th>what is sent</th><th>paragraph</th>${agents.map(([agent]) => html`<th>${agent}</th>`)}</tr></thead>
<tbody>${[...cases.values()].map(row)}</tbody></table></div></section>`;
}

const classOf = (one: CaseResult): string =>
  fails(one) ? (one.known ? "known" : "broken") : one.behavior === "OK" ? "held" : "other";

/** A link to a case: the same in each run. */
const anchor = ({ agent, id }: CaseResult): string => `${agent.replace(/[^\w.-]+/g, "_")}-${id}`;

function caseOf(one: CaseResult): Html {
  return html`<details id="${anchor(one)}"><summary><b>${one.id}</b> <span class="${classOf(one)}">${wordOf(one)}</span> ${one.title}</summary>
<p>${fails(one) ? html`<strong>${reasonOf(one)}</strong>` : one.why} (${one.rfc})${one.known ? "; known from the baseline" : ""}</p>
<dl><dt>expected</dt><dd>${listOf(one.expected)}${one.nonStrict ? html`; or, NON-STRICT: ${listOf(one.nonStrict)}` : ""}</dd>
<dt>received</dt><dd>${listOf(one.received)}</dd>
<dt>end</dt><dd>${one.behaviorClose}: ${one.whyClose}</dd>
<dt>time</dt><dd>${one.durationMs.toFixed(1)} ms, from ${one.started.slice(0, 19).replace("T", " ")}; <a href="#${anchor(one)}">link to this case</a></dd></dl>
<div class="scroll"><table class="wire"><thead><tr><th>ms</th><th></th><th>frame</th><th>octets</th></tr></thead>
<tbody>${(one.wire ?? []).map(entryOf)}</tbody></table></div></details>`;
}

const listOf = (events: readonly string[] | null): string =>
  events && events.length > 0 ? events.join(", ") : "no message and no pong";

function entryOf({ atMs, from, what, hex, bytes }: WireEntry): Html {
  const more = hex && bytes > hex.length / 2 ? ` … ${bytes} octets` : "";
  const arrow = from === "us" ? "→" : from === "testee" ? "←" : "";
  return html`<tr class="${from || "note"}"><td class="figure">${atMs.toFixed(1)}</td><td>${arrow}</td><td>${what}</td><td><code>${(hex ?? "").replace(/(..)(?=.)/g, "$1 ")}${more}</code></td></tr>`;
}

const STYLE = `
#matrix .plain { display: none; }
#matrix.all .plain { display: table-row; }
#matrix td { white-space: normal; text-align: left; }
.held { color: var(--held); }
.known { color: var(--undecided); text-decoration: line-through; }
.other { color: var(--undecided); }
.wire .note td { color: var(--quiet); }
`;

/** Shows or hides what all pass. */
const SCRIPT = `
const all = document.getElementById("all");
const show = () => document.getElementById("matrix").classList.toggle("all", all.checked);
all.addEventListener("change", show);
show();
`;
