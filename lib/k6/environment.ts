/** What else is in k6's environment: variables that replace what a scenario says, and slips. */
import { replacingVariables } from "../k6-overrides.ts";
import {
  describeStranger,
  type OwnSettings,
  type SettingName,
  SettingsError,
  type Stranger,
  strangers,
} from "../settings.ts";
import type { Helper } from "./scenario-spec.ts";

/**
 * Ends the run if k6's own variables would replace parts of the scenario, or if a name given on purpose is
 * misspelled. Only a k6 with the extension can tell such a name from the rest of the environment.
 *
 * @throws {@link SettingsError} naming each variable
 */
export function refuseOverrides(
  load: readonly SettingName[],
  own: OwnSettings,
  { inherits }: Partial<Helper>,
): void {
  const given = inherits ? Object.keys(__ENV).filter((name) => !inherits(name)) : [];
  const problems = [...replacingVariables(__ENV, load), ...strangers(given, own).map(describeStranger)];
  if (problems.length > 0) throw new SettingsError(problems.join("\n"));
}

/** What may be a slip, and what carries our prefix, each in one line. */
export function strangeNotes(all: readonly Stranger[]): string[] {
  const slips = all.filter(({ meant }) => meant !== undefined);
  const others = all.filter(({ meant }) => meant === undefined).map(({ name }) => name);
  return [
    ...slips.map(({ name, meant }) => `${name} is not a setting and has no effect: did you mean ${meant}?`),
    ...(others.length > 0 ? [`no settings, though they begin with WS_: ${others.join(", ")}`] : []),
  ];
}
