/** A fuzzing run of a route: sequences until the time is over, each finding made small and seen again. */
import fc from "fast-check";
import type { Finding } from "../../lib/fuzz/finding.ts";
import { findingOf } from "../../lib/fuzz/finding-of.ts";
import { Findings } from "../../lib/fuzz/findings.ts";
import type { Observation } from "../../lib/fuzz/observation.ts";
import { judge, type Symptom, signatureOf, TIMED } from "../../lib/fuzz/oracle.ts";
import { inTurn, mixed } from "../../lib/fuzz/order.ts";
import type { Sequence } from "../../lib/fuzz/sequence.ts";
import { SequenceArbitrary } from "../../lib/fuzz/sequence-arbitrary.ts";
import { runAgain } from "./again.ts";
import { execute, serves, unsentIn } from "./run.ts";
import { type Suspicion, smallestOf } from "./smallest.ts";
import { NoStage, Stage } from "./stage.ts";
import { type Shown, type TrialRules, Trials } from "./trials.ts";

/** The terms of a campaign. */
export interface Campaign extends TrialRules {
  readonly route: string;
  readonly url: string;
  readonly seed: number;
  /** The largest number of sequences. */
  readonly runs: number;
  /** Until when, by `performance.now()`. */
  readonly until: number;
  /** How often a finding is run again. */
  readonly again: number;
  /** Sequences that come first but for chance between them, the first list before the second. */
  readonly sweep: readonly (readonly Sequence[])[];
  readonly chance: fc.Arbitrary<Sequence>;
  onProgress?(progress: Progress): void;
  onFinding?(finding: Finding): void;
}

/** How far it is. */
export interface Progress {
  readonly runs: number;
  readonly messages: number;
  readonly findings: number;
  readonly doing: string;
}

/** What came of it. */
export interface Outcome {
  readonly findings: readonly Finding[];
  readonly runs: number;
  readonly messages: number;
  /** How many of the sweep were sent. */
  readonly tried: number;
  /** What was seen once and not again, or not judged, in words. */
  readonly notes: readonly string[];
  /** Why it ended before its time; undefined where it did not. */
  readonly ended: string | undefined;
}

/** Sequences between two looks at the server's whole; fast-check gets as many at once. */
const ROUND = 20;
/** Of these, while there is something left to sweep. */
const BY_CHANCE = 6;
/** Runs that share neighbours. */
const RUNS_PER_STAGE = 25;
/** As many are asked where new connections are turned away. */
const MOST_RECENT = 4;

const GONE = { kind: "server-gone", key: "" } as const;

/** @returns once the time is over, or the server does not come back */
export async function campaign(what: Campaign): Promise<Outcome> {
  return await new Ongoing(what).all();
}

class Ongoing {
  readonly #what: Campaign;
  readonly #trials: Trials;
  readonly #findings = new Findings();
  readonly #notes = new Set<string>();
  /** The sequences before, the last one last. */
  readonly #recent: Sequence[] = [];
  #stage: Stage | undefined;
  #runs = 0;
  #messages = 0;
  #tried = 0;
  #onceOnly = 0;

