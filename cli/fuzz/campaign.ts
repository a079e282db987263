/** A fuzzing run as a whole: sequences until the time is over, each finding made small and seen again. */
import fc from "fast-check";
import {
  cut,
  entriesOf,
  FINDING_FORMAT,
  type Finding,
  KIND_TITLES,
  likenessOf,
  placeOf,
  sentLines,
  stateOf,
} from "../../lib/fuzz/finding.ts";
import type { Observation } from "../../lib/fuzz/observation.ts";
import { judge, type Rules, type Symptom, signatureOf } from "../../lib/fuzz/oracle.ts";
import { inTurn, mixed } from "../../lib/fuzz/order.ts";
import { describeStep, type Sequence } from "../../lib/fuzz/sequence.ts";
import { SequenceArbitrary } from "../../lib/fuzz/sequence-arbitrary.ts";
import { execute, executeAlone, type Running, serves } from "./run.ts";
import { NoStage, Stage } from "./stage.ts";

/** What a campaign is. */
export interface Campaign {
  readonly route: string;
  readonly url: string;
  readonly running: Running;
  readonly rules: Rules;
  readonly seed: number;
  /** Sequences at the most. */
  readonly runs: number;
  /** Until when, by `performance.now()`. */
  readonly until: number;
  /** How often a finding is run again. */
  readonly again: number;
  /** Sequences that come first but for chance between them, the first list before the second. */
  readonly sweep: readonly (readonly Sequence[])[];
  readonly chance: fc.Arbitrary<Sequence>;
  readonly signal: AbortSignal;
  /** How long a server may take to come back. */
  readonly recoverMs: number;
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
/** How many findings of one kind and code are made small. */
const MOST_OF_A_KIND = 6;
/** Runs that one finding may take to become small. */
const MOST_SHRINKS = 250;
const MOST_SHRINK_MS = 20_000;

/** Kinds that rest on time alone: they must not show without the messages, too. */
const TIMED: readonly string[] = [
  "silence",
  "neighbour-slow",
  "neighbour-lost",
  "close-unanswered",
  "growth",
];

/** As many are asked where new connections are turned away. */
const MOST_RECENT = 4;

const GONE = { kind: "server-gone", key: "" } as const;

interface Suspicion {
  readonly sequence: Sequence;
  readonly symptom: Symptom;
  readonly seen: Observation;
  readonly round: { readonly seed: number; readonly path: string };
  readonly run: number;
}

export async function campaign(what: Campaign): Promise<Outcome> {
  return await new Running_(what).all();
}

class Running_ {
  readonly #what: Campaign;
  readonly #findings: Finding[] = [];
  readonly #likeness = new Map<string, number>();
  readonly #notes = new Set<string>();
  #stage: Stage | undefined;
  #runs = 0;
  #messages = 0;
  #tried = 0;
  /** The sequences before, the last one last. */
  readonly #recent: Sequence[] = [];
  #onceOnly = 0;
  #ended: string | undefined;

  constructor(what: Campaign) {
    this.#what = what;
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
      findings: this.#findings,
      runs: this.#runs,
      messages: this.#messages,
      tried: this.#tried,
      notes: [
        ...this.#notes,
        ...(this.#onceOnly > 0
          ? [
              `${this.#onceOnly} times an answer was late or missing that was not when the same was sent again`,
            ]
          : []),
      ],
      ended: this.#ended,
    };
  }

