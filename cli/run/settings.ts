/** What a run's flags mean to the scenario and to k6, and what its load asks of this machine. Pure. */
import type { ConnectTo } from "../../lib/connect-to.ts";
import { CONNECTIONS_OF_A_PAGE } from "../../lib/page-legs.ts";
import type { Profile } from "../../lib/profile.ts";
import {
  describeStranger,
  readSettings,
  type SettingName,
  type Settings,
  strangers,
} from "../../lib/settings.ts";
import { sizesOf } from "../../lib/steps.ts";
import { isEventStream } from "../../lib/url.ts";
import { UserError } from "../command.ts";
import { settingOf } from "./flags.ts";

/** Settings that do not belong on a command line, which everyone on the machine may read. */
const SECRETS: readonly string[] = ["WS_TOKEN", "HEADERS"] satisfies SettingName[];

/** Settings that a run makes itself, and what is there instead. */
const SET_HERE: { readonly [name: string]: string | undefined } = {
  RESULTS_DIR: "--results",
  K6_VERSION: "nothing: k6 is asked",
} satisfies Partial<Record<SettingName, string>>;

/**
 * The settings that the command line gives.
 *
 * @param flags each flag of a setting, with its value
 * @param pairs each `-e`, as `NAME=value`
 * @param takesStreams whether `--url` may be the URL of an event stream: elsewhere `https://` is a slip for `wss://`
 * @throws {@link UserError} for a malformed pair, a name given twice, a secret, and a setting that the run sets
 * itself
 */
export function settingsOf(
  flags: readonly (readonly [flag: string, value: string])[],
  pairs: readonly string[],
  takesStreams = false,
): Record<string, string> {
  const settings: Record<string, string> = {};
  const take = (given: string, name: string, value: string) => {
    if (SECRETS.includes(name) || (/^https?_proxy$/i.test(name) && value.includes("@"))) {
      throw new UserError(
        `${given}: expected it in the environment, which the process list does not show: ${name}=… k6-realtime run …`,
      );
    }
    const instead = SET_HERE[name];
    if (instead !== undefined) throw new UserError(`${given}: expected ${instead}`);
    if (Object.hasOwn(settings, name)) throw new UserError(`${given}: expected it once, got it twice`);
    settings[name] = value;
  };
  for (const [flag, value] of flags) {
    const isStream = takesStreams && flag === "url" && isEventStream(value);
    take(`--${flag}`, isStream ? "SSE_URL" : settingOf(flag)!, value);
  }
  for (const pair of pairs) {
    const [, name, value] = /^([a-z_]\w*)=(.*)$/is.exec(pair) ?? [];
    if (name === undefined || value === undefined) {
      throw new UserError(`-e: expected NAME=value, got ${JSON.stringify(pair.replace(/=.*/s, "=…"))}`);
    }
    take(`-e ${name}`, name, value);
  }
  return settings;
}

/**
 * Refuses misspelled names that the command line gives a scenario of the toolkit. The environment may hold such names
 * for reasons of its own.
 *
 * @throws {@link UserError} naming each
 */
export function refuseMisspelt(settings: Readonly<Record<string, string>>): void {
  const problems = strangers(Object.keys(settings)).map((one) => `-e ${describeStranger(one)}`);
  if (problems.length > 0) throw new UserError(problems.join("\n"));
}

/** k6's flags that a run has other words for, and what they are. */
const NOT_PASSED_ON: readonly [pattern: RegExp, instead: string][] = [
  [/^(-e|--env)/, "-e before the --"],
  [
    /^(-[dusi]|--(duration|vus|stage|iterations|min-iteration-duration)(=|$))/,
    "-e, with which a scenario's load is set",
  ],
  [/^--execution-segment/, "--instances"],
  [
    /^--(no-thresholds|summary-mode|summary-trend-stats|new-machine-readable-summary)/,
    "nothing: a run is judged and summed up",
  ],
  [/^--no-setup/, "nothing: the setup belongs to the scenario"],
  [/^--system-tags/, "nothing: k6's url tag may hold a token"],
  [/^(-[pl]|--(paused|linger))/, "nothing: a run begins and ends by itself"],
  [/^(-t|--type(=|$))/, "nothing: a run is of a script"],
  [/^(-a|--address)/, "nothing: a run is followed by what it prints and records"],
];

