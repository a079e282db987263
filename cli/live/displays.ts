/** The displays of a run while it goes on: a terminal, or a log. */
import { createLogUpdate } from "log-update";
import { type Ms, ms } from "../../lib/units.ts";
import { blockOf, lineOf, type Plan } from "./text.ts";
import type { Display } from "./watch.ts";

/** A terminal: one block that is drawn over and over, below all that is printed meanwhile. */
export interface Screen extends Display {
  /** Prints a line above the block. */
  print(line: string): void;
  /** Takes the block away. */
  clear(): void;
}

/** Shows a run in a terminal. */
export function terminalScreen(out: NodeJS.WriteStream): (plan: Plan) => Screen {
  const draw = createLogUpdate(out);
  return (plan) => {
    let block: string | undefined;
    return {
      show(figures) {
        block = blockOf(plan, figures, out.columns ?? 80);
        draw(block);
      },
      print(line) {
        draw.clear();
        out.write(`${line}\n`);
        if (block !== undefined) draw(block);
      },
      clear() {
        block = undefined;
        draw.clear();
        draw.done();
      },
    };
  };
}

/** Often enough to see that it runs, seldom enough for a log. */
const LINE_EVERY = ms(10_000);

/** Says a line every ten seconds. */
export function logLines(plan: Plan, say: (line: string) => void): Display {
  let next: Ms = LINE_EVERY;
  return {
    show(figures) {
      if (figures.elapsed < next - 500) return; // the looks come a little early or late
      next = ms(next + LINE_EVERY);
      say(lineOf(plan, figures));
    },
  };
}
