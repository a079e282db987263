/** Several k6 processes that share one load, as k6-operator spreads it over machines. */
import { setMaxListeners } from "node:events";
import { failed, howEnded, nth } from "../outcome.ts";
import { type Ending, type Output, type Supervision, supervise } from "../supervise.ts";

/** How k6 is told which part of the load process `index` (from 0) of `count` runs; nothing where it runs all. */
export function segmentArgs(index: number, count: number): string[] {
  if (count === 1) return [];
  const bounds = Array.from({ length: count + 1 }, (_, i) =>
    i === 0 ? "0" : i === count ? "1" : `${i}/${count}`,
  );
  return [
    `--execution-segment=${bounds[index]}:${bounds[index + 1]}`,
    `--execution-segment-sequence=${bounds.join(",")}`,
    // A part of the load cannot be held against limits for all of it: the merged recordings are.
    "--no-thresholds",
    "--summary-mode=disabled",
  ];
}

/**
 * Runs processes together. One that fails, or cannot be started, ends the others: the load is no longer the one
 * planned. Settles when all of them are over.
 *
 * @param lives one for each process
 * @param signal ends all of them when aborted; its reason names the signal
 * @param say told when one fails while others run
 */
export async function superviseAll(
  lives: readonly Omit<Supervision, "signal">[],
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Ending[]> {
  const stop = new AbortController();
  const count = lives.length;
  setMaxListeners(count, stop.signal);
  const onAbort = () => stop.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.all(
      lives.map(async (life, index) => {
        const output = count > 1 ? labelled(life.output, `[${index + 1}/${count}] `) : life.output;
        const ending = await supervise({ ...life, output, signal: stop.signal });
        if (count > 1 && failed(ending) && !stop.signal.aborted) {
          say(`Instance ${nth(index, count)} failed (${howEnded(ending)}): stopping the others`);
          stop.abort(`the failure of instance ${nth(index, count)}`);
        }
        return ending;
      }),
    );
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

const labelled = (output: Output, label: string): Output =>
  typeof output === "function" ? (line) => output(label + line) : output;
