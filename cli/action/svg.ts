/**
 * A run's latency over time as a small SVG file, light or dark as its reader's system is. It stands by itself: no font,
 * script or address of elsewhere. Pure.
 */
import type { Values } from "../report/chart.ts";
import { html } from "../report/html.ts";
import type { Timeline } from "../report/timeline.ts";
import type { RunView } from "../report/view.ts";
import { DRAWN } from "./chart.ts";

const WIDTH = 720;
const HEIGHT = 260;
/** What is drawn in; around it are the title and the figures. */
const AREA = { left: 62, right: WIDTH - 14, top: 34, bottom: HEIGHT - 40 };
const TICKS = 5;

/** Undefined where there is too little to draw: a line takes two points. */
export function latencySvg({ recorded }: RunView): string | undefined {
  const timeline = recorded?.timeline;
  const metric = DRAWN.find((name) => timeline?.latencies[name]);
  const { p50, p99 } = (metric && timeline?.latencies[metric]) ?? { p50: [], p99: [] };
  const highest = Math.max(0, ...p99.map((value) => value ?? 0));
  if (!timeline || !metric || highest === 0 || p99.filter((value) => value !== null).length < 2)
    return undefined;
  const { seconds, cellSeconds } = timeline;
  const step = { x: niceStep(seconds.at(-1)! + cellSeconds), y: niceStep(highest) };
  const top = Math.ceil(highest / step.y) * step.y;
  const x = scale(seconds.at(-1)! + cellSeconds, AREA.left, AREA.right);
  const y = scale(top, AREA.bottom, AREA.top);
  const line = (values: Values) => path(timeline, values, x, y);
  return html`<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="title">
<title id="title">${metric} over time: p50 and p99</title>
${STYLE}
<rect width="100%" height="100%" class="paper"/>
${recorded.events.map(({ from, to, text }) => html`<rect class="event" x="${x(from)}" y="${AREA.top}" width="${round(x(to) - x(from))}" height="${AREA.bottom - AREA.top}"><title>${text}</title></rect>\n`)}
${ticks(top, step.y).map((value) => html`<path class="grid" d="M${AREA.left} ${y(value)}H${AREA.right}"/><text x="${AREA.left - 8}" y="${y(value) + 4}" text-anchor="end">${value}</text>\n`)}
${ticks(seconds.at(-1)!, step.x).map((value) => html`<text x="${x(value)}" y="${AREA.bottom + 17}" text-anchor="middle">${value}</text>\n`)}
<text x="${AREA.left}" y="20" class="title">${metric}, ms</text>
<text x="${AREA.right}" y="20" text-anchor="end"><tspan class="p99">p99</tspan> <tspan class="p50">p50</tspan></text>
<text x="${AREA.right}" y="${HEIGHT - 6}" text-anchor="end">seconds into the run</text>
<path class="line p99" d="${line(p99)}"/>
<path class="line p50" d="${line(p50)}"/>
</svg>
`.markup;
}

const STYLE = html`<style>
:root{--paper:#fff;--ink:#59636e;--grid:#e3e6ea;--p50:#1971c2;--p99:#d9480f}
@media (prefers-color-scheme:dark){:root{--paper:#0d1117;--ink:#9aa5b3;--grid:#2a313a;--p50:#6cb0ff;--p99:#ffa657}}
.paper{fill:var(--paper)}
.event{fill:#f79009;opacity:.2}
.grid{stroke:var(--grid)}
.line{fill:none;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
.line.p50{stroke:var(--p50)}.line.p99{stroke:var(--p99)}
text{font:12px system-ui,sans-serif;fill:var(--ink)}
.title,tspan{font-weight:600}tspan.p50{fill:var(--p50)}tspan.p99{fill:var(--p99)}
</style>`;

type Scale = (value: number) => number;

const round = (value: number): number => Math.round(value * 10) / 10;

const scale =
  (most: number, from: number, to: number): Scale =>
  (value) =>
    round(from + (value / most) * (to - from));

/** Each value in the middle of its stretch; without a value the line is broken, so that a silence shows. */
function path({ seconds, cellSeconds }: Timeline, values: Values, x: Scale, y: Scale): string {
  return values
    .map((value, i) => {
      if (value === null) return "";
      const at = `${x(seconds[i]! + cellSeconds / 2)} ${y(value)}`;
      const isFirst = (values[i - 1] ?? null) === null;
      return isFirst ? `M${at}h0` : `L${at}`; // the stroke of no length is the dot of a value that stands alone
    })
    .join("");
}

/** 1, 2 or 5 times a power of ten, so that about {@link TICKS} steps cover the axis. */
function niceStep(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most / TICKS));
  return [1, 2, 5, 10].map((times) => times * power).find((step) => most / step <= TICKS)!;
}

const ticks = (most: number, step: number): number[] =>
  Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, i) => Number((i * step).toPrecision(6)));
