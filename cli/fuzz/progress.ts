/** How far a fuzzing run is: a line that changes in a terminal, a line now and then elsewhere. */
import { createLogUpdate } from "log-update";
import { counted } from "../../lib/counted.ts";
import { formatDuration, ms } from "../../lib/units.ts";
import { printable } from "../try/safe-text.ts";
import type { Progress } from "./campaign.ts";

const SHOWN_MS = 200;
const LINE_MS = 10_000;

/** Shows it on a stream. */
export class ProgressLine {
  readonly #err: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly #update: ReturnType<typeof createLogUpdate> | undefined;
  readonly #startedAt = performance.now();
  #shownAt = this.#startedAt;

  constructor(err: NodeJS.WritableStream & { readonly isTTY?: boolean }) {
    this.#err = err;
    this.#update = err.isTTY ? createLogUpdate(err as NodeJS.WriteStream) : undefined;
  }

  show({ runs, messages, findings, doing }: Progress): void {
    const now = performance.now();
    if (now - this.#shownAt < (this.#update ? SHOWN_MS : LINE_MS)) return;
    this.#shownAt = now;
    const elapsed = formatDuration(ms(Math.round((now - this.#startedAt) / 1_000) * 1_000));
    const line = `${elapsed}: ${runs} sequences, ${messages} messages, ${counted(findings, "finding")}; ${doing}`;
    if (this.#update) this.#update(line);
    else this.#err.write(`${line}\n`);
  }

  /** A line that stays. */
  say(line: string): void {
    this.#update?.clear();
    this.#err.write(`${printable(line)}\n`);
  }

  end(): void {
    this.#update?.clear();
  }
}
