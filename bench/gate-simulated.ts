/**
 * How often the gate is wrong, on made-up runs of which the truth is known.
 *
 *   node --import tsx bench/gate-simulated.ts [PAIRS]
 */
import { compare } from "../cli/gate/regression.ts";
import { madeUpRun, type Weather } from "../test/recording/made-up-run.ts";

const pairs = Number(process.argv[2] ?? 300);

const WEATHERS: readonly Weather[] = [
  { seconds: 10, perSecond: 400, persistence: 0, swing: 0.02 },
  { seconds: 10, perSecond: 400, persistence: 0.5, swing: 0.05 },
  { seconds: 30, perSecond: 100, persistence: 0, swing: 0.1 },
  { seconds: 30, perSecond: 100, persistence: 0.8, swing: 0.1 },
  { seconds: 120, perSecond: 100, persistence: 0.8, swing: 0.1 },
  { seconds: 120, perSecond: 100, persistence: 0.95, swing: 0.1 },
  { seconds: 600, perSecond: 50, persistence: 0.95, swing: 0.1 },
];

console.log(
  "| seconds | values a second | level of a second: standard deviation | correlation with the next | false alarms | slower by 20 %: found |",
);
console.log("| --- | --- | --- | --- | --- | --- |");
for (const weather of WEATHERS) {
  let alarms = 0;
  let found = 0;
  for (let i = 0; i < pairs; i++) {
    const baseline = madeUpRun(weather, 2 * i);
    if (compare(madeUpRun(weather, 2 * i + 1), [baseline]).slower.length > 0) alarms++;
    if (compare(madeUpRun(weather, 2 * i + 1, 1.2), [baseline]).slower.length > 0) found++;
  }
  const percent = (count: number) => `${((100 * count) / pairs).toFixed(1)} %`;
  const { seconds, perSecond, persistence, swing } = weather;
  console.log(
    `| ${seconds} | ${perSecond} | ${100 * swing} % | ${persistence} | ${percent(alarms)} | ${percent(found)} |`,
  );
}
