import { resolve } from "node:path";
import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import { type Context, EXIT, UserError, wholeNumber } from "./command.ts";
import { makeDirectory } from "./directory.ts";
import { fetchRuns } from "./influxdb/fetch.ts";
import { parsePlace } from "./influxdb/place.ts";
import { openStore } from "./influxdb/read.ts";
import { printable } from "./try/safe-text.ts";

const ARGS = {
  from: {
    type: "string",
    required: true,
    valueHint: "URL",
    description: "The address that k6 run --out realtime-influxdb=URL stored them at.",
  },
  scenario: {
    type: "string",
    required: true,
    valueHint: "SCENARIO",
    description: "The scenario that they ran, such as chat-soak.",
  },
  branch: {
    type: "string",
    valueHint: "BRANCH",
    description: "Only runs of this branch (k6 run --tag branch=…).",
  },
  last: { type: "string", default: "5", valueHint: "N", description: "The latest N green runs." },
  run: { type: "string", valueHint: "ID", description: "This run alone, green or not." },
  to: {
    type: "string",
    required: true,
    valueHint: "DIR",
    description: "The directory to write recordings to.",
  },
} as const satisfies ArgsDef;

/** What `--help` says beyond the flags. */
export const BASELINE_MANUAL = `WHAT IT DOES

  Reads runs back from InfluxDB, second by second with their whole histograms,
  and writes them as the recordings that k6 run --out realtime=FILE makes. A run
  is green if it passes by its own limits.

  The token comes from INFLUX_TOKEN; for InfluxDB 1, INFLUX_USERNAME and
  INFLUX_PASSWORD.

EXAMPLE

  k6-realtime baseline --from "http://127.0.0.1:8086/?org=perf&bucket=k6" \\
    --scenario chat-soak --branch main --to base
  k6-realtime gate today.realtime.jsonl --baseline base
`;

/** `k6-realtime baseline`: the last green runs, to compare with. */
export const baseline = ({ out, err, cwd, env }: Context): CommandDef =>
  defineCommand({
    meta: { name: "baseline", description: "Fetch earlier runs from InfluxDB, to compare with" },
    args: ARGS as ArgsDef,
    async run({ args }): Promise<number> {
      const { from, scenario, branch, run, to } = args as Record<string, string>;
      const last = wholeNumber("baseline: --last", String(args.last));
      const store = openStore(parsePlace(from!, env));
      const into = resolve(cwd, to!);
      await makeDirectory(into).catch((error) => {
        throw new UserError(`baseline: --to: expected a directory to write to, got ${to} (${error.code})`);
      });
      const { fetched, skipped } = await fetchRuns(store, { scenario: scenario!, branch, run, last }, into);
      for (const why of skipped) err.write(printable(`Left out: ${why}`).concat("\n"));
      if (fetched.length === 0) {
        const which = [run && `called ${run}`, branch && `of branch ${branch}`].filter(Boolean).join(", ");
        throw new UserError(
          printable(`baseline: no ${run ? "" : "green "}run of ${scenario} ${which} is stored there`),
          EXIT.undecided,
        );
      }
      for (const { run, verdict, files } of fetched) {
        // Begins with a word of ours: on a runner of GitHub a line that begins with :: is a command.
        out.write(printable(`Fetched ${run}: ${verdict}, ${files.join(", ")}`).concat("\n"));
      }
      return EXIT.pass;
    },
  });
