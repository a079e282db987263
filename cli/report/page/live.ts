/** Keeps the page of a run that goes on up to date. */
import type { Chart, Update } from "../chart.ts";

/** Follows the run until it is over. Markup comes from this page's own server, which has escaped what is in it. */
export function followRun(draw: (charts: readonly Chart[], figures: string) => void): void {
  const source = new EventSource("/events");
  source.onmessage = ({ data }) => {
    const { headline, above, charts, figures, below, over }: Update = JSON.parse(data);
    replace("headline", headline);
    replace("above", above);
    replace("below", below);
    draw(charts, figures);
    if (over) source.close();
  };
  source.onerror = () => {
    // The page keeps its content: the run's own process is gone.
    if (source.readyState !== EventSource.CLOSED) return;
    document.body.classList.add("lost");
  };
}

function replace(id: string, markup: string): void {
  const place = document.getElementById(id);
  if (place && place.innerHTML !== markup) place.innerHTML = markup;
}
