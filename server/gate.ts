/** What a freeze stops, and the thaw starts again, besides the gate's own tasks. */
export interface Freezable {
  pause(): void;
  resume(): void;
}

/**
 * Everything that the server does in answer to the outside passes here, so that it can be frozen. It then behaves as
 * if the process were stopped, yet the event loop stays free for other code in the process.
 */
export class Gate {
  readonly #others: Freezable;
  readonly #waiting: (() => void)[] = [];
  #frozenUntilMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #thawed: (() => void)[] = [];

  constructor(others: Freezable) {
    this.#others = others;
  }

  get frozen(): boolean {
    return this.#timer !== undefined;
  }

  /** Runs `task` now, or after the thaw. */
  run(task: () => void): void {
    if (this.frozen) this.#waiting.push(task);
    else task();
  }

  /** Freezes for `forMs` from now; a longer freeze under way stays. Resolves at the thaw. */
  freeze(forMs: number): Promise<void> {
    if (!this.frozen) this.#others.pause();
    const untilMs = performance.now() + forMs;
    if (untilMs > this.#frozenUntilMs) {
      this.#frozenUntilMs = untilMs;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.thaw(), forMs);
    }
    return new Promise((resolve) => this.#thawed.push(resolve));
  }

  /** Ends a freeze: first what waited, in order, then, on a later turn of the loop, new input. */
  thaw(): void {
    if (!this.frozen) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#frozenUntilMs = 0;
    this.#others.resume();
    for (const task of this.#waiting.splice(0)) task();
    for (const resolve of this.#thawed.splice(0)) resolve();
  }
}
