import type { Options } from "k6/options";
import { HTTP_VERSION_TAG } from "../http-version.ts";
import { STEPS_OF_TAG } from "../steps.ts";
import type { Thresholds } from "../summary/summarize.ts";
import { TESTED_VARIABLE, type Tested } from "../summary/tested.ts";
import { formatDuration, type Ms, ms } from "../units.ts";
import { CLOSE_TIMEOUT } from "./connection.ts";
import type { OwnExecutors } from "./executors.ts";
import type { Plan } from "./plan.ts";

/** k6's default system tags without `url` and `name`: k6 puts the whole URL there, and its query may carry a token. */
const SYSTEM_TAGS = [
  "proto",
  "subproto",
  "status",
  "method",
  "group",
  "check",
  "error",
  "error_code",
  "tls_version",
  "scenario",
  "service",
  "expected_response",
];

/** What k6's options follow from, beside the plan. */
interface Facts {
  /** The profile's name. */
  readonly profile: string;
  readonly httpVersion: string;
  readonly shards: number;
  /** How long a connection may take, with a login before it. */
  readonly connectWithin: Ms;
  readonly floor: Thresholds;
  /** Of the script's own, beside the load. */
  readonly executors: OwnExecutors;
  readonly tested: Tested;
  readonly thresholds: Thresholds;
  /** Of Trends, what k6 is to sum up. */
  readonly stats: string[];
  readonly network: Pick<Options, "hosts">;
  /** Whether the subprotocol may hold a secret. */
  readonly hidesSubprotocol: boolean;
}

/**
 * k6's options for a scenario: which virtual users drive its load, for how long at most, and the limits that judge
 * it.
 */
export function optionsOf(
  name: string,
  { duration, longest = duration, steps, beside, options }: Plan,
  {
    profile,
    httpVersion,
    shards,
    connectWithin,
    floor,
    executors,
    tested,
    thresholds,
    stats,
    network,
    hidesSubprotocol,
  }: Facts,
): Options {
  const once = {
    executor: "per-vu-iterations" as const,
    iterations: 1,
    maxDuration: formatDuration(ms(longest + connectWithin + CLOSE_TIMEOUT)),
    gracefulStop: "5s",
  };
  return {
    scenarios: {
      [name]: {
        ...once,
        vus: shards,
        // For recordings: k6's own outputs know how long a load may take, not how long it is to take, and of the limits
        // not which of them no profile replaces.
        env: {
          FLOOR: JSON.stringify(floor),
          [TESTED_VARIABLE]: JSON.stringify(tested),
          ...(duration > 0 && { PLANNED_MS: String(duration) }),
        },
        // On every sample, so that dashboards can draw the limits. Tags of the whole test `--tag` would replace.
        tags: {
          profile,
          [HTTP_VERSION_TAG]: httpVersion,
          ...(steps && { [STEPS_OF_TAG]: steps.of }),
        },
      },
      ...(beside && {
        [beside.name]: {
          ...once,
          vus: beside.shards,
          exec: "runBeside",
          tags: { profile },
          ...(beside.options && { options: beside.options }),
        },
      }),
      ...Object.fromEntries(
        Object.entries(executors).map(([key, own]) => [key, { ...own, tags: { profile, ...own.tags } }]),
      ),
    },
    thresholds: thresholds as NonNullable<Options["thresholds"]>,
    // The endpoints are asked at the same time, each with its own timeout. Then their connections are closed.
    setupTimeout: formatDuration(ms(connectWithin + CLOSE_TIMEOUT)),
    summaryTrendStats: stats,
    ...options,
    systemTags: SYSTEM_TAGS.filter((tag) => !hidesSubprotocol || tag !== "subproto") as NonNullable<
      Options["systemTags"]
    >,
    ...network,
  };
}
