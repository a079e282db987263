import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { settingOf } from "../../lib/request.ts";
import { count } from "../k6/figures.ts";
import { type K6Command, runK6 } from "../k6/run.ts";

/** Runs a scenario with the descriptor of an example, or one beside these tests (`./…`), against a server. */
export async function runExample(t: TestContext, name: string, url: string, command: K6Command) {
  const path = name.startsWith("./") ? name : `../../examples/protocols/${name}.json`;
  const file = fileURLToPath(new URL(path, import.meta.url));
  const given = { [settingOf(url)]: url, PROTOCOL_FILE: file, REPLY_TIMEOUT: "2s" };
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
