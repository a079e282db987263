import exec from "k6/execution";
import type { Options } from "k6/options";
import { connectionsOf, type Load, plannedMs, spanOf } from "../load.ts";
import { compile, type Descriptor } from "../protocols/index.ts";
import { readSettings, type SettingName, type Settings, SettingsError } from "../settings.ts";
import { markdown } from "../summary/markdown.ts";
import {
  breakdownThresholds,
  type K6Data,
  summarize,
  type Thresholds,
  trendStats,
} from "../summary/summarize.ts";
import { terminal } from "../summary/terminal.ts";
import { formatDuration, ms } from "../units.ts";
import { appendToUrl, redactUrl } from "../url.ts";
import { CLIENT_METRICS, Client, type Traffic } from "./client.ts";
import { now } from "./clock.ts";
import { CLOSE_TIMEOUT } from "./connection.ts";
import { recorder } from "./recorder.ts";
import { resultsDir } from "./results-dir.ts";
import { requireUpgrade } from "./upgrade-check.ts";

/** Settings that every scenario has. */
const COMMON = ["WS_URL", "WS_TOKEN", "CONNECT_TIMEOUT", "RESULTS_DIR", "K6_VERSION"] as const;

/** What the scenario itself records: whether all of the load was there to its end. */
const SHARD_METRICS = ["ws_shards_started", "ws_shards_completed"] as const;

/**
 * Virtual users at the most. Each drives many connections on one event loop, because a virtual user
 * costs far more memory than a connection; several, because each has one processor at the most.
 */
const MAX_SHARDS = 20;

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

/** What makes a soak: who is there when, what they send, and what must hold. */
export interface Soak<N extends SettingName> {
  /** The file's name, in lower case with hyphens. */
  readonly name: string;
  /** The settings it reads beside {@link COMMON}. */
  readonly settings: readonly N[];
  /** How messages look. */
  readonly protocol: Descriptor;
  load(settings: Settings<N>): Load;
  traffic(
    settings: Settings<N>,
    connection: number,
  ): Pick<Traffic, "variables" | "session" | "probeInterval" | "replyTimeout" | "backoff">;
  /** The limits. A Counter must be among those with a floor (`count>0`), so that silence cannot pass. */
  readonly pass: Partial<Record<(typeof CLIENT_METRICS)[number], readonly string[]>>;
}

/** Makes of a description what k6 looks for in a script. */
export function soak<N extends SettingName>(spec: Soak<N>) {
  const settings = readSettings([...COMMON, ...spec.settings], __ENV);
  const results = resultsDir(settings.RESULTS_DIR, __ENV.PWD);
  const protocol = compile(spec.protocol);
  const load = spec.load(settings);
  const shards = Math.min(load.connections, MAX_SHARDS);
  const names = [...CLIENT_METRICS, ...SHARD_METRICS];
  const record = recorder(names);
  const headers: { [name: string]: string } = settings.WS_TOKEN
    ? { Authorization: `Bearer ${settings.WS_TOKEN}` }
    : {};
  const limits = spec.pass as Thresholds;

  const trafficOf = (connection: number): Traffic => {
    const { variables, ...traffic } = spec.traffic(settings, connection);
    const all = {
      user: `user-${connection}`,
      token: settings.WS_TOKEN,
      vu: String(connection % shards),
      connection: String(connection),
      ...variables,
    };
    return {
      ...traffic,
      variables: all,
      url: appendToUrl(settings.WS_URL, protocol.path(all)),
      headers,
      protocol,
      connectTimeout: settings.CONNECT_TIMEOUT,
    };
  };

  requireRoomForProbes(spec.traffic(settings, 0), load);

  const options: Options = {
    scenarios: {
      [spec.name]: {
        executor: "per-vu-iterations",
        vus: shards,
        iterations: 1,
        maxDuration: formatDuration(ms(plannedMs(load) + settings.CONNECT_TIMEOUT + CLOSE_TIMEOUT)),
        gracefulStop: "5s",
      },
    },
    thresholds: { ...breakdownThresholds(names), ...limits } as NonNullable<Options["thresholds"]>,
    setupTimeout: formatDuration(settings.CONNECT_TIMEOUT),
    summaryTrendStats: trendStats(limits),
    systemTags: SYSTEM_TAGS as NonNullable<Options["systemTags"]>,
  };

  return {
    options,

    setup() {
      const { url } = trafficOf(0);
      console.log(
        `${spec.name}: ${load.connections} connections to ${redactUrl(url)} for ${formatDuration(plannedMs(load))}`,
      );
      requireUpgrade(url, headers, record);
      return { upgraded: true };
    },

    async run() {
      if (exec.scenario.name !== spec.name) {
        exec.test.abort(
          "--vus, --iterations, --duration and --stage replace the load of this script: use -e CONNECTIONS, -e RAMP, -e DURATION",
        );
      }
      record("ws_shards_started", 1);
      const origin = now();
      await Promise.all(
        connectionsOf(load, exec.vu.idInTest - 1, shards).map((index) => {
          const { start, end } = spanOf(load, index);
          return new Client(String(index), trafficOf(index), record).run({
            start: ms(origin + start),
            end: ms(origin + end),
          });
        }),
      );
      record("ws_shards_completed", 1);
    },

    handleSummary(data: K6Data) {
      const summary = summarize(data, {
        scenario: spec.name,
        plannedMs: plannedMs(load),
        metrics: names,
        limits,
        k6: { version: settings.K6_VERSION || null, extension: null },
        endedAt: new Date(),
      });
      const files: { [path: string]: string } = { stdout: terminal(summary) };
      if (results !== "") {
        files[`${results}/${spec.name}.summary.json`] = `${JSON.stringify(summary, null, 2)}\n`;
        files[`${results}/${spec.name}.summary.md`] = markdown(summary);
      }
      return files;
    },
  };
}

/** A session, and the hold, must be long enough for a probe and its reply: without one nothing is measured. */
function requireRoomForProbes(
  { session, probeInterval, replyTimeout }: Pick<Traffic, "session" | "probeInterval" | "replyTimeout">,
  load: Load,
): void {
  const least = ms(probeInterval + replyTimeout);
  for (const [name, given] of [
    ["SESSION", session],
    ["DURATION", load.hold],
  ] as const) {
    if (given >= least) continue;
    throw new SettingsError(
      `${name}: expected at least PROBE_INTERVAL + REPLY_TIMEOUT (${formatDuration(least)}), so that every session has a probe, got ${formatDuration(given)}`,
    );
  }
}
