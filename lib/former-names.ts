/**
 * Settings that had another name before. The former name works up to the next version, and a note names the present
 * one. Pure.
 */
import type { SettingName } from "./settings.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * By their former names. These were words that other programs' variables have, too, or that mean something else here:
 * k6 has checks, and the gate has baselines.
 */
export const FORMER_NAMES = {
  BASELINE: "BASELINE_TIME",
  CHECK: "PREFLIGHT",
  EXHAUSTED: "ON_EXHAUSTED",
  HARM: "HARM_THRESHOLD",
  MODE: "SLOW_READER_MODE",
} as const satisfies Readonly<Record<string, SettingName>>;

const ENTRIES = Object.entries(FORMER_NAMES) as [former: string, name: SettingName][];

/** Whether a setting once had that name. */
export const isFormer = (name: string): boolean => Object.hasOwn(FORMER_NAMES, name);

/** The name under which an environment has a setting: the present one, or a former one. */
export const nameGiven = (name: SettingName, env: Environment): string => {
  if (env[name] !== undefined) return name;
  return ENTRIES.find(([former, present]) => present === name && env[former] !== undefined)?.[0] ?? name;
};

/** Settings of an earlier run, each by its present name. */
export const withPresentNames = (settings: Readonly<Record<string, string>>): Record<string, string> => {
  const names: Readonly<Record<string, string>> = FORMER_NAMES;
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [names[name] ?? name, value]));
};

/** A sentence for each of the settings that an environment gives by its former name. */
export const formerNotes = (names: readonly SettingName[], env: Environment): string[] =>
  ENTRIES.filter(([former, name]) => names.includes(name) && nameGiven(name, env) === former).map(
    ([former, name]) => `${former} is called ${name} now: the next version will not know ${former}`,
  );
