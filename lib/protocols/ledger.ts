import { type Ms, ms } from "../units.ts";
import { Queue } from "./queue.ts";

/** One probe and what became of it. Replies are numbered as the descriptor lists them; sets of them are bits. */
export interface Probe {
  readonly id: string;
  /** When it was to be sent: response time counts from here. */
  readonly dueAt: Ms;
  /** When it was written: service time counts from here. Undefined until it was. */
  sentAt: Ms | undefined;
  /** From here on a reply is late. */
  readonly deadline: Ms;
  /** Which replies came, in time or late. */
  answered: number;
  /** Which replies' turn, or message, was taken. */
  taken: number;
  /** The message sent, if a reply is the message itself. */
  message: string | undefined;
  state: "open" | "answered" | "timed-out" | "failed" | "lost" | "forgotten";
}

/** How many probes stay known at least. */
const KEPT = 64;
/** How many do at most, but for open ones. */
const MOST_KEPT = 4_096;

/** What a reply turned out to be. `reply-last` completes the probe; `moot` is one in whose place an error stands. */
export type Verdict = "reply" | "reply-last" | "duplicate" | "late" | "moot";

const isOpen = (probe: Probe): boolean => probe.state === "open";
const hasTurn = ({ state }: Probe): boolean => state !== "failed" && state !== "forgotten";
const isUnanswered = (probe: Probe): boolean => probe.answered === 0 && hasTurn(probe);
const isKnown = ({ state }: Probe): boolean => state !== "forgotten";

/**
 * The probes of one connection. Each reply of each probe ends in exactly one way: it came in time, it timed out, an
 * error took its place, or the connection was lost. A settled probe stays known, so that a repeated or late reply is
 * told apart from one that nobody asked for. It is forgotten when {@link KEPT} or more are known and a probe is made
 * that is due one reply timeout after its deadline. A probe that timed out and still has its turn is kept longer; of
 * more than {@link MOST_KEPT}, the oldest goes.
 */
export class Ledger {
  readonly #all: number;
  /** The replies that are matched by their turn. */
  #turned = 0;
  readonly #timeout: Ms;
  readonly #byId = new Map<string, Probe>();
  /** For each reply matched by its turn: the probes that have not had it. */
  readonly #turns: readonly Queue<Probe>[];
  /** For each reply that is the message itself: by message, the probes that have not had it. */
  readonly #messages: readonly Map<string, Probe[]>[];
  readonly #deadlines = new Queue<Probe>();
  readonly #known = new Queue<Probe>();
  readonly #unanswered = new Queue<Probe>();
  #open = 0;

  /** @param replies how many replies each probe expects, at most 16. */
  constructor(replies: number, timeout: Ms) {
    this.#all = 2 ** replies - 1;
    this.#timeout = timeout;
    this.#turns = Array.from({ length: replies }, () => new Queue<Probe>());
    this.#messages = Array.from({ length: replies }, () => new Map<string, Probe[]>());
  }

  /** Probes that are neither answered whole, nor timed out, nor failed. */
  get open(): number {
    return this.#open;
  }

  /** When the next probe times out. */
  get nextDeadline(): Ms | undefined {
    return this.#deadlines.first(isOpen)?.deadline;
  }

