/** Runs of one sequence among neighbours of its own: to make it smaller, and to see its symptom again. */
import type { Observation, Serves } from "../../lib/fuzz/observation.ts";
import { isAgain, judge, type Rules, type Symptom, signatureOf } from "../../lib/fuzz/oracle.ts";
import type { Sequence } from "../../lib/fuzz/sequence.ts";
import { executeAlone, type Running, serves } from "./run.ts";
import { NoStage } from "./stage.ts";

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
  #last: Serves | undefined;
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
    const isUnseen = seen instanceof NoStage;
    if ((isUnseen || seen.serves?.ok === false) && !(await this.comesBack()))
      this.end("the server did not come back");
    return isUnseen ? undefined : { seen, symptoms: judge(sequence, seen, this.#rules) };
  }

  /** There can be no more of them: by what the server did, unless the proxy or this machine stopped the last connection. */
  end(said: string): void {
    this.ended = this.isEndedByUs
      ? `connections were stopped before the server: ${this.#last?.detail}`
      : said;
  }

  /** Whether the proxy or this machine stopped the last connection, or may have. */
  get isEndedByUs(): boolean {
    return this.#last?.isOurs === true;
  }

  /** Waits for a server that is gone. */
  async comesBack(): Promise<boolean> {
    const by = performance.now() + this.#recoverMs;
    while (performance.now() < by && !this.signal.aborted) {
      this.#progress("waiting for the server to come back");
      const state = await serves(this.running);
      this.#last = state;
      if (state.ok) return true;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    return false;
  }
}
