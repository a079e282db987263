/** Earlier runs to compare with, wherever they are. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXIT, UserError } from "../command.ts";
import { isSameRun } from "../gate/baselines.ts";
import type { Header } from "../recording/format.ts";
import { printable } from "../try/safe-text.ts";
import { fetchRuns } from "./fetch.ts";
import { parsePlace } from "./place.ts";
import { openStore } from "./read.ts";

/** What tells an address of InfluxDB from a path. */
export const PREFIX = "influxdb:";

/** Enough that the noise between runs shows. */
export const LAST = 5;

/** Which of the runs in InfluxDB. */
export interface Stored {
  /** Those of this branch alone. Default: of any. */
  readonly branch?: string | undefined;
  /** The latest so many green ones. Default: {@link LAST}. */
  readonly last?: number;
  /** Holds what is secret. */
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Does `work` with the paths of all baselines, and with the runs that are not baselines, in words. An address is
 * `influxdb:` and a value that `--out realtime-influxdb=` takes. Its latest green runs of the scenario are fetched
 * into a directory that is gone afterwards. Only runs that were over when this one began: it may be stored there
 * itself.
 *
 * @throws {@link UserError} if an address is wrong, or no such run is stored there (exit code 3)
 */
export async function withBaselines<T>(
  baselines: readonly string[],
  run: readonly Header[],
  stored: Stored,
  work: (paths: readonly string[], skipped: readonly string[]) => Promise<T>,
): Promise<T> {
  const addresses = baselines.filter((one) => one.startsWith(PREFIX)).map((one) => one.slice(PREFIX.length));
  const paths = baselines.filter((one) => !one.startsWith(PREFIX));
  if (addresses.length === 0) return work(paths, []);
  const skipped: string[] = [];
  const into = await mkdtemp(join(tmpdir(), "k6-realtime-"));
  try {
    for (const address of addresses) {
      const { branch, last = LAST, env } = stored;
      const [{ scenario }] = run as [Header];
      const overBy = Math.min(...run.map(({ startedAt }) => Date.parse(startedAt)));
      const isNone = (other: Header) => run.some((own) => isSameRun(own, other));
      const wanted = { scenario, branch, last, overBy, isNone };
      const { fetched, skipped: passedOver } = await fetchRuns(
        openStore(parsePlace(address, env)),
        wanted,
        into,
      );
      skipped.push(...passedOver);
      paths.push(...fetched.flatMap(({ files }) => files));
      if (fetched.length > 0) continue;
      const which = `green run of ${scenario}${branch === undefined ? "" : ` of branch ${branch}`}`;
      const because = passedOver.length > 0 ? `: ${passedOver.join("; ")}` : "";
      throw new UserError(
        printable(`--baseline: no earlier ${which} is stored in InfluxDB${because}`),
        EXIT.undecided,
      );
    }
    return await work(paths, skipped);
  } finally {
    await rm(into, { recursive: true, force: true });
  }
}