  /** Throws RangeError when the connection knows a probe of that name already. */
  add(id: string, dueAt: Ms): Probe {
    if (this.#byId.has(id)) throw new RangeError(`this connection had a probe ${JSON.stringify(id)} already`);
    this.#forget(dueAt);
    const deadline = ms(dueAt + this.#timeout);
    const probe: Probe = {
      id,
      dueAt,
      sentAt: undefined,
      deadline,
      answered: 0,
      taken: 0,
      message: undefined,
      state: "open",
    };
    this.#byId.set(id, probe);
    this.#known.push(probe);
    this.#unanswered.push(probe);
    this.#deadlines.insert(probe, (other) => other.deadline > deadline);
    this.#open++;
    return probe;
  }

  /** The probe waits for this reply by its turn. */
  awaitTurn(reply: number, probe: Probe): void {
    this.#turned |= 2 ** reply;
    this.#turns[reply]!.push(probe);
  }

  /** The probe waits for its own message to come back as this reply. */
  awaitMessage(reply: number, probe: Probe, message: string): void {
    probe.message = message;
    const waiting = this.#messages[reply]!.get(message);
    if (waiting) waiting.push(probe);
    else this.#messages[reply]!.set(message, [probe]);
  }

  byId(id: string): Probe | undefined {
    return this.#byId.get(id);
  }

  /** Takes the probe whose turn it is. One that timed out keeps its turn: the nth reply answers the nth probe. */
  takeTurn(reply: number): Probe | undefined {
    const probe = this.#turns[reply]!.take(hasTurn);
    if (probe) probe.taken |= 2 ** reply;
    return probe;
  }

  /** Takes the oldest probe that sent this very message. */
  takeMessage(reply: number, message: string): Probe | undefined {
    const waiting = this.#messages[reply]!.get(message);
    if (waiting?.length === 1) this.#messages[reply]!.delete(message);
    const probe = waiting?.shift();
    if (probe) probe.taken |= 2 ** reply;
    return probe;
  }

  /** The oldest probe that has had no reply at all, timed out or not. */
  oldest(): Probe | undefined {
    return this.#unanswered.first(isUnanswered);
  }

  answer(reply: number, probe: Probe): Verdict {
    const bit = 2 ** reply;
    if (probe.answered & bit) return "duplicate";
    probe.answered |= bit;
    if (probe.state === "failed") return "moot";
    if (probe.state !== "open") return "late";
    if (probe.answered !== this.#all) return "reply";
    this.#end(probe, "answered");
    return "reply-last";
  }

  /** An error took the place of what the probe still waits for. Returns whether it was open. */
  fail(probe: Probe): boolean {
    const open = isOpen(probe);
    if (open) this.#end(probe, "failed");
    else if (probe.state === "timed-out") probe.state = "failed";
    return open;
  }

  /** Times out and returns the open probes whose deadline has come. */
  expire(at: Ms): Probe[] {
    const expired: Probe[] = [];
    const isDue = (probe: Probe | undefined) => probe !== undefined && probe.deadline <= at;
    for (let probe = this.#deadlines.first(isOpen); isDue(probe); probe = this.#deadlines.first(isOpen)) {
      this.#end(probe!, "timed-out");
      expired.push(probe!);
    }
    return expired;
  }

  /** The connection ended: returns the probes that were open. */
  lose(): Probe[] {
    const lost: Probe[] = [];
    for (let probe = this.#deadlines.take(isOpen); probe; probe = this.#deadlines.take(isOpen)) {
      this.#end(probe, "lost");
      lost.push(probe);
    }
    return lost;
  }

  /** Forgets the oldest probes, as far as may be when one is made that is due at `dueAt`. */
  #forget(dueAt: Ms): void {
    const known = this.#byId.size;
    for (
      let oldest = this.#known.first(isKnown);
      oldest && this.#isForgettable(oldest, dueAt);
      oldest = this.#known.first(isKnown)
    ) {
      const { message, taken } = oldest;
      for (let reply = 0; message !== undefined && reply < this.#messages.length; reply++) {
        if (!(taken & (2 ** reply))) this.takeMessage(reply, message); // itself: it is the oldest
      }
      this.#byId.delete(oldest.id);
      oldest.state = "forgotten";
    }
    if (this.#byId.size === known) return;
    for (const queue of this.#turns) queue.first(hasTurn);
    this.#unanswered.first(isUnanswered);
    this.#deadlines.first(isOpen);
  }

  #isForgettable({ state, deadline, taken }: Probe, dueAt: Ms): boolean {
    const known = this.#byId.size;
    if (state === "open" || known < KEPT) return false;
    if (known >= MOST_KEPT) return true;
    if (state === "timed-out" && this.#turned & ~taken) return false;
    return deadline + this.#timeout <= dueAt;
  }

  #end(probe: Probe, state: Exclude<Probe["state"], "open" | "forgotten">): void {
    probe.state = state;
    this.#open--;
  }
}
