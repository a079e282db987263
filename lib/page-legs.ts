/** A publication's way to a screen in four legs, and what they say. */
import type { Seen, Tick } from "./page-watch.ts";
import type { PageLeg } from "./reasons.ts";
import type { MetricSummary } from "./summary/summary.ts";
import { number } from "./summary/verdict.ts";
import { type Ms, ms } from "./units.ts";

/** One that publishes, one that joins before the page, and one that joins after it. */
export const CONNECTIONS_OF_A_PAGE = 3;

/** What to add to an instant of the page's clock to get one of this run's, and how wrong that may be. */
export interface ClockOffset {
  readonly offset: Ms;
  /** At most so far from the truth, either way. */
  readonly errorMs: Ms;
}

/** How coarsely a page reads its clock outside of a cross-origin isolated context. */
const PAGE_RESOLUTION_MS = 0.1;

/**
 * The offset between two clocks of one machine, by the wall clock that both can read: the instant at which it went over
 * to another millisecond is known on both. The ticks may be different ones, if the wall clock was not set in between.
 */
export function offsetBetween(page: Tick, here: Tick): ClockOffset {
  const middle = ({ wallMs, low, high }: Tick) => (low + high) / 2 - wallMs;
  const width = (page.high - page.low + here.high - here.low) / 2;
  return { offset: ms(middle(here) - middle(page)), errorMs: ms(width + PAGE_RESOLUTION_MS) };
}

/** A publication as this side knows it. */
export interface Publication {
  readonly due: Ms;
  /** When it came to the connections that joined right before and right after the page. */
  readonly arrivals: readonly Ms[];
}

/** Milliseconds of each leg; absent where it cannot be told. */
export type Legs = { readonly [L in PageLeg]?: Ms };

/**
 * The legs of one publication. The page's own arrival is taken for that of the later neighbour, but is no later than the
 * page's handler.
 *
 * @param seen on the page's clock
 */
export function legsOf(
  { due, arrivals }: Publication,
  [, handler, dom, frame]: Seen,
  { offset }: ClockOffset,
): Legs {
  const here = (at: number | null) => (at === null ? undefined : ms(at + offset));
  const [handlerAt, domAt, frameAt] = [here(handler), here(dom), here(frame)];
  const known = handlerAt ?? domAt;
  if (arrivals.length === 0 || known === undefined) return {};
  const arrivedAt = Math.max(due, Math.min(Math.max(...arrivals), known));
  return {
    wire: ms(arrivedAt - due),
    ...(handlerAt !== undefined && { handler: ms(handlerAt - arrivedAt) }),
    ...(handlerAt !== undefined && domAt !== undefined && { dom: ms(domAt - handlerAt) }),
    ...(domAt !== undefined && frameAt !== undefined && { frame: ms(frameAt - domAt) }),
  };
}

/** What each leg is, in words that go on from a time. */
const WAYS = {
  wire: "from the publication to this machine",
  handler: "from there to the page's handler",
  dom: "from the handler to the DOM",
  frame: "from the DOM to the next frame",
} as const satisfies { readonly [L in PageLeg]: string };

/** A frame at 60 in a second: a page is not slow for waiting for the next one. */
const FRAME_MS = 1_000 / 60;

/** What to have where no page opens. */
export const NEEDS_CHROMIUM =
  "pages need Chromium on this machine: install it (Debian: apt-get install chromium) and name its executable in the environment variable K6_BROWSER_EXECUTABLE_PATH; as root, set K6_BROWSER_ARGS=no-sandbox too";

/** Which side is slow, by the medians. */
export function pageNotes(metrics: Readonly<Record<string, MetricSummary>>): string[] {
  const legs = metrics.ws_page_leg_ms;
  const medians = Object.entries(WAYS).map(([leg, way]) => {
    const summary = legs?.by?.leg?.[leg] as MetricSummary | undefined;
    return { leg, way, p50: summary?.kind === "trend" ? (summary.p50 ?? undefined) : undefined };
  });
  const wire = medians[0]?.p50;
  if (wire === undefined) {
    // A failed setup has given its reason. Without a browser, k6 ends the run as soon as it begins.
    const failures = metrics.ws_connect_failures;
    if (failures?.kind === "counter" && failures.count > 0) return [];
    return [
      `no publication was seen on its way to a page, which k6's log explains; if there is no browser: ${NEEDS_CHROMIUM}`,
    ];
  }
  const known = medians.filter((median) => median.p50 !== undefined) as {
    leg: string;
    way: string;
    p50: number;
  }[];
  const page = known.slice(1).reduce((sum, { p50 }) => sum + p50, 0);
  const ways = known.map(({ way, p50 }) => `${number(p50)} ms ${way}`).join(", ");
  const slowest = known.slice(1).reduce((a, b) => (b.p50 > a.p50 ? b : a), known[0]!);
  return [`${verdictOf(wire, page, slowest.way)}. Medians: ${ways}`];
}

function verdictOf(wire: number, page: number, slowest: string): string {
  if (page > wire && page > 2 * FRAME_MS) return `server fast, page slow: most of the way is ${slowest}`;
  if (wire > page && wire > 2 * FRAME_MS) return "server slow, page fast: most of the way is to this machine";
  return "neither server nor page holds publications up";
}
