import TinyQueue from "tinyqueue";

interface Task {
  readonly dueMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** A Node timer is good to whole milliseconds; the rest is waited out by asking the clock on each turn of the loop. */
const POLL_WINDOW_MS = 2;

/** Runs tasks at a time of `performance.now()`, to a fraction of a millisecond; in order of due time, ties in order. */
export class Scheduler {
  readonly #queue = new TinyQueue<Task>([], (a, b) => a.dueMs - b.dueMs || a.order - b.order);
  #order = 0;
  #paused = false;
  #timer: NodeJS.Timeout | undefined;
  #poll: NodeJS.Immediate | undefined;

  /** Tasks that wait. */
  get pending(): number {
    return this.#queue.length;
  }

  at(dueMs: number, run: () => void): void {
    const task = { dueMs, order: this.#order++, run };
    this.#queue.push(task);
    if (this.#queue.peek() === task) this.#arm();
  }

  /** Nothing runs until {@link resume}; what falls due meanwhile runs then. */
  pause(): void {
    this.#paused = true;
    this.#disarm();
  }

  resume(): void {
    this.#paused = false;
    this.#arm();
  }

  /** Forgets all tasks. */
  clear(): void {
    this.#disarm();
    while (this.#queue.pop()) {}
  }

  readonly #turn = (): void => {
    for (let task = this.#queue.peek(); task; task = this.#queue.peek()) {
      if (this.#paused || task.dueMs > performance.now()) break;
      this.#queue.pop();
      task.run();
    }
    this.#arm();
  };

  #arm(): void {
    this.#disarm();
    const next = this.#queue.peek();
    if (!next || this.#paused) return;
    const waitMs = next.dueMs - performance.now();
    if (waitMs > POLL_WINDOW_MS) this.#timer = setTimeout(this.#turn, waitMs - POLL_WINDOW_MS);
    else this.#poll = setImmediate(this.#turn);
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#poll);
  }
}