  get #isOver(): boolean {
    const { signal, until, runs } = this.#what;
    return signal.aborted || this.#ended !== undefined || performance.now() >= until || this.#runs >= runs;
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
      await this.#conclude(await this.#smallest(suspicion), suspicion);
      if (this.#isOver) return;
      from = Number(suspicion.round.path) + 1;
    }
  }

  /** The smallest sequence that shows the same, as far as fast-check comes within bounds. */
  async #smallest(suspicion: Suspicion): Promise<Suspicion> {
    let smallest = suspicion;
    let tried = 0;
    const since = performance.now();
    const property = fc.asyncProperty(new SequenceArbitrary(this.#what.chance), async (sequence) => {
      if (tried++ === 0) return false; // as it was found
      if (this.#ended !== undefined || this.#what.signal.aborted) return true;
      if (tried > MOST_SHRINKS || performance.now() - since > MOST_SHRINK_MS) return true;
      this.#progress(`making a finding smaller: ${KIND_TITLES[suspicion.symptom.kind]}`);
      const usual = isLate(suspicion, this.#what.running) ? this.#patient : this.#what.running;
      const found = await this.#alone(sequence, suspicion.symptom, usual);
      if (!found) return true;
      smallest = { ...suspicion, ...found, sequence };
      return false;
    });
    const { seed, path } = suspicion.round;
    const { counterexamplePath } = await fc.check(property, {
      seed,
      numRuns: 1,
      examples: [[suspicion.sequence]],
    });
    const steps = (counterexamplePath ?? "0").split(":").slice(1);
    return { ...smallest, round: { seed, path: [path, ...steps].join(":") } };
  }

  /** Runs a sequence among neighbours that are there already; gives a symptom that is worth looking into. */
  async #first(
    sequence: Sequence,
  ): Promise<(Pick<Suspicion, "symptom" | "seen"> & { readonly sequence?: Sequence }) | undefined> {
    this.#progress("sending");
    const stage = await this.#stageNow();
    if (!stage) return undefined;
    const seen = await execute(sequence, stage, this.#what.running);
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
    if (!state.ok && !(await this.#comesBack())) {
      this.#ended = `the server did not come back within ${Math.round(this.#what.recoverMs / 1_000)} s`;
      return { symptom, seen: whole };
    }
    if (this.#isKnown(symptom, sequence)) return undefined;
    if (TIMED.includes(symptom.kind) && state.ok) return await this.#lookAgain(sequence, symptom);
    return { symptom, seen: whole };
  }

  /** New connections are turned away, though neighbours stay: one of the last sequences has done that. */
  async #whoDidIt(): Promise<
    (Pick<Suspicion, "symptom" | "seen"> & { readonly sequence: Sequence }) | undefined
  > {
    await this.#stage?.close();
    this.#stage = undefined;
    const recent = this.#recent.splice(0).reverse();
    if (!(await this.#comesBack())) {
      this.#ended = "the server takes no more connections";
      return undefined;
    }
    for (const sequence of recent) {
      const found = await this.#alone(sequence, GONE);
      if (this.#isOver && !found) return undefined;
      if (found && !this.#isKnown(found.symptom, sequence)) return { ...found, sequence };
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
        if (await this.#comesBack()) continue;
        this.#ended = `the server no longer serves new connections: ${error.message}`;
        return undefined;
      }
    }
  }

  /** Waits for a server that is gone. */
  async #comesBack(): Promise<boolean> {
    const by = performance.now() + this.#what.recoverMs;
    while (performance.now() < by && !this.#what.signal.aborted) {
      this.#progress("waiting for the server to come back");
      if ((await serves(this.#what.running)).ok) return true;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    return false;
  }

  /** Whether a finding says as much already, or there are enough of its kind. */
  #isKnown(symptom: Symptom, sequence: Sequence): boolean {
    const alike = this.#findings.findIndex((finding) => {
      if (signatureOf(finding) !== signatureOf(symptom)) return false;
      const culprits = finding.sequence.steps.map(placeOf);
      const places = sequence.steps.map(placeOf);
      return culprits.every((place) => places.includes(place));
    });
    const ofKind = this.#findings.filter((finding) => signatureOf(finding) === signatureOf(symptom));
    const known =
      alike >= 0 ? this.#findings[alike] : ofKind.length >= MOST_OF_A_KIND ? ofKind[0] : undefined;
    if (!known) return false;
    this.#findings[this.#findings.indexOf(known)] = { ...known, times: known.times + 1 };
    return true;
  }

  /** Runs it among neighbours of its own; gives the symptom where it is the same. */
  async #alone(
    sequence: Sequence,
    like: Pick<Symptom, "kind" | "key">,
    running = this.#what.running,
  ): Promise<Pick<Suspicion, "symptom" | "seen"> | undefined> {
    const run = await this.#runAlone(sequence, running);
    const symptom =
      run?.symptoms.find((one) => signatureOf(one) === signatureOf(like)) ??
      // What is late for a short wait is slow for a long one.
      run?.symptoms.find(({ kind }) => like.kind === "neighbour-lost" && kind === "neighbour-slow");
    return run && symptom && { symptom, seen: run.seen };
  }

  async #runAlone(sequence: Sequence, running: Running) {
    const seen = await executeAlone(sequence, running);
    this.#messages += sequence.steps.length;
    const isGone = !seen || seen.serves?.ok === false;
    if (isGone && !(await this.#comesBack())) this.#ended = "the server did not come back";
    return seen && { seen, symptoms: judge(sequence, seen, this.#what.rules) };
  }

  /** With all the time that an answer may take. */
  get #patient(): Running {
    const { running } = this.#what;
    return { ...running, waitMs: running.target.messageTimeoutMs };
  }

  /**
   * Looks once more at what rests on time, before it is made smaller in many runs. With more time it may be something
   * else: a Close that came late.
   */
  async #lookAgain(
    sequence: Sequence,
    symptom: Symptom,
  ): Promise<Pick<Suspicion, "symptom" | "seen"> | undefined> {
    const run = await this.#runAlone(sequence, this.#patient);
    const same = run?.symptoms.find((one) => signatureOf(one) === signatureOf(symptom));
    const found = same ?? run?.symptoms[0];
    if (run && found && (same || !this.#isKnown(found, sequence))) return { symptom: found, seen: run.seen };
    if (!found) this.#onceOnly++;
    return undefined;
  }

  /** Sees it again, or does not, and keeps it. */
  async #conclude(smallest: Suspicion, first: Suspicion): Promise<void> {
    const { running, again, signal } = this.#what;
    // What comes late is waited for.
    const usual = isLate(smallest, running) ? this.#patient : running;
    let { seen, symptom } = smallest;
    const counts = { seen: 0, of: 0, control: 0 };
    const isTimed = TIMED.includes(symptom.kind);
    const nothing: Sequence = {
      connections: smallest.sequence.connections.map(({ start }) => ({ start })),
      steps: [],
    };
    for (let i = 0; i < again && this.#ended === undefined && !signal.aborted; i++) {
      this.#progress(`seeing a finding again: ${KIND_TITLES[symptom.kind]}`);
      // The first time with all the time that an answer may take: what it shows is what is told.
      const found = await this.#alone(smallest.sequence, symptom, i === 0 ? this.#patient : usual);
      counts.of++;
      if (found) {
        counts.seen++;
        if (counts.seen === 1) ({ seen, symptom } = found);
      }
      if (isTimed && (await this.#alone(nothing, symptom, running))) counts.control++;
      // What was not seen in three runs is not worth more of them.
      if (i === 2 && counts.seen === 0) break;
    }
    const isOwn = counts.of > 0 && counts.seen === 0 && isTimed;
    const shows =
      isTimed && counts.seen > 0 ? counts.seen > counts.of / 2 && counts.seen > 3 * counts.control : true;
    if (
      isOwn ||
      !shows ||
      (counts.of > 0 && counts.seen === 0 && symptom.kind === "server-gone" && this.#ended === undefined)
    ) {
      const last = smallest.sequence.steps.at(-1);
      this.#notes.add(
        `not a finding: ${KIND_TITLES[symptom.kind]}${last ? `, after ${cut(describeStep(last), 80)}` : ""}: seen again ${counts.seen} of ${counts.of} times, and ${counts.control} times without the messages`,
      );
      return;
    }
    const likeness = likenessOf(symptom, smallest.sequence);
    const before = this.#likeness.get(likeness);
    if (before !== undefined) {
      const known = this.#findings[before]!;
      this.#findings[before] = { ...known, times: known.times + 1 };
      return;
    }
    this.#likeness.set(likeness, this.#findings.length);
    const finding = this.#findingOf({ ...smallest, seen, symptom }, counts, smallest !== first);
    this.#findings.push(finding);
    this.#what.onFinding?.(finding);
  }

  #findingOf(
    { sequence, symptom, seen, round, run }: Suspicion,
    again: Finding["again"],
    shrunk: boolean,
  ): Finding {
    const { route, url, seed, rules, running } = this.#what;
    const all = [...seen.connections, ...seen.neighbours];
    const also = judge(sequence, seen, rules)
      .filter((one) => signatureOf(one) !== signatureOf(symptom))
      .map(({ kind, on, received }) => `${KIND_TITLES[kind]} (${on}): ${cut(received, 120)}`);
    const culprit = sequence.steps[symptom.step ?? -1];
    return {
      format: FINDING_FORMAT,
      url,
      route,
      protocol: running.target.protocol.name,
      kind: symptom.kind,
      key: symptom.key,
      also: [...new Set(also)],
      title: `${KIND_TITLES[symptom.kind]}${culprit ? ` after ${cut(describeStep(culprit), 120)}` : ""}`,
      sent: sentLines(sequence),
      expected: symptom.expected,
      received: cut(symptom.received),
      ...(symptom.step !== undefined && { index: symptom.step }),
      on: symptom.on,
      ...(symptom.closeCode !== undefined && {
        closeCode: symptom.closeCode,
        closeReason: symptom.closeReason ?? "",
      }),
      atMs: symptom.atMs,
      connections: all.map(stateOf),
      again,
      shrunk,
      seed,
      round,
      run,
      times: 1,
      sequence,
      log: entriesOf(all),
    };
  }

  #progress(doing: string): void {
    this.#what.onProgress?.({
      runs: this.#runs,
      messages: this.#messages,
      findings: this.#findings.length,
      doing,
    });
  }
}

/** Whether it showed so late that a short wait would miss it. */
const isLate = ({ symptom: { atMs } }: Suspicion, { waitMs }: Running): boolean =>
  Number.isFinite(atMs) && atMs > waitMs / 2;

/** Whether a connection that was opened as any other had no upgrade. */
const isTurnedAway = ({ connections }: Sequence, seen: Observation): boolean =>
  connections.some(
    ({ variables, subprotocols, query }, i) =>
      variables === undefined &&
      subprotocols === undefined &&
      query === undefined &&
      seen.connections[i]!.log.some(({ event }) => event === "unconnected" || event === "refused"),
  );
