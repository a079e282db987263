/** Earlier runs to compare with, wherever they are. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXIT, UserError } from "../command.ts";
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
 * Does `work` with paths of all baselines. Of an address, `influxdb:` and what `--out realtime-influxdb=` takes, the
 * latest green runs of the scenario are fetched into a directory that is gone afterwards. Only runs that were over when
 * this one began: it may be stored there itself.
 *
 * @throws {@link UserError} where an address is wrong, or no such run is stored there (exit code 3)
 */
export async function withBaselines<T>(
  baselines: readonly string[],
  run: Header,
  stored: Stored,
  work: (paths: readonly string[]) => Promise<T>,
): Promise<T> {
  const addresses = baselines.filter((one) => one.startsWith(PREFIX)).map((one) => one.slice(PREFIX.length));
  const paths = baselines.filter((one) => !one.startsWith(PREFIX));
  if (addresses.length === 0) return work(paths);
  const into = await mkdtemp(join(tmpdir(), "k6-realtime-"));
  try {
    for (const address of addresses) {
      const { branch, last = LAST, env } = stored;
      const wanted = { scenario: run.scenario, branch, last, overBy: Date.parse(run.startedAt) };
      const fetched = await fetchRuns(openStore(parsePlace(address, env)), wanted, into);
      paths.push(...fetched.flatMap(({ files }) => files));
      if (fetched.length > 0) continue;
      const which = `green run of ${run.scenario}${branch === undefined ? "" : ` of branch ${branch}`}`;
      throw new UserError(printable(`--baseline: no earlier ${which} is stored in InfluxDB`), EXIT.undecided);
    }
    return await work(paths);
  } finally {
    await rm(into, { recursive: true, force: true });
  }
}
