import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { settingOf } from "../../lib/request.ts";
import { count } from "../k6/figures.ts";
import { type K6Command, runK6 } from "../k6/run.ts";

/**
 * Five connections with two sessions each, which probe in the first second of each session: replies have four seconds,
 * which a busy machine may take.
 */
export const SOAK = {
  CONNECTIONS: 5,
  RAMP: "200ms",
  DURATION: "9500ms",
  RAMP_DOWN: "200ms",
  SESSION: "5s",
  PROBE_INTERVAL: "50ms",
};

/** Swarms end when all has come. Others wait this long for what may still come. */
const timeoutOf = (scenario: string): string =>
  scenario === "mass-soak" || scenario === "fan-out" ? "30s" : "4s";

/** Runs a scenario with the descriptor of an example, or one beside these tests (`./…`), against a server. */
export async function runExample(t: TestContext, name: string, url: string, command: K6Command) {
  const path = name.startsWith("./") ? name : `../../examples/protocols/${name}.json`;
  const file = fileURLToPath(new URL(path, import.meta.url));
  const given = {
    [settingOf(url)]: url,
    PROTOCOL_FILE: file,
    REPLY_TIMEOUT: timeoutOf(command.scenario),
  };
  const { code, summary, stdout, stderr } = await runK6(t, { ...command, env: { ...given, ...command.env } });
  return {
    code,
    verdict: summary?.verdict,
    stdout,
    stderr,
    summary: summary!,
    of: (series: string) => count(summary!, series),
  };
}
