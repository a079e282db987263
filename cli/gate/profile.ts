import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parseJsonText } from "../../lib/json-text.ts";
import { PROFILES, type Profile, type ProfileName, parseProfile } from "../../lib/profile.ts";
import { SettingsError } from "../../lib/settings.ts";
import { UserError } from "../command.ts";

/**
 * Finds a profile by its name, or reads it from a file.
 *
 * @throws {@link UserError} where there is none, or it is wrong
 */
export async function readProfile(given: string, cwd: string): Promise<Profile> {
  try {
    if (Object.hasOwn(PROFILES, given)) return parseProfile(PROFILES[given as ProfileName], given);
    return parseProfile(parseJsonText(await readFile(resolve(cwd, given), "utf8")), given);
  } catch (error) {
    if (error instanceof SettingsError) throw new UserError(error.message.replace(/^PROFILE/, "--profile"));
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    if (!isMissing && !(error instanceof SyntaxError)) throw error;
    const got = isMissing ? `"${given}"` : `${given}, which is not JSON`;
    throw new UserError(
      `--profile: expected ${Object.keys(PROFILES).join(", ")} or the path of a profile, got ${got}`,
    );
  }
}
