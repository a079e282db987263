/** The scenarios of the toolkit, as they describe themselves (tools/scenarios.mjs). */
import { readFile } from "node:fs/promises";
import type { SettingName } from "../../lib/settings.ts";
import { UserError } from "../command.ts";
import { packageFile } from "../package-file.ts";

export interface Scenario {
  readonly name: string;
  /** In a sentence or two. */
  readonly does: string;
  /** The limits that it is judged by unless PROFILE says otherwise. */
  readonly profile: string | null;
  /** What its settings are unless given, where that is not what they are elsewhere. */
  readonly defaults: Readonly<Partial<Record<SettingName, string>>>;
  /** Its own settings, and the ones that every scenario has. */
  readonly settings: readonly SettingName[];
  readonly common: readonly SettingName[];
}

/** @throws {@link UserError} where they are not built */
export async function readScenarios(): Promise<readonly Scenario[]> {
  try {
    return JSON.parse(await readFile(packageFile("dist/scenarios.json"), "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new UserError("the scenarios are not built: run npm run build in the clone of k6-realtime");
  }
}
