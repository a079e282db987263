/** How the contract of a run was kept, and what of it no message showed. Pure. */
import { isContractFinding, isContractNote } from "../../lib/contract/findings.ts";
import { countsBy } from "../../lib/summary/counts.ts";
import type { MetricSummary } from "../../lib/summary/summary.ts";
import { grouped } from "../../lib/summary/verdict.ts";
import { type Html, html } from "./html.ts";
import { table } from "./parts.ts";
import type { RunView } from "./view.ts";

const HEADER = ["kind", "messages checked", "violations"];

/** What the section says in sentences, which then need not stand elsewhere. */
export const contractNotes = ({ summary: { metrics, notes = [] } }: RunView): string[] =>
  metrics.ws_contract_messages === undefined ? [] : notes.filter(isContractNote);

/** A table of the kinds that came, the ways in which messages broke the contract, and coverage. Nothing without a contract. */
export function contract(view: RunView, caption: string): Html | "" {
  const { ws_contract_messages: messages, ws_contract_violations: violations } = view.summary.metrics;
  if (messages === undefined) return "";
  const [checked, broken] = [byKind(messages), byKind(violations)];
  const rows = Object.entries(checked)
    .filter(([kind, count]) => count > 0 || broken[kind])
    .map(([kind, count]) => [kind, grouped(count), grouped(broken[kind] ?? 0)]);
  const notes = contractNotes(view);
  const findings = notes.filter(isContractFinding);
  return html`${table(caption, HEADER, rows)}${findings.length > 0 ? listOf(findings) : ""}${listOf(notes.filter((note) => !isContractFinding(note)))}`;
}

const listOf = (notes: readonly string[]): Html =>
  html`<ul>${notes.map((note) => html`<li>${note.replace(/^contract: /, "")}</li>`)}</ul>`;

/** The violations of each rule in several runs side by side. Nothing for one run, or where no rule was broken. */
export function rulesOf(views: readonly RunView[]): Html | "" {
  const broken = views.map(({ summary }) => countsBy(summary.metrics.ws_contract_violations, "rule"));
  const rules = [...new Set(broken.flatMap(Object.keys))].filter((rule) => broken.some((by) => by[rule]));
  if (views.length === 1) return "";
  const rows = rules.map((rule) => [
    rule,
    ...broken.map((by, i) => (isChecked(views[i]!) ? grouped(by[rule] ?? 0) : "not checked")),
  ]);
  return table("Violations by rule", ["rule", ...views.map(({ label }) => label)], rows);
}

const isChecked = ({ summary }: RunView): boolean => summary.metrics.ws_contract_messages !== undefined;

const byKind = (metric: MetricSummary | undefined) => countsBy(metric, "kind");
