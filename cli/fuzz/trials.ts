/** Runs of one sequence among neighbours of its own: for what is made smaller, and for what is seen again. */
import type { Observation } from "../../lib/fuzz/observation.ts";
import { isAgain, judge, type Rules, type Symptom, signatureOf } from "../../lib/fuzz/oracle.ts";
import type { Sequence } from "../../lib/fuzz/sequence.ts";
import { executeAlone, type Running, serves } from "./run.ts";

/** How trials are made, and when they end. */
export interface TrialRules {
  readonly running: Running;
  readonly rules: Rules;
  /** How long a server may take to come back. */
  readonly recoverMs: number;
  readonly signal: AbortSignal;
}

/** What one run showed. */
export interface Shown {
  readonly symptom: Symptom;
  readonly seen: Observation;
}

export class Trials {
  readonly running: Running;
  readonly signal: AbortSignal;
  /** Messages sent in trials. */
  messages = 0;
  /** Why there can be no more of them; undefined while there can. */
  ended: string | undefined;
  readonly #rules: Rules;
  readonly #recoverMs: number;
  readonly #progress: (doing: string) => void;

  /** @param progress is told what is being done */
  constructor({ running, rules, recoverMs, signal }: TrialRules, progress: (doing: string) => void) {
    this.running = running;
    this.signal = signal;
    this.#rules = rules;
    this.#recoverMs = recoverMs;
    this.#progress = progress;
  }

  /** With all the time that an answer may take. */
  get patient(): Running {
    return { ...this.running, waitMs: this.running.target.messageTimeoutMs };
  }

  /** Runs it; gives the symptom where it is the same. */
  async showing(
    sequence: Sequence,
    like: Pick<Symptom, "kind" | "key">,
    running = this.running,
  ): Promise<Shown | undefined> {
    const run = await this.all(sequence, running);
    const symptom =
      run?.symptoms.find((one) => signatureOf(one) === signatureOf(like)) ??
      run?.symptoms.find((one) => isAgain(one, like));
    return run && symptom && { symptom, seen: run.seen };
  }

  /** Runs it; gives all symptoms. */
  async all(
    sequence: Sequence,
    running: Running,
  ): Promise<{ readonly seen: Observation; readonly symptoms: readonly Symptom[] } | undefined> {
    const seen = await executeAlone(sequence, running);
    this.messages += sequence.steps.length;
    const isGone = !seen || seen.serves?.ok === false;
    if (isGone && !(await this.comesBack())) this.ended = "the server did not come back";
    return seen && { seen, symptoms: judge(sequence, seen, this.#rules) };
  }

  /** Waits for a server that is gone. */
  async comesBack(): Promise<boolean> {
    const by = performance.now() + this.#recoverMs;
    while (performance.now() < by && !this.signal.aborted) {
      this.#progress("waiting for the server to come back");
      if ((await serves(this.running)).ok) return true;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    return false;
  }
}
