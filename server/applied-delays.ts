/** Room for 8 MB of delays. */
const MAX_DELAYS = 1_000_000;

/** What each reply waited in the server, from the message's arrival in its handler to the write of the reply. */
export class AppliedDelays {
  readonly #ms = new Map<string, number[]>();
  #kept = 0;
  #unrecorded = 0;

  /** Milliseconds, in the order sent, by the kind of reply: `echo`; or `match`, `receipt`, `teacher` of the IM protocol. */
  of(reply: string): readonly number[] {
    return this.#ms.get(reply) ?? [];
  }

  /** Replies that came after the record was full. */
  get unrecorded(): number {
    return this.#unrecorded;
  }

  record(reply: string, delayMs: number): void {
    if (this.#kept === MAX_DELAYS) {
      this.#unrecorded++;
      return;
    }
    this.#kept++;
    const list = this.#ms.get(reply);
    if (list) list.push(delayMs);
    else this.#ms.set(reply, [delayMs]);
  }

  clear(): void {
    this.#ms.clear();
    this.#kept = 0;
    this.#unrecorded = 0;
  }

  toJSON(): { ms: Record<string, readonly number[]>; unrecorded: number } {
    return { ms: Object.fromEntries(this.#ms), unrecorded: this.#unrecorded };
  }
}
