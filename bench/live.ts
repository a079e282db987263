/**
 * What watching costs: `npm run bench:live`. A recording grows by a second of 100,000 values a second, for a minute;
 * the process that watches it, and serves it to one open page, tells its processor time and its memory.
 */
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { logLines } from "../cli/live/displays.ts";
import { serveLive } from "../cli/live/serve.ts";
import { watchRun } from "../cli/live/watch.ts";
import { ms } from "../lib/units.ts";
import { encoded, linesOf, RTT } from "../test/recording/synthetic.ts";

const SECONDS = 60;
const SERIES = 5;
const PER_SECOND = 20_000;

const directory = await mkdtemp(join(tmpdir(), "k6-realtime-"));
const path = join(directory, "run.jsonl");
const trends = [
  RTT,
  ...["msg_service", "fanout_lag", "fanout_spread", "connect_latency"].map((name) => ({
    ...RTT,
    metric: `ws_${name}_ms`,
  })),
];
const values = Array.from(
  { length: PER_SECOND },
  () => 20 * Math.exp(0.6 * (Math.random() + Math.random() - 1)),
);
const one = encoded(values);
const [header, ...lines] = linesOf({
  header: { longestMs: SECONDS * 1_000, startedAt: new Date().toISOString() },
  series: trends,
  state: undefined,
});
await writeFile(path, `${[header, ...lines].join("\n")}\n`);

globalThis.gc?.();
const before = { cpu: process.cpuUsage(), memory: process.memoryUsage().rss };
const plan = { scenario: "bench", planned: ms(SECONDS * 1_000), longest: ms(SECONDS * 1_000) };
const page = await serveLive(plan);
const reader = await fetch(new URL("/events", page.url));
let told = 0;
void (async () => {
  for await (const chunk of reader.body!) told += chunk.length;
})();
const watching = watchRun(
  { recordings: [path], cellSeconds: 1, onUnreadable: (error) => console.error(error) },
  [logLines(plan, () => {}), page],
);
const start = Math.floor(Date.now() / 1_000);
let written = 0;
let own = 0;
for (let second = 0; second < SECONDS; second++) {
  await sleep(1_000);
  const began = process.cpuUsage();
  const line = JSON.stringify({ t: start + second, d: trends.map((_, series) => [series, one]) });
  await appendFile(path, `${line}\n`);
  written += line.length;
  const { user, system } = process.cpuUsage(began);
  own += user + system;
}
const { user, system } = process.cpuUsage(before.cpu);
const grown = process.memoryUsage().rss - before.memory;
await watching.stop();
console.log(
  `${SERIES * PER_SECOND} values a second for ${SECONDS} s, ${(written / 2 ** 20).toFixed(1)} MiB recorded, ${(told / 2 ** 20).toFixed(1)} MiB told to one page: ` +
    `${((user + system - own) / 1e4 / SECONDS).toFixed(1)} % of a processor, memory grew by ${(grown / 2 ** 20).toFixed(1)} MiB`,
);
await rm(directory, { recursive: true });
process.exit(0);
