/** One run held against what the server counted: verdict, counts, and the share of what was delivered. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Summary, Verdict } from "../../lib/summary/summary.ts";
import type { FaultSettings, ServerStats } from "../../server/server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { count, outcomes } from "./figures.ts";
import { strictProfile } from "./strict-profile.ts";

export interface Row {
  readonly env?: Readonly<Record<string, string | number>>;
  readonly faults?: FaultSettings;
  /** Files to write, by the variable that names them. */
  readonly files?: Readonly<Record<string, object | string>>;
  readonly verdict?: Verdict;
  /** Exact counts. What depends on chance is told in terms of what the server saw and of the other counts. */
  readonly counts: (server: ServerStats, of: (series: string) => number) => Readonly<Record<string, number>>;
  /** Samples of ws_reply_success_rate that are false. */
  readonly failed?: (of: (series: string) => number) => number;
}

export const noStrangeMessage = { ws_message_errors: 0, ws_messages_duplicated: 0, ws_messages_late: 0 };

/**
 * How many sessions `clients` that come back again and again have opened, by what the server opened: all but the
 * set-up's, and no more than one of each client on its way when the run ended.
 */
export function openedOf(clients: number, connectionsOpened: number, of: (series: string) => number): number {
  const most = connectionsOpened - 1;
  return Math.min(Math.max(of("ws_sessions_opened"), most - clients), most);
}

/** The variables that name the row's files, once they are written, and a profile that forgives nothing. */
export async function filesOf(t: TestContext, { files = {} }: Row): Promise<Record<string, string>> {
  const directory = await temporaryDirectory(t);
  const named: Record<string, string> = { PROFILE: await strictProfile(t) };
  for (const [variable, content] of Object.entries(files)) {
    named[variable] = join(directory, variable);
    await writeFile(named[variable], typeof content === "string" ? content : JSON.stringify(content));
  }
  return named;
}

/** That the counts of a run are those of the row. */
export function assertCounts(summary: Summary, server: ServerStats, row: Row, said: string): void {
  const of = (series: string) => count(summary, series);
  const expected = row.counts(server, of);
  assert.deepEqual(
    Object.fromEntries(Object.keys(expected).map((series) => [series, of(series)])),
    expected,
    said,
  );
}

/** That every reply, and nothing else but the row's, is in the share of what was delivered; returns how many failed. */
export function assertDelivered(summary: Summary, row: Row): number {
  const of = (series: string) => count(summary, series);
  const fails = row.failed?.(of) ?? 0;
  assert.deepEqual(outcomes(summary, "ws_reply_success_rate"), { passes: of("ws_replies"), fails });
  return fails;
}
