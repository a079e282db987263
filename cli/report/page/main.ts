/** Runs in the page of a report: draws its charts. */
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import "./page.css";
import type { Chart } from "../chart.ts";
import { followRun } from "./live.ts";
import { optionsOf } from "./plot.ts";
import { tableOf } from "./table.ts";

/** A chart, where it is and how it is drawn; the options read the chart whenever it is drawn again. */
interface Drawn {
  readonly chart: Chart;
  readonly place: HTMLElement;
  readonly plot: uPlot;
}

let drawn: Drawn[] = [];

/** Draws every chart anew. */
function drawAll(charts: readonly Chart[]): void {
  for (const { plot } of drawn) plot.destroy();
  const styles = getComputedStyle(document.documentElement);
  const places = [...document.querySelectorAll<HTMLElement>("[data-chart]")];
  drawn = places.map((place) => {
    const chart = { ...charts[Number(place.dataset.chart)]! };
    return {
      chart,
      place,
      plot: new uPlot(optionsOf(chart, place.clientWidth, styles), tableOf(chart), place),
    };
  });
}

/** Puts new values into the charts, which keep what one zoomed into; draws them anew where others came. */
function update(charts: readonly Chart[], figures: string): void {
  const namesOf = ({ title, lines }: Chart) => JSON.stringify([title, lines.map(({ label }) => label)]);
  const same =
    charts.length === drawn.length && charts.every((chart, i) => namesOf(chart) === namesOf(drawn[i]!.chart));
  if (!same) {
    document.getElementById("figures")!.innerHTML = figures;
    drawAll(charts);
    return;
  }
  for (const [i, { chart, plot }] of drawn.entries()) {
    Object.assign(chart, charts[i]);
    plot.setData(tableOf(chart));
  }
}

drawAll(JSON.parse(document.getElementById("charts")?.textContent ?? "[]"));
if (document.body.dataset.live !== undefined) followRun(update);

// A canvas keeps the colours that it was drawn with.
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
  drawAll(drawn.map(({ chart }) => chart)),
);
new ResizeObserver(() => {
  for (const { place, plot } of drawn) plot.setSize({ width: place.clientWidth, height: plot.height });
}).observe(document.body);
