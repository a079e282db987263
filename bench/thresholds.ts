/**
 * Three million messages through k6's thresholds: what the process grows by, and how far the values that the
 * thresholds see are from those of all messages.
 *
 *   npm run bench:thresholds
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Summary } from "../lib/summary/summary.ts";
import { median, startServer, type Usage } from "./processes.ts";
import { runScenario } from "./scenario.ts";

const CONNECTIONS = 5_000;
const MESSAGES_PER_SECOND = 10;
const HOLD_S = Number(process.env.HOLD_S ?? 65);

const METRIC = "ws_generator_delay_ms{side:receive}";
const AGGREGATES = ["p(50)", "p(90)", "p(95)", "p(99)"] as const;

const directory = await mkdtemp(join(tmpdir(), "k6-realtime-"));
const interval = `${1_000 / MESSAGES_PER_SECOND}ms`;
const server = await startServer("broadcast-server", "--listen", "127.0.0.1:0", "--interval", interval);
try {
  const profile = join(directory, "profile.json");
  const limits = { [METRIC]: AGGREGATES.map((aggregate) => `${aggregate}<100000`) };
  await writeFile(profile, JSON.stringify({ thresholds: limits }));
  console.log(
    `${CONNECTIONS} connections, ${MESSAGES_PER_SECOND} messages a second to each, for ${HOLD_S} s …`,
  );
  const { summary, usage } = await runScenario("massconnect", {
    PROFILE: profile,
    WS_URL: server.url,
    CONNECTIONS,
    RATE: 5_000,
    DURATION: `${HOLD_S}s`,
    MESSAGES_PER_SECOND,
  });
  report(summary, usage);
} finally {
  await server.stop();
  await rm(directory, { recursive: true, force: true });
}

function report(summary: Summary, usage: readonly Usage[]): void {
  const all = summary.metrics.ws_generator_delay_ms?.by?.side?.receive;
  if (all?.kind !== "trend") throw new Error("expected the summary to have the receive side's delays");
  const holding = usage.filter(({ descriptors }) => descriptors >= CONNECTIONS);
  const second = 20; // samples
  const at = (from: number, to?: number) =>
    median(holding.slice(from, to).map(({ residentBytes }) => residentBytes)) / 2 ** 20;
  const [first, last] = [at(second, 3 * second), at(-3 * second)];
  console.log(
    `${all.count} messages; the process had ${first.toFixed(1)} MiB after the first seconds, ${last.toFixed(1)} at the end: ${(last - first).toFixed(1)} more`,
  );
  for (const note of summary.notes ?? []) console.log(note);
  console.table(
    AGGREGATES.map((aggregate) => {
      const exact = all[`p${aggregate.slice(2, -1)}` as "p50"]!;
      const limit = summary.thresholds.find(
        ({ metric, expression }) => metric === METRIC && expression.startsWith(aggregate),
      );
      const seen = limit!.value!;
      return {
        "": aggregate,
        "k6's threshold saw, ms": seen,
        "all messages, ms": exact,
        off: `${((seen / exact - 1) * 100).toFixed(2)} %`,
      };
    }),
  );
}
