/** A server's own counts, in the text format of Prometheus: what is there now, such as connections and rooms. */
import { UserError } from "../command.ts";

/** What goes up and down by itself: times, memory, processor. */
const RESTLESS =
  /(_|^)(seconds|bytes|ratio|timestamp|percent|lag|time|load|cpu|memory|heap|eventloop|gc|fds|threads)(_|$)/;

/** Reads the gauges that are whole numbers and that a quiet server holds still. */
export function gaugesIn(text: string): Map<string, number> {
  const gauges = new Set([...text.matchAll(/^# TYPE (\S+) gauge\s*$/gm)].map(([, name]) => name!));
  const values = new Map<string, number>();
  for (const [, name, labels = "", digits] of text.matchAll(
    /^([a-zA-Z_:][\w:]*)(\{[^\n]*\})? (-?\d+)(?:\.0+)?(?: \d+)?\s*$/gm,
  )) {
    if (gauges.has(name!) && !RESTLESS.test(name!)) values.set(name! + labels, Number(digits));
  }
  return values;
}

/** Fetches them. */
export async function fetchGauges(url: string): Promise<Map<string, number>> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000), redirect: "error" });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return gaugesIn(await response.text());
}

/**
 * Sees that there are any, before anything is sent.
 *
 * @throws {@link UserError}
 */
export async function gaugesAt(url: string): Promise<() => Promise<ReadonlyMap<string, number>>> {
  const wrong = (got: string) =>
    new UserError(
      `--metrics: expected the URL of metrics in the text format of Prometheus, with gauges, got ${url} (${got})`,
    );
  if (!/^https?:\/\//i.test(url)) throw wrong("no http:// URL");
  const first = await fetchGauges(url).catch((error) => {
    throw wrong(error.cause?.message ?? error.message);
  });
  if (first.size === 0) throw wrong("none of whole numbers there");
  let last = first as ReadonlyMap<string, number>;
  return async () => {
    // A server that is gone is told by its connections.
    last = await fetchGauges(url).catch(() => last);
    return last;
  };
}
