/** What a run tested, and how: beside its figures in every form of a summary, and in its recording. Pure. */
import { nameGiven } from "../former-names.ts";
import type { Setting } from "../setting.ts";
import { type OwnSettings, SETTINGS, type SettingName } from "../settings.ts";
import { redactUrl } from "../url.ts";
import type { Tested } from "./tested-schema.ts";

export type { Tested } from "./tested-schema.ts";

/** By which variable a scenario tells k6's outputs, and the command line, what it tests. */
export const TESTED_VARIABLE = "TESTED";

/** The variable in which the command line names this machine, since a script cannot ask. */
export const HOST_VARIABLE = "K6_REALTIME_HOST";

/** Settings that say where to put files, or that stand in a field of their own. */
const ELSEWHERE: readonly SettingName[] = [
  "RESULTS_DIR",
  "K6_VERSION",
  "WS_URL",
  "SERVERS",
  "PUBLISH_URL",
  "PROFILE",
];

/** The given ones of the settings that a scenario reads, by name; a secret's value is not among them. */
export function givenSettings(
  names: readonly SettingName[],
  env: Readonly<Record<string, string | undefined>>,
  own: OwnSettings = {},
): Tested["settings"] {
  const all = [...names, ...(Object.keys(own) as SettingName[])];
  const given = [...new Set(all)].flatMap((name) => {
    const value = env[nameGiven(name, env)];
    return value === undefined || ELSEWHERE.includes(name) ? [] : [[name, value] as const];
  });
  return Object.fromEntries(given.map(([name, value]) => [name, isSecret(name, own) ? "***" : value]));
}

const isSecret = (name: SettingName, own: OwnSettings): boolean =>
  ((SETTINGS[name] ?? own[name]) as Setting<unknown>).secret === true;

/** The endpoints, as they may be shown. */
export const testedUrls = (urls: readonly string[]): string[] => urls.map(redactUrl);

/** Endpoints that are named one by one. */
const MOST_NAMED = 3;

/** Two sentences: the target of the test, and its settings. */
export function describeTested(tested: Tested): string[] {
  const { urls, publishUrls = [], protocol, profile, load, settings, host } = tested;
  const named = [
    someOf(urls),
    ...(publishUrls.length > 0 ? [`publishers at ${someOf(publishUrls)}`] : []),
  ].join(", ");
  const limits = profile === null ? "the scenario's own limits" : `profile ${profile}`;
  const given = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  return [
    `${named}: ${load}; protocol ${protocol}, ${limits}${host === undefined ? "" : `; from ${host}`}`,
    ...(given.length > 0 ? [`settings given: ${given.join(" ")}`] : []),
  ];
}

function someOf(urls: readonly string[]): string {
  const more = urls.length - MOST_NAMED;
  return [...urls.slice(0, MOST_NAMED), ...(more > 0 ? [`${more} more`] : [])].join(", ");
}
