/** A flag for each setting that a command line may hold: --probe-interval 1s is -e PROBE_INTERVAL=1s. Pure. */
import type { ArgsDef } from "citty";
import { FORMER_NAMES } from "../../lib/former-names.ts";
import { SETTINGS, type SettingName } from "../../lib/settings.ts";

/** Flags whose name is another one than their setting's. */
const OTHER_NAMES = { url: "WS_URL", token: "WS_TOKEN" } as const satisfies Record<string, SettingName>;

/** `run` has a flag of its own, or none, for what these settings say. */
const NO_FLAGS: readonly SettingName[] = [
  ...Object.values(OTHER_NAMES),
  "RESULTS_DIR",
  "K6_VERSION",
  "SHARDS", // --instances
];

/** The settings that `run --help` lists; `k6-realtime list SCENARIO` has the others. */
const LISTED: readonly SettingName[] = [
  "WS_URL",
  "SSE_URL",
  "PROTOCOL",
  "PROTOCOL_FILE",
  "CONNECTIONS",
  "DURATION",
  "RAMP",
  "RATE",
  "ROOMS",
  "PROBE_INTERVAL",
  "PUBLISH_RATE",
  "STEPS",
  "USERS",
  "PROFILE",
];

const NAMES = Object.keys(SETTINGS) as SettingName[];

/** PROBE_INTERVAL → probe-interval. */
export const flagOf = (name: SettingName): string => {
  const other = Object.entries(OTHER_NAMES).find(([, setting]) => setting === name)?.[0];
  return other ?? name.toLowerCase().replaceAll("_", "-");
};

/** The flags of settings' former names. `BASELINE` had no flag: `--baseline` is an earlier run to the gate. */
const FORMER_FLAGS: ReadonlyMap<string, keyof typeof FORMER_NAMES> = new Map(
  (["CHECK", "EXHAUSTED", "HARM", "MODE"] as const).map((name) => [name.toLowerCase(), name]),
);

/** The setting that a flag stands for, by the name that it was given; undefined for a flag that stands for none. */
export function settingOf(flag: string): SettingName | keyof typeof FORMER_NAMES | undefined {
  const former = FORMER_FLAGS.get(flag);
  if (former !== undefined) return former;
  if (Object.hasOwn(OTHER_NAMES, flag)) return OTHER_NAMES[flag as keyof typeof OTHER_NAMES];
  return NAMES.find((name) => !NO_FLAGS.includes(name) && flagOf(name) === flag);
}

/** A flag for every setting, as citty takes them. The ones that the help does not list are marked as hidden. */
export const SETTING_ARGS: ArgsDef = {
  ...Object.fromEntries(
    [...LISTED, ...NAMES.filter((name) => !LISTED.includes(name))]
      .filter((name) => name === "WS_URL" || name === "WS_TOKEN" || !NO_FLAGS.includes(name))
      .map((name) => {
        const { help, default: fallback } = SETTINGS[name];
        const otherwise = fallback === "" ? `[${name}]` : `[${name}] (${fallback})`;
        return [
          flagOf(name),
          {
            type: "string" as const,
            valueHint: name.replace(/^.*_/, ""),
            description: `${help} ${otherwise}`,
            hidden: !LISTED.includes(name),
          },
        ];
      }),
  ),
  ...Object.fromEntries(
    [...FORMER_FLAGS].map(([flag, name]) => [
      flag,
      { type: "string" as const, description: `Now --${flagOf(FORMER_NAMES[name])}.`, hidden: true },
    ]),
  ),
};
