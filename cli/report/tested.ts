/** What a run tested: the target, the load, the settings, and the machine and k6 that ran it. Pure. */
import { NOT_GIVEN, type Terms, termsOf } from "../../lib/summary/tested-otherwise.ts";
import { type Html, html } from "./html.ts";
import { colored, section } from "./parts.ts";
import type { RunView } from "./view.ts";

/** A column for each run, and a mark on each row in which they differ. Nothing where no run says what it tested. */
export function tested(views: readonly RunView[]): Html | "" {
  if (views.every(({ summary }) => !summary.tested)) return "";
  const columns = views.map(termsIn);
  const names = [...new Set(columns.flatMap((terms) => Object.keys(terms)))];
  const isAlone = views.length === 1;
  const head = html`<thead><tr><th></th>${views.map((view, i) => html`<th>${colored(view, i)}</th>`)}</tr></thead>`;
  return section("What was tested", [
    html`<div class="scroll"><table class="tested">${isAlone ? "" : head}<tbody>${names.map((name) =>
      row(
        name,
        columns.map((terms) => terms[name] ?? (isAlone ? "" : NOT_GIVEN)),
      ),
    )}</tbody></table></div>`,
  ]);
}

const row = (name: string, values: readonly string[]): Html => {
  const differs = new Set(values).size > 1;
  return html`<tr${differs ? html` class="differs"` : ""}><td>${differs ? "≠ " : ""}${name}</td>${values.map((value) => html`<td>${value}</td>`)}</tr>`;
};

function termsIn({ summary: { tested, k6 } }: RunView): Terms {
  const version = [k6.version ?? "of unknown version", k6.extension && `with xk6-realtime ${k6.extension}`];
  return { ...(tested && termsOf(tested)), k6: version.filter(Boolean).join(" ") };
}
