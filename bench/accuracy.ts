/**
 * How true the figures of stock k6 are: the chat soak against a reference server whose delays are drawn from
 * a known distribution, and against one that freezes, beside what the server did and the open model says.
 *
 *   npm run bench:accuracy
 */
import type { Summary, TrendSummary } from "../lib/summary/summary.ts";
import { type FaultSettings, startServer } from "../server/server.ts";
import { runK6 } from "../test/k6/run.ts";

const CONNECTIONS = 100;

interface Measured {
  readonly summary: Summary;
  /** The delays that the server applied, in ascending order. */
  readonly appliedMs: readonly number[];
}

async function soak(faults: FaultSettings, env: Record<string, string>): Promise<Measured> {
  const undo: (() => unknown)[] = [];
  const server = await startServer({ faults });
  try {
    const { summary, stderr } = await runK6(
      { after: (fn) => undo.push(fn) },
      {
        scenario: "chat-soak",
        env: {
          WS_URL: `${server.url}/ws/chat`,
          CONNECTIONS,
          RAMP: "2s",
          RAMP_DOWN: "1s",
          SESSION: "60s",
          ...env,
        },
      },
    );
    if (!summary) throw new Error(`k6 left no summary: ${stderr}`);
    return { summary, appliedMs: [...server.faults.delays.of("echo")].sort((a, b) => a - b) };
  } finally {
    for (const fn of undo) await fn();
    await server.close();
  }
}

const trend = ({ summary }: Measured, name: string) => summary.metrics[name] as TrendSummary;

/** The value with `p` of all below it, interpolated as k6 does. */
function quantile(ascending: readonly number[], p: number): number {
  const at = p * (ascending.length - 1);
  const below = ascending[Math.floor(at)]!;
  return below + (ascending[Math.ceil(at)]! - below) * (at % 1);
}

async function delays(): Promise<void> {
  const measured = await soak(
    { delay: { kind: "lognormal", medianMs: 40, sigma: 0.8 } },
    { DURATION: "20s", PROBE_INTERVAL: "250ms", REPLY_TIMEOUT: "5s" },
  );
  const rtt = trend(measured, "ws_msg_rtt_ms");
  const service = trend(measured, "ws_msg_service_ms");
  console.log(
    `\nDelays drawn from a lognormal distribution (median 40 ms, sigma 0.8), ${rtt.count} probes; ms`,
  );
  console.table(
    (
      [
        ["p50", 0.5],
        ["p95", 0.95],
        ["p99", 0.99],
      ] as const
    ).map(([name, p]) => {
      const applied = quantile(measured.appliedMs, p);
      return {
        percentile: name,
        "applied by the server": round(applied),
        ws_msg_rtt_ms: round(rtt[name]!),
        off: round(rtt[name]! - applied),
        ws_msg_service_ms: round(service[name]!),
      };
    }),
  );
}

async function freeze(): Promise<void> {
  const freezeMs = 5_000;
  const intervalMs = 500;
  const measured = await soak(
    { freeze: { afterMs: 10_000, forMs: freezeMs } },
    { DURATION: "27s", PROBE_INTERVAL: `${intervalMs}ms`, REPLY_TIMEOUT: "10s", CONNECT_TIMEOUT: "20s" },
  );
  const rtt = trend(measured, "ws_msg_rtt_ms");
  const service = trend(measured, "ws_msg_service_ms");
  // Each connection's grid has freeze ÷ interval due times in the freeze; one due t into it waits freeze - t.
  const frozen = (CONNECTIONS * freezeMs) / intervalMs;
  const expected = freezeMs * (1 - (0.01 * rtt.count) / frozen);
  console.log(
    `\nA freeze of ${freezeMs} ms in a run of 30 s, ${rtt.count} probes of which ${frozen} fell due in it; p99 in ms`,
  );
  console.table({
    "open model": { p99: round(expected) },
    ws_msg_rtt_ms: { p99: round(rtt.p99!), off: `${round((rtt.p99! / expected - 1) * 100)} %` },
    ws_msg_service_ms: { p99: round(service.p99!) },
  });
}

const round = (value: number): number => Math.round(value * 100) / 100;

await delays();
await freeze();
