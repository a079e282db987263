/**
 * How often the gate is wrong, on made-up runs of which the truth is known: over run length, how alike neighbouring
 * seconds are, how far runs differ, how many baselines there are, warm-up, pauses and ties.
 *
 *   node --import tsx bench/gate-simulated.ts [RUNS]
 *
 * RUNS of each kind are measured (default 200). The 4,000 comparisons of each line draw from them, and shift each run
 * by what sets runs apart: that changes every latency of a run by the same share, so it need not be measured again.
 */
import { type Random, seeded } from "../cli/gate/bootstrap.ts";
import { isRestless } from "../cli/gate/decide.ts";
import { type Latency, type Measured, measure } from "../cli/gate/measure.ts";
import { compare, isFew, TOLERANCE } from "../cli/gate/regression.ts";
import { madeUpRun, normal, type Weather } from "../test/recording/made-up-run.ts";

const measured = Number(process.argv[2] ?? 200);
const COMPARISONS = 4_000;

const CALM: Weather = { seconds: 60, perSecond: 100, persistence: 0.5, swing: 0.05 };
/** Over a median that is the same, a p99 that is 20 % longer. */
const LONGER_TAIL = 0.4 + Math.log(1.2) / 2.326;

/** What one line of the table asks. */
interface Question {
  readonly what: string;
  readonly weather: Weather;
  /** The standard deviation between runs, as a share. */
  readonly between: number;
  readonly baselines: number;
  /** Slow down the tail alone. */
  readonly tail?: boolean;
  /** Latencies that differ between runs each by itself, instead of one. */
  readonly metrics?: number;
  /** What `--spread` says. */
  readonly spread?: number;
}

const line = (
  what: string,
  weather: Partial<Weather>,
  between: number,
  baselines: number,
  more = {},
): Question => ({
  what,
  weather: { ...CALM, ...weather },
  between,
  baselines,
  ...more,
});

const SPREADS = [0, 0.03, 0.05, 0.1, 0.2];
const QUESTIONS: readonly Question[] = [
  ...[1, 2, 3, 5, 10].flatMap((count) => SPREADS.map((between) => line("60 s", {}, between, count))),
  ...[0.03, 0.05].map((between) => line("60 s, `--spread 5`", {}, between, 3, { spread: 0.05 })),
  ...[8, 15, 300].map((seconds) => line(`${seconds} s`, { seconds }, 0.05, 3)),
  ...[15, 60, 300].flatMap((seconds) =>
    [0.8, 0.95].flatMap((persistence) =>
      [0.05, 0.1].map((between) =>
        line(
          `${seconds} s, level within 10 %, ${persistence}`,
          { seconds, persistence, swing: 0.1 },
          between,
          3,
        ),
      ),
    ),
  ),
  ...[3, 5, 25].map((warmUpSeconds) =>
    line(`60 s, the first ${warmUpSeconds} ten times as slow`, { warmUpSeconds }, 0.05, 3),
  ),
  line("60 s, values in every 5th second", { every: 5 }, 0.05, 3),
  line("60 s, values in 2 seconds only", { every: 31 }, 0.05, 3),
  ...[1, 10].map((clockMs) => line(`60 s, a clock of ${clockMs} ms`, { clockMs }, 0.05, 3)),
  ...[3, 5].map((count) => line("60 s, only the tail slower", {}, 0.05, count, { tail: true })),
  ...[0.05, 0.1].flatMap((between) =>
    [3, 5].map((count) => line("60 s, one of three metrics slower", {}, between, count, { metrics: 3 })),
  ),
];

const kept = new Map<string, readonly Measured[]>();

function runsOf(weather: Weather): readonly Measured[] {
  const key = JSON.stringify(weather);
  const runs =
    kept.get(key) ?? Array.from({ length: measured }, (_, seed) => measure(madeUpRun(weather, 1 + seed)));
  kept.set(key, runs);
  return runs;
}

/** The run as it would be, were all of its latencies `factor` times as long. */
const shifted = (run: Measured, factor: number, metric = ""): Latency[] =>
  run.latencies.map(({ estimate, ...latency }) => ({
    ...latency,
    metric: latency.metric + metric,
    ...(estimate && { estimate: { ...estimate, value: estimate.value * factor } }),
  }));

/** A run out of those that were measured; none twice in one comparison, for a run is no slower than itself. */
function drawn(
  runs: readonly Measured[],
  { between, metrics = 1 }: Question,
  factor: number,
  random: Random,
  taken: Set<number>,
): Measured {
  const latencies = Array.from({ length: metrics }, (_, i) => {
    let index: number;
    do index = Math.floor(random() * runs.length);
    while (taken.has(index));
    taken.add(index);
    // Of several metrics the first alone is slower.
    const shift = Math.exp(between * normal(random)) * (i === 0 ? factor : 1);
    return shifted(runs[index]!, shift, i === 0 ? "" : `_${i}`);
  });
  return { label: "", latencies: latencies.flat(), warmUps: [] };
}

/** Shares of the comparisons: called slower, passed with a warning, passed without one. */
function outcomes(
  question: Question,
  isSlow: boolean,
): { slower: number; unsure: number; passed: number; few: number } {
  const random = seeded(7);
  const alike = runsOf(question.weather);
  const slow = question.tail && isSlow ? runsOf({ ...question.weather, sigma: LONGER_TAIL }) : alike;
  const count = { slower: 0, unsure: 0, passed: 0, few: 0 };
  for (let i = 0; i < COMPARISONS; i++) {
    const taken = new Set<number>();
    const now = drawn(slow, question, isSlow && !question.tail ? 1.2 : 1, random, taken);
    const baselines = Array.from({ length: question.baselines }, () =>
      drawn(alike, question, 1, random, taken),
    );
    const { slower, comparisons } = compare(now, baselines, {
      tolerance: TOLERANCE,
      spread: question.spread,
    });
    if (comparisons.length === 0 || comparisons.some(isFew)) count.few += 1;
    if (slower.length > 0) count.slower += 1;
    else if (comparisons.length === 0 || comparisons.some(isRestless)) count.unsure += 1;
    else count.passed += 1;
  }
  return count;
}

const percent = (count: number): string => `${((100 * count) / COMPARISONS).toFixed(1)} %`;

console.log(
  "| runs | differ by | baselines | alike: fail | alike: cannot tell | slower: found | slower: cannot tell | slower: missed |",
);
console.log("| --- | --- | --- | --- | --- | --- | --- | --- |");
for (const question of QUESTIONS) {
  const [alike, slow] = [outcomes(question, false), outcomes(question, true)];
  const { what, between, baselines } = question;
  const few = alike.few > COMPARISONS / 2 ? " (too little data)" : "";
  console.log(
    `| ${what} | ${100 * between} % | ${baselines}${few} | ${percent(alike.slower)} | ${percent(alike.unsure)} | ` +
      `${percent(slow.slower)} | ${percent(slow.unsure)} | ${percent(slow.passed)} |`,
  );
}
