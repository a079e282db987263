/** What has been seen on a connection; others wait here for what comes next. */
import type { ConnectionSeen, LogEntry, Meaning, ProbeSeen, Shown } from "../../lib/fuzz/observation.ts";
import type { Frame } from "../../lib/protocols/index.ts";

/** Text of a message that is kept; of the rest only its length. */
const KEPT = 4_096;
/** The same of bytes. */
const KEPT_BYTES = 1_024;

type Untimed<E> = E extends LogEntry ? Omit<E, "atMs"> : never;

export class Journal {
  readonly probes: ProbeSeen[] = [];
  /** Messages for another connection. */
  readonly foreign: Shown[] = [];
  readonly #log: LogEntry[] = [];
  readonly #deliveries = new Map<string, number[]>();
  readonly #listeners = new Set<() => void>();
  readonly #origin: number;

  /** @param origin the instant by `performance.now()` that its times count from */
  constructor(origin: number) {
    this.#origin = origin;
  }

  tell(entry: Untimed<LogEntry>): void {
    this.#log.push({ atMs: performance.now() - this.#origin, ...entry } as LogEntry);
    this.wake();
  }

  /** Whether the peer broke RFC 6455, or sent more than is taken. */
  get isViolated(): boolean {
    return this.#log.some(({ event }) => event === "violation" || event === "limit");
  }

  /** Remembers when deliveries came, by `performance.now()`. */
  noteDeliveries(meaning: readonly Meaning[]): void {
    for (const one of meaning) {
      if (one.kind !== "delivery" || one.id === undefined) continue;
      this.#deliveries.set(one.id, [...this.deliveriesOf(one.id), performance.now()]);
    }
  }

  /** When each delivery of a message came, by `performance.now()`. */
  deliveriesOf(id: string): readonly number[] {
    return this.#deliveries.get(id) ?? [];
  }

  /** All of it as data. */
  seen(): Pick<ConnectionSeen, "log" | "probes" | "deliveries" | "foreign"> {
    return {
      log: [...this.#log],
      probes: [...this.probes],
      deliveries: [],
      foreign: [...this.foreign],
    };
  }

  /** Forgets all but the end of the connection. */
  forget(): void {
    const end = this.#log.filter(({ event }) => event === "closed" || event === "violation");
    this.#log.splice(0, this.#log.length, ...end);
    this.probes.length = 0;
    this.foreign.length = 0;
    this.#deliveries.clear();
  }

  /** Calls it whenever something happens. Gives what ends that. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Something happened that has no entry of its own. */
  wake(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** Waits until something happens that makes it true. */
  async until(isSo: () => boolean, withinMs: number): Promise<boolean> {
    if (isSo()) return true;
    return await new Promise((resolve) => {
      const settle = (result: boolean) => {
        clearTimeout(timer);
        ignore();
        resolve(result);
      };
      const ignore = this.listen(() => {
        if (isSo()) settle(true);
      });
      const timer = setTimeout(() => settle(isSo()), withinMs);
    });
  }
}

/** A frame as the log has it: its beginning, and its length. */
export function shownFrame(frame: Frame): Shown {
  if (typeof frame === "string") return { text: frame.slice(0, KEPT), bytes: Buffer.byteLength(frame) };
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  const text = bytes.toString("utf8");
  if (!text.includes("\ufffd")) return { text: text.slice(0, KEPT), bytes: frame.length };
  return { hex: bytes.subarray(0, KEPT_BYTES).toString("hex"), bytes: frame.length };
}
