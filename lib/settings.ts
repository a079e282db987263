/**
 * Every environment variable a scenario reads (`k6 run -e NAME=value`), once. Documentation derives
 * from this table; a wrong value or a misspelt name ends the run before any connection.
 */
import { distance } from "fastest-levenshtein";
import { formatDuration, type Ms, ms, parseDuration } from "./units.ts";

/** One environment variable: how it is read and what it means. */
export interface Setting<T> {
  /** What it is for, in one sentence. */
  readonly help: string;
  /** What a value must look like, as said to someone who got it wrong. */
  readonly expects: string;
  /** The default, as one would write it. */
  readonly default: string;
  /** True where the value must never be printed nor stored. */
  readonly secret?: boolean;
  /** Reads a value; undefined when it is not what {@link expects} says. */
  parse(text: string): T | undefined;
}

export const SETTINGS = {
  WS_URL: {
    help: "The WebSocket endpoint under test.",
    expects: "a ws:// or wss:// URL without a fragment",
    default: "ws://127.0.0.1:8080/ws/chat",
    secret: true, // its query may carry a token
    parse: (text: string) => (/^wss?:\/\/[^\s/?#]+[^\s#]*$/.test(text) ? text : undefined),
  },
  WS_TOKEN: {
    help: "Bearer token sent with each handshake; empty for none.",
    expects: "printable ASCII without spaces",
    default: "test-token",
    secret: true,
    parse: (text: string) => (/^[\x21-\x7e]*$/.test(text) ? text : undefined),
  },
  CONNECTIONS: count("Connections held at the same time.", "100", 1, 100_000),
  RAMP: duration("Time over which the connections are opened.", "1m", 0),
  DURATION: duration("Time for which all connections are held.", "10m", 1),
  RAMP_DOWN: duration("Time over which the connections are closed.", "1m", 0),
  ROOMS: count("Rooms that the connections are spread over.", "10", 1, 1_000_000),
  PROBE_INTERVAL: duration(
    "Time between two probes of one connection; the first has a random phase.",
    "10s",
    1,
  ),
  SESSION: duration("Lifetime of one connection before it is drained, closed and opened again.", "60s", 1),
  REPLY_TIMEOUT: duration("Time after its due time at which a probe without a reply has failed.", "5s", 1),
  CONNECT_TIMEOUT: duration("Time after which a connection without a 101 response has failed.", "10s", 1),
  RESULTS_DIR: {
    help: "An existing directory for the summary files; empty: the summary is only printed.",
    expects: "the path of an existing directory",
    default: "",
    parse: (text: string) => text,
  },
  K6_VERSION: {
    help: "The version of k6 for the summary, since scripts cannot ask for it; the command line sets it.",
    expects: "a version such as v2.2.0",
    default: "",
    parse: (text: string) => (/^(v?\d+\.\d+\.\d+\S*)?$/.test(text) ? text : undefined),
  },
} as const satisfies Record<string, Setting<unknown>>;

export type SettingName = keyof typeof SETTINGS;

/** What a scenario gets: a value for each setting it named. */
export type Settings<N extends SettingName = SettingName> = {
  readonly [K in N]: NonNullable<ReturnType<(typeof SETTINGS)[K]["parse"]>>;
};

/** A wrong environment variable: the caller's mistake, with all of them in one message. */
export class SettingsError extends Error {
  override name = "SettingsError";
}

/**
 * Reads the named settings from `env`, defaults filling the gaps.
 *
 * @throws {@link SettingsError} naming each variable that is wrong, misspelt or of no use to this
 * scenario, with what was expected and what was given (a secret's value is not repeated).
 */
export function readSettings<N extends SettingName>(
  names: readonly N[],
  env: Readonly<Record<string, string | undefined>>,
): Settings<N> {
  const problems = misspelt(env);
  const values: Partial<Record<SettingName, unknown>> = {};
  for (const name of names) {
    const setting: Setting<unknown> = SETTINGS[name];
    const given = env[name];
    const value = setting.parse(given ?? setting.default);
    if (value === undefined) {
      problems.push(
        `${name}: expected ${setting.expects}, got ${setting.secret ? "something else" : quote(given)}`,
      );
    }
    values[name] = value;
  }
  if (problems.length > 0) throw new SettingsError(problems.join("\n"));
  return values as Settings<N>;
}

/** Names that are one or two slips away from one of ours, or carry our prefix, but are not ours. */
function misspelt(env: Readonly<Record<string, string | undefined>>): string[] {
  const ours = Object.keys(SETTINGS);
  const problems: string[] = [];
  for (const name of Object.keys(env)) {
    if (Object.hasOwn(SETTINGS, name)) continue;
    const meant = closest(name.toUpperCase(), ours);
    if (meant !== undefined) problems.push(`${name}: unknown variable, did you mean ${meant}?`);
    else if (name.startsWith("WS_"))
      problems.push(`${name}: unknown variable, expected one of ${ours.join(", ")}`);
  }
  return problems;
}

/** Shells set these themselves, and they are a slip away from one of ours. */
const NOT_MEANT_FOR_US = new Set(["USER"]);

function closest(name: string, ours: readonly string[]): string | undefined {
  if (NOT_MEANT_FOR_US.has(name)) return undefined;
  return ours.find((known) => known.length >= 5 && distance(name, known) <= (known.length >= 9 ? 2 : 1));
}

const quote = (text: string | undefined): string => JSON.stringify(text ?? "");

function count(help: string, fallback: string, min: number, max: number): Setting<number> {
  return {
    help,
    expects: `a whole number from ${min} to ${max}`,
    default: fallback,
    parse(text) {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? value : undefined;
    },
  };
}

function duration(help: string, fallback: string, minMs: number): Setting<Ms> {
  const least = minMs > 0 ? ` of at least ${formatDuration(ms(minMs))}` : "";
  return {
    help,
    expects: `a duration${least} such as 500ms, 10s or 1m30s`,
    default: fallback,
    parse(text) {
      const value = parseDuration(text);
      return value !== undefined && value >= minMs ? value : undefined;
    },
  };
}
