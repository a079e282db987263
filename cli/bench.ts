import { type CommandDef, defineCommand } from "citty";
import type { Surroundings } from "./command.ts";
import { passOn } from "./pass-on.ts";

/** What `--help` says. */
export const BENCH_MANUAL = `Measure how fast WebSocket servers echo.

  k6-realtime bench               writes a template, echo-bench.json
  k6-realtime bench SPEC.json     a table of latencies, in microseconds

  --format markdown        or json, in place of text
  --header LINE            a line to add to each handshake
  --ca FILE                certificates to trust for wss; --insecure takes any
  --silence 30s            ends a case in which no echo comes for so long

The exit code is 0, or 99 where an echo was missing or wrong.
`;

/** `k6-realtime bench`: passes its arguments to `k6 x echo-bench`. */
export const bench = (around: Surroundings): CommandDef =>
  defineCommand({
    meta: { name: "bench", description: "Measure how fast WebSocket servers echo" },
    run: ({ rawArgs }): Promise<number> => passOn(["echo-bench", ...rawArgs], "benchmark of echoes", around),
  });