  readonly #progress = (doing: string): void => {
    this.#what.onProgress?.({
      runs: this.#runs,
      messages: this.#messages + this.#trials.messages,
      findings: this.#findings.all.length,
      doing,
    });
  };

  constructor(what: Campaign) {
    this.#what = what;
    this.#trials = new Trials(what, this.#progress);
  }

  async all(): Promise<Outcome> {
    const { seed, sweep } = this.#what;
    const order = sweep.flatMap((tier) => inTurn(tier, seed));
    let next = 0;
    for (let round = 0; !this.#isOver; round++) {
      const some = order.slice(next, next + ROUND - BY_CHANCE);
      next += some.length;
      await this.#round(mixed(seed, round), some);
    }
    await this.#stage?.close();
    return {
      findings: this.#findings.all,
      runs: this.#runs,
      messages: this.#messages + this.#trials.messages,
      tried: this.#tried,
      notes: [
        ...this.#notes,
        ...(this.#onceOnly > 0
          ? [
              `${this.#onceOnly} times an answer was late or missing, but came in time when the same messages were sent again`,
            ]
          : []),
      ],
      ended: this.#trials.ended,
    };
  }

  get #isOver(): boolean {
    const { signal, until, runs } = this.#what;
    return (
      signal.aborted || this.#trials.ended !== undefined || performance.now() >= until || this.#runs >= runs
    );
  }

  /** Some of the sweep and some by chance, which fast-check makes. */
  async #round(seed: number, some: readonly Sequence[]): Promise<void> {
    const arbitrary = new SequenceArbitrary(this.#what.chance);
    const examples = some.map((sequence): [Sequence] => [sequence]);
    for (let from = 0; from < ROUND; ) {
      let suspicion: Suspicion | undefined;
      let index = -1;
      const property = fc.asyncProperty(arbitrary, async (sequence) => {
        index++;
        if (suspicion || index < from || this.#isOver) return true;
        if (index < some.length) this.#tried++;
        const found = await this.#first(sequence);
        if (!found) return true;
        suspicion = { sequence, ...found, round: { seed, path: String(index) }, run: this.#runs };
        return false;
      });
      await fc.check(property, { seed, numRuns: ROUND, examples, endOnFailure: true });
      if (!suspicion) return;
      await this.#conclude(suspicion);
      if (this.#isOver) return;
      from = Number(suspicion.round.path) + 1;
    }
  }

  /** Runs a sequence among neighbours that are there already; gives a symptom that is worth looking into. */
  async #first(sequence: Sequence): Promise<(Shown & { readonly sequence?: Sequence }) | undefined> {
    this.#progress("sending");
    const stage = await this.#stageNow();
    if (!stage) return undefined;
    const seen = await execute(sequence, stage, this.#what.running);
    const unsent = unsentIn(seen);
    if (unsent) return await this.#unsent(unsent);
    this.#runs++;
    this.#messages += sequence.steps.length;
    let symptoms = judge(sequence, seen, this.#what.rules);
    if (symptoms.length === 0 && isTurnedAway(sequence, seen)) return await this.#whoDidIt();
    this.#recent.push(sequence);
    if (this.#recent.length > MOST_RECENT) this.#recent.shift();
    if (symptoms.length === 0 && !stage.isBroken) return undefined;
    this.#stage = undefined;
    await stage.close();
    const state = await serves(this.#what.running);
    const whole = { ...seen, serves: state };
    symptoms = judge(sequence, whole, this.#what.rules);
    const [symptom] = symptoms;
    if (!symptom) return undefined;
    if (!state.ok && !(await this.#trials.comesBack())) {
      this.#trials.end(`the server did not come back within ${Math.round(this.#what.recoverMs / 1_000)} s`);
      return { symptom, seen: whole };
    }
    if (this.#findings.countsAs(symptom, sequence)) return undefined;
    if (TIMED.includes(symptom.kind) && state.ok) return await this.#lookAgain(sequence, symptom);
    return { symptom, seen: whole };
  }

  /** The proxy or this machine kept a connection from the server: that run is not judged. */
  async #unsent({ message }: NoStage): Promise<undefined> {
    this.#notes.add(`not judged: a sequence that did not reach the server: ${message}`);
    await this.#stage?.close();
    this.#stage = undefined;
    if (!(await this.#trials.comesBack())) this.#trials.end("the server takes no more connections");
  }

  /** New connections are turned away, though neighbours stay: one of the last sequences has done that. */
  async #whoDidIt(): Promise<(Shown & { readonly sequence: Sequence }) | undefined> {
    await this.#stage?.close();
    this.#stage = undefined;
    const recent = this.#recent.splice(0).reverse();
    if (!(await this.#trials.comesBack())) {
      this.#trials.end("the server takes no more connections");
      return undefined;
    }
    for (const sequence of recent) {
      const found = await this.#trials.showing(sequence, GONE);
      if (this.#isOver && !found) return undefined;
      if (found && !this.#findings.countsAs(found.symptom, sequence)) return { ...found, sequence };
    }
    this.#onceOnly++;
    return undefined;
  }

  async #stageNow(): Promise<Stage | undefined> {
    const { running } = this.#what;
    if (this.#stage && this.#stage.runs < RUNS_PER_STAGE && !this.#stage.isBroken) return this.#stage;
    await this.#stage?.close();
    this.#stage = undefined;
    for (;;) {
      try {
        this.#stage = await Stage.open(running.target, running.calm, running.neighbours);
        return this.#stage;
      } catch (error) {
        if (!(error instanceof NoStage)) throw error;
        if (await this.#trials.comesBack()) continue;
        this.#trials.end(`the server no longer serves new connections: ${error.message}`);
        return undefined;
      }
    }
  }

  /**
   * Looks once more at what rests on time, before it is made smaller in many runs. With more time it may be something
   * else: a Close that came late.
   */
  async #lookAgain(sequence: Sequence, symptom: Symptom): Promise<Shown | undefined> {
    const run = await this.#trials.all(sequence, this.#trials.patient);
    const same = run?.symptoms.find((one) => signatureOf(one) === signatureOf(symptom));
    const found = same ?? run?.symptoms[0];
    if (run && found && (same || !this.#findings.countsAs(found, sequence)))
      return { symptom: found, seen: run.seen };
    if (!found) this.#onceOnly++;
    return undefined;
  }

  /** Makes it small, runs it again, and keeps it if it is a finding. */
  async #conclude(first: Suspicion): Promise<void> {
    const { again, chance } = this.#what;
    const smallest = await smallestOf(first, chance, this.#trials, this.#progress);
    const verdict = await runAgain(smallest, again, this.#trials, this.#progress);
    if (!verdict.isFinding) {
      this.#notes.add(verdict.note);
      return;
    }
    const { suspicion } = verdict;
    const finding = findingOf(suspicion, verdict.again, smallest !== first, this.#what);
    if (this.#findings.keep(finding, suspicion.symptom)) this.#what.onFinding?.(finding);
  }
}

/** Whether a connection that was opened as any other had no upgrade. */
const isTurnedAway = ({ connections }: Sequence, seen: Observation): boolean =>
  connections.some(
    ({ variables, subprotocols, query }, i) =>
      variables === undefined &&
      subprotocols === undefined &&
      query === undefined &&
      seen.connections[i]!.log.some(({ event }) => event === "unconnected" || event === "refused"),
  );
