/** Runs in the page of a report: draws its charts. */
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import "./page.css";
import type { Chart } from "../chart.ts";
import { optionsOf, tableOf } from "./plot.ts";

const charts: readonly Chart[] = JSON.parse(document.getElementById("charts")?.textContent ?? "[]");
const places = [...document.querySelectorAll<HTMLElement>("[data-chart]")];
let plots: uPlot[] = [];

function draw(): void {
  for (const plot of plots) plot.destroy();
  const styles = getComputedStyle(document.documentElement);
  plots = places.map((place) => {
    const chart = charts[Number(place.dataset.chart)]!;
    return new uPlot(optionsOf(chart, place.clientWidth, styles), tableOf(chart), place);
  });
}

draw();
// A canvas keeps the colours that it was drawn with.
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
new ResizeObserver(() => {
  for (const [i, plot] of plots.entries())
    plot.setSize({ width: places[i]!.clientWidth, height: plot.height });
}).observe(document.body);
