/** The profile by which a run is judged: the scenario's own, or the one of `PROFILE`. */
import { PROFILES, type Profile, type ProfileName, parseProfile } from "../profile.ts";
import { readSettings, SettingsError } from "../settings.ts";
import { readJsonInput } from "./files.ts";

export function profileFor(own: ProfileName | undefined): Profile | undefined {
  const { PROFILE: given } = readSettings(["PROFILE"], { PROFILE: __ENV.PROFILE });
  const name = given || own;
  if (name === undefined) return undefined;
  if (Object.hasOwn(PROFILES, name)) return parseProfile(PROFILES[name as ProfileName], name);
  if (/[/\\.]/.test(name)) return parseProfile(readJsonInput("PROFILE", name), name);
  throw new SettingsError(
    `PROFILE: expected ${Object.keys(PROFILES).join(", ")} or the path of a profile, got ${JSON.stringify(name)}`,
  );
}

/** The profile's name, as people read it; of one given as a path, its file's. */
export const profileName = (own = "none"): string => (__ENV.PROFILE || own).replace(/^.*[/\\]/, "");

/** The profile's name as a tag, which joins the runs that are compared: without the file's extension. */
export const profileLabel = (own?: string): string => profileName(own).replace(/\.json$/, "");
