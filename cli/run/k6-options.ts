/**
 * The options that k6 takes from its configuration file (`-c FILE`) and from its environment, and which of them a
 * run keeps for itself. Pure.
 */
import { parseJsonText } from "../../lib/json-text.ts";
import { UserError } from "../command.ts";

/** One of k6's options. */
interface K6Option {
  /** The variable that k6 reads it from; absent where k6 reads it from none. */
  readonly env?: string;
  /** What sets it instead, where a run keeps it for itself; absent where it is k6's to read. */
  readonly instead?: string;
}

const load = "-e, with which a scenario's load is set";
const limits = "--profile, which holds the limits";
const summary = "nothing: a run is judged and summed up";
const setUp = "nothing: the setup belongs to the scenario";
const end = "nothing: a run ends by itself";

/** By the name that the configuration file has for it. */
export const K6_OPTIONS = {
  // Load.
  scenarios: { instead: load },
  stages: { env: "K6_STAGES", instead: load },
  vus: { env: "K6_VUS", instead: load },
  duration: { env: "K6_DURATION", instead: load },
  iterations: { env: "K6_ITERATIONS", instead: load },
  minIterationDuration: { env: "K6_MIN_ITERATION_DURATION", instead: load },
  executionSegment: { instead: "--instances" },
  executionSegmentSequence: { instead: "--instances" },
  paused: { env: "K6_PAUSED", instead: end },
  linger: { env: "K6_LINGER", instead: end },
  // Limits, setup and summary.
  thresholds: { env: "K6_THRESHOLDS", instead: limits },
  noSetup: { env: "K6_NO_SETUP", instead: setUp },
  setupTimeout: { env: "K6_SETUP_TIMEOUT", instead: "-e CONNECT_TIMEOUT" },
  summaryTrendStats: { env: "K6_SUMMARY_TREND_STATS", instead: summary },
  systemTags: { env: "K6_SYSTEM_TAGS", instead: "nothing: k6's url tag may hold a token" },
  // Network and TLS.
  hosts: { env: "K6_HOSTS" },
  dns: { env: "K6_DNS" },
  blacklistIPs: { env: "K6_BLACKLIST_IPS" },
  blockHostnames: { env: "K6_BLOCK_HOSTNAMES" },
  insecureSkipTLSVerify: { env: "K6_INSECURE_SKIP_TLS_VERIFY" },
  tlsAuth: { env: "K6_TLSAUTH" },
  tlsVersion: {},
  tlsCipherSuites: { env: "K6_TLS_CIPHER_SUITES" },
  userAgent: { env: "K6_USER_AGENT" },
  // Outputs of samples.
  out: { env: "K6_OUT" },
  collectors: {},
  tags: { env: "K6_TAGS" },
  webDashboard: { env: "K6_WEB_DASHBOARD" },
  metricSamplesBufferSize: { env: "K6_METRIC_SAMPLES_BUFFER_SIZE" },
  summaryTimeUnit: { env: "K6_SUMMARY_TIME_UNIT" },
  // Options that do not change a scenario of the toolkit, or only change your own script.
  noTeardown: { env: "K6_NO_TEARDOWN" },
  teardownTimeout: { env: "K6_TEARDOWN_TIMEOUT" },
  handleSummaryTimeout: { env: "K6_HANDLE_SUMMARY_TIMEOUT" },
  rps: { env: "K6_RPS" },
  maxRedirects: { env: "K6_MAX_REDIRECTS" },
  batch: { env: "K6_BATCH" },
  batchPerHost: { env: "K6_BATCH_PER_HOST" },
  httpDebug: { env: "K6_HTTP_DEBUG" },
  throw: { env: "K6_THROW" },
  noConnectionReuse: { env: "K6_NO_CONNECTION_REUSE" },
  noVUConnectionReuse: { env: "K6_NO_VU_CONNECTION_REUSE" },
  noCookiesReset: { env: "K6_NO_COOKIES_RESET" },
  discardResponseBodies: { env: "K6_DISCARD_RESPONSE_BODIES" },
  noUsageReport: { env: "K6_NO_USAGE_REPORT" },
  noArchiveUpload: { env: "K6_NO_ARCHIVE_UPLOAD" },
  cloud: {},
  ext: {},
  features: {},
} as const satisfies Record<string, K6Option>;

/** Variables of k6's that stand in no configuration file and that a run keeps for itself: what there is instead. */
const OTHER_VARIABLES: Readonly<Record<string, string>> = {
  K6_NO_THRESHOLDS: summary,
  K6_SUMMARY_MODE: summary,
  K6_NEW_MACHINE_READABLE_SUMMARY: summary,
  K6_ADDRESS: "nothing: a run is followed by what it prints and records",
  K6_TYPE: "nothing: a run is of a script",
};

/** Values that leave everything as it is. */
const NO_CHANGE: readonly (string | undefined)[] = [undefined, "", "false", "0", "compact", "full"];

/**
 * Refuses variables by which k6 would replace load, limits, setup or summary, like the flags with that effect.
 *
 * @throws {@link UserError} naming the first of them
 */
export function refuseK6Variables(env: Readonly<Record<string, string | undefined>>): void {
  const options: readonly K6Option[] = Object.values(K6_OPTIONS);
  const kept = options.flatMap(({ env, instead }) => (env && instead ? [[env, instead] as const] : []));
  for (const [name, instead] of [...kept, ...Object.entries(OTHER_VARIABLES)]) {
    if (!NO_CHANGE.includes(env[name])) {
      throw new UserError(`${name}: expected ${instead}`);
    }
  }
}

export type K6OptionName = keyof typeof K6_OPTIONS;

/** What a configuration file holds, by k6's own spelling of each name. */
export type K6Config = { readonly [N in K6OptionName]?: unknown };

/**
 * Reads a configuration file of k6's.
 *
 * @param source how to name it in errors, such as `-- -c k6.json`
 * @throws {@link UserError} if it is not a JSON object, or holds an option that a run keeps for itself, or one that
 * k6 does not have. It never quotes a value, which may be a private key
 */
export function parseK6Config(source: string, json: string): K6Config {
  let document: unknown;
  try {
    document = parseJsonText(json);
  } catch {
    throw new UserError(`${source}: expected JSON, got something else`);
  }
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    throw new UserError(`${source}: expected a JSON object of k6's options, got something else`);
  }
  const config: { [N in K6OptionName]?: unknown } = {};
  for (const [given, value] of Object.entries(document)) {
    const name = optionNamed(given);
    if (name === undefined) throw new UserError(`${source}: ${given}: k6 has no such option`);
    if (value === null) continue; // k6 takes it for not given
    const { instead }: K6Option = K6_OPTIONS[name];
    if (instead !== undefined) throw new UserError(`${source}: ${given}: expected ${instead}`);
    config[name] = value;
  }
  return config;
}

/** k6 reads names without regard to case. */
const optionNamed = (given: string): K6OptionName | undefined =>
  (Object.keys(K6_OPTIONS) as K6OptionName[]).find((name) => name.toLowerCase() === given.toLowerCase());

/** The path that k6's flags give for a configuration file; the last, as k6 takes it. */
export function configPath(flags: readonly string[]): string | undefined {
  let path: string | undefined;
  flags.forEach((flag, index) => {
    const [, joined] = /^(?:--config=|-c=?)(.+)$/s.exec(flag) ?? [];
    if (joined !== undefined) path = joined;
    else if (flag === "-c" || flag === "--config") path = flags[index + 1] ?? "";
  });
  return path;
}