/** @throws {@link UserError} for a flag of k6 that would take the run out of our hands */
export function checkK6Flags(flags: readonly string[]): void {
  for (const [index, flag] of flags.entries()) {
    if (/^(-c|--config)$/.test(flags[index - 1] ?? "")) continue; // a path
    const [, instead] = NOT_PASSED_ON.find(([pattern]) => pattern.test(flag)) ?? [];
    if (instead) throw new UserError(`-- ${flag}: expected ${instead}`);
  }
}

/** What a bundled scenario asks of the machine. */
export interface Asks {
  /** Connections at the same time. */
  readonly connections: number;
  /** Local addresses that it connects from in turn. */
  readonly sources: number;
  readonly urls: readonly string[];
  /** The addresses that connections to them go to instead. */
  readonly connectTo: readonly ConnectTo[];
  /** Whether it goes on with fewer connections where the machine gives no more. */
  readonly makesDo: boolean;
}

/**
 * What a bundled scenario will ask of this machine, by its settings.
 *
 * @param presets the profile's settings, which the others come before
 * @throws SettingsError as the scenario would
 */
export function asksOf(
  scenario: string,
  env: Readonly<Record<string, string | undefined>>,
  presets: Profile["settings"],
): Asks {
  const settings = readSettings(
    [...ASKED, "WS_URL", "SSE_URL", "SERVERS", "SOURCE_IPS", "ON_EXHAUSTED", "CONNECT_TO"],
    env,
    presets,
  );
  const { WS_URL, SSE_URL, SERVERS, SOURCE_IPS, ON_EXHAUSTED, CONNECT_TO } = settings;
  return {
    connections: connectionsOf(scenario, settings),
    sources: Math.max(1, SOURCE_IPS.length),
    urls: SERVERS.length > 0 ? SERVERS : [SSE_URL || WS_URL],
    connectTo: CONNECT_TO,
    makesDo: ON_EXHAUSTED === "continue",
  };
}

/** What says how many connections there will be. */
const ASKED = [
  "CONNECTIONS",
  "RATE",
  "HOLD",
  "STEPS",
  "STEPS_OF",
  "ROOMS",
  "PUBLISHERS",
  "BROWSERS",
  "PUBLISH_URL",
] as const satisfies SettingName[];

/** Connections at the same time, those of a load that grows at its largest. */
function connectionsOf(scenario: string, settings: Settings<(typeof ASKED)[number]>): number {
  const { CONNECTIONS, RATE, HOLD, STEPS, STEPS_OF, ROOMS, PUBLISHERS, BROWSERS, PUBLISH_URL } = settings;
  const largest = sizesOf(STEPS).all.at(-1) ?? CONNECTIONS;
  switch (scenario) {
    case "connect":
      return Math.ceil((RATE * HOLD) / 1_000); // arrivals at a rate, each held for a while
    case "massconnect":
    case "mass-soak":
      return largest;
    case "fan-out":
      return (STEPS_OF === "connections" ? largest : CONNECTIONS) + PUBLISHERS * ROOMS;
    case "ordering":
      return CONNECTIONS * (PUBLISH_URL.length > 0 && !PUBLISH_URL.some(isEventStream) ? 2 : 1);
    case "browser-chat":
      return CONNECTIONS + PUBLISHERS * ROOMS + CONNECTIONS_OF_A_PAGE * BROWSERS;
    default:
      return CONNECTIONS;
  }
}

/** Whether k6 is told to connect from several local addresses. */
export const choosesAddresses = (flags: readonly string[]): boolean =>
  flags.some((flag) => flag.startsWith("--local-ips"));

/**
 * Outputs that k6 was to have by other means than its flags. Its flag for ours would take their place.
 *
 * @param configured those of k6's configuration file
 */
export function outputsBeside(
  flags: readonly string[],
  { K6_OUT }: Readonly<Record<string, string | undefined>>,
  configured: unknown,
): string[] {
  if (flags.some((flag) => /^(-o|--out)/.test(flag))) return []; // so it is with k6 alone
  if (K6_OUT) return K6_OUT.split(",");
  return Array.isArray(configured) ? configured.map(String) : [];
}
