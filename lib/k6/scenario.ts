import { fail } from "k6";
import exec from "k6/execution";
import http from "k6/http";
import type { Options, Scenario } from "k6/options";
import * as sockets from "k6/websockets";
import { decideCheck } from "../check.ts";
import {
  beyondStock,
  COMPRESSION_SETTINGS,
  type CompressionSettings,
  compressionOf,
} from "../compression.ts";
import { notesOnContract } from "../contract/findings.ts";
import { requireOneWay } from "../event-streams.ts";
import {
  HTTP_SETTINGS,
  HTTP_VERSION_TAG,
  type HttpSettings,
  httpVersionOf,
  notesOnHttp,
} from "../http-version.ts";
import {
  FIRST_ROOM,
  IDENTITY_SETTINGS,
  type Identity,
  identities,
  type Known,
  tokensIn,
} from "../identity.ts";
import { type Own, replacedOptions, replacingVariables } from "../k6-overrides.ts";
import { hasFailed, type LoggedIn, type Login, parseLogin } from "../login/login.ts";
import { type MetricName, type OwnMetrics, requireOwnNames } from "../metrics.ts";
import { limitsOn, PROFILES, type Profile, type ProfileName, parseProfile, together } from "../profile.ts";
import type { Protocol } from "../protocols/index.ts";
import { overridden } from "../request.ts";
import { RESULT_VARIABLE, resultOf } from "../result.ts";
import { proxiesOf } from "../road.ts";
import { notesOnScope } from "../scope.ts";
import {
  describeStranger,
  type NoSettings,
  type OwnSettings,
  readSettings,
  requireRoomForMessages,
  SETTINGS,
  type SettingName,
  type Settings,
  SettingsError,
  type Stranger,
  secretsInQuotes,
  strangers,
  unread,
  type Values,
} from "../settings.ts";
import { onStep, requireLimitsOfSteps, type Sizes, STEPS_OF_TAG, stepsSummary } from "../steps.ts";
import { percentilesOf } from "../summary/exact.ts";
import { SUMMARY_FORMS } from "../summary/forms.ts";
import { requireLimits } from "../summary/limits.ts";
import {
  type Breakdowns,
  breakdownThresholds,
  type K6Data,
  summarize,
  type Thresholds,
  trendStats,
} from "../summary/summarize.ts";
import type { Summary } from "../summary/summary.ts";
import { terminal } from "../summary/terminal.ts";
import { givenSettings, HOST_VARIABLE, TESTED_VARIABLE, type Tested, testedUrls } from "../summary/tested.ts";
import { formatDuration, type Ms, ms } from "../units.ts";
import { isEventStream, redactUrl } from "../url.ts";
import { NO_TABLE, type Users, usersOf } from "../users.ts";
import { callAt, now } from "./clock.ts";
import { CLOSE_TIMEOUT, checkMessages, STREAM_METRICS } from "./connection.ts";
import { type Checks, CONTRACT_METRICS, checksOf } from "./contract.ts";
import { readJsonInput, resultsDir } from "./files.ts";
import { fromFunction, LOGIN_METRICS, type LoginFunction, Logins } from "./login.ts";
import { hideInNotices, noticesSoFar } from "./notices.ts";
import { type OwnProtocol, protocolFor } from "./protocol.ts";
import { type Record, recorder } from "./recorder.ts";
import { WITH_STREAMS } from "./requirements.ts";
import { networkOptions } from "./road.ts";
import { SHARD_METRICS } from "./shards.ts";
import { compressMessages, connectBy, limitMessages, onStockSockets, type SocketOptions } from "./socket.ts";
import { climb, figuresOfSteps, type Step } from "./steps.ts";
import { summaryReminder } from "./summary-reminder.ts";
import { type Asked, requireUpgrades } from "./upgrade-check.ts";
import { readUsers } from "./users.ts";

/** Settings that every scenario has. */
const COMMON = [
  ...IDENTITY_SETTINGS,
  "USERS",
  "LOGIN_FILE",
  "SSE_URL",
  "PROTOCOL",
  "PROTOCOL_FILE",
  "CONTRACT",
  "PROFILE",
  "PAYLOAD_BYTES",
  "MESSAGE_BYTES",
  "BUFFERED_BYTES",
  ...COMPRESSION_SETTINGS,
  ...HTTP_SETTINGS,
  "REPLY_TIMEOUT",
  "CHECK",
  "CONNECT_TIMEOUT",
  "CONNECT_TO",
  "RESULTS_DIR",
  "K6_VERSION",
] as const;
type Common = (typeof COMMON)[number];

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

/** The load of one run, cut into shards that k6 spreads over virtual users, processes and machines. */
export interface Plan {
  /** In words: "100 connections for 12m". */
  readonly load: string;
  /** The number of things there are to drive; each belongs to one shard. */
  readonly size: number;
  /** Start of the load to its last planned close; 0 where nothing but the server decides that. */
  readonly duration: Ms;
  /** What it records, where the settings decide that. */
  readonly metrics?: readonly MetricName[];
  /** How long that may take. Default: no longer. */
  readonly longest?: Ms;
  /** Shards that the load is cut into. Default: as many as there are things, 20 at the most. */
  readonly shards?: number;
  /** The endpoints, where it is not `WS_URL` alone. */
  readonly servers?: readonly string[];
  /** Connections that present themselves, each by the credentials of its number. Default: {@link size}. */
  readonly connections?: number;
  /** Whether the load presents each connection's credentials more than once in any case. Default false. */
  readonly reusesCredentials?: boolean;
  /** Makes the sockets of the load, where they are not those of `k6/websockets`. */
  readonly connect?: NonNullable<SocketOptions["connect"]>;
  /** Variables of connection `connection`, beside those that every connection has. Default: {@link FIRST_ROOM}. */
  variables?(connection: number): { readonly [name: string]: string };
  /** k6's own, beside those that all scenarios have. */
  readonly options?: Pick<Options, "noConnectionReuse">;
  /** The extension, where it does the measuring. */
  readonly engine?: Engine;
  /** Loads to drive one after the other, instead of {@link drive}. */
  readonly steps?: StepsPlan;
  /** Limits that follow from the settings, beside the floor. */
  readonly limits?: Thresholds;
  /** Tag values to break metrics down by, where the settings decide which there are. */
  readonly breakdowns?: Breakdowns;
  /** What runs beside the load from its start, in virtual users of its own. */
  readonly beside?: Beside;
  /** What the summary is to say beside its figures. */
  notes?(metrics: Summary["metrics"]): string[];
  /** Drives the share of one shard, whose load starts at `origin` on the run's clock. */
  drive(shard: Shard, origin: Ms): Promise<unknown>;
}

/** Something beside the load, as another scenario of k6. */
export interface Beside {
  /** What k6 is to call it. */
  readonly name: string;
  /** How many virtual users; each drives its share once. */
  readonly shards: number;
  /** k6's own, such as a browser. */
  readonly options?: Scenario["options"];
  drive(shard: Shard, origin: Ms): Promise<unknown>;
}

/** A load that grows. */
export interface StepsPlan {
  /** What sizes are numbers of, and what all steps have in common, in words. */
  readonly of: string;
  readonly fixed: string;
  readonly sizes: Sizes;
  /** One for each size that may be tried. */
  readonly each: readonly Step[];
}

/** What the summary takes of the extension. */
export type Engine = Pick<typeof import("k6/x/realtime"), "distributions" | "steps" | "version">;

/** One virtual user's share, and what it needs to drive it. */
export interface Shard {
  /** Counted from 0. */
  readonly index: number;
  readonly of: number;
  readonly protocol: Protocol;
  readonly record: Record;
  /** How connection `connection` of the run presents itself. */
  identity(connection: number, variables?: { readonly [name: string]: string }): Identity;
}

/** Limits by metric, or by metric and value of a tag. */
export type Floor = { readonly [M in MetricName]?: readonly string[] } & {
  readonly [series: string]: readonly string[] | undefined;
};

/** What all scenarios state. A login of its own comes before each connection, in the place of `LOGIN_FILE`. */
export interface ScenarioSpec<N extends SettingName, O extends OwnSettings = NoSettings>
  extends Partial<LoginFunction> {
  /** The file's name, in lower case with hyphens. */
  readonly name: string;
  /** The settings it reads beside those that all scenarios have. */
  readonly settings: readonly N[];
  /** Settings of its own: `{ MY_VAR: duration("What it is for.", "10s") }`. */
  readonly ownSettings?: O;
  /** Metrics of its own: `{ my_time_ms: trend("…") }`. */
  readonly metrics?: OwnMetrics;
  /** What its settings are unless given, where that is not what they are elsewhere. */
  readonly defaults?: Profile["settings"];
  /** The limits by which it is judged unless `PROFILE` says otherwise. Default: none beside its own. */
  readonly profile?: ProfileName;
  /**
   * Limits that hold whatever the profile, on metrics or on one value of a tag (`ws_connection_drops{code:1006}`). A
   * Counter must be among them, so that silence cannot pass.
   */
  readonly floor: Floor;
  /** The extension, where the scenario's sockets are not its own. Default: none. */
  readonly extension?: Helper;
  /** What its messages look like, whatever `PROTOCOL` and `PROTOCOL_FILE` say of other scenarios. */
  readonly protocol?: OwnProtocol;
  /**
   * Whether it takes `SSE_URL`, and what its connections are: the engine's `swarm`; `sockets` of a script, the engine's
   * in `dist/x` alone; or `engine-sockets` in any case. Default: it does not take it.
   */
  readonly eventStreams?: "swarm" | "sockets" | "engine-sockets";
  /** The same where settings decide it. */
  protocolOf?(settings: Settings<N>): Protocol;
  /** Why no check comes before its load. Default: `CHECK` decides. */
  readonly noCheck?: string;
  /** Why no login comes before its connections, in words that go on from its name. Default: one may. */
  readonly noLogin?: string;
}

/** What the extension can do that a script cannot. */
type Helper = Pick<typeof import("k6/x/realtime"), "readUsers" | "inherits" | "tryDirectory" | "Contract">;

/** Has the sockets offer what the settings say, as far as those that are used can. */
function compress(settings: CompressionSettings, stock: boolean): void {
  const offered = compressionOf(settings);
  const beyond = stock && beyondStock(offered);
  if (beyond)
    throw new SettingsError(`${beyond} on stock k6, whose sockets offer nothing else; use dist/x on bin/k6`);
  compressMessages(offered);
}

/** Has the sockets connect by the version of HTTP that the settings say, if those that are used can. */
function choose(settings: HttpSettings, stock: boolean): void {
  const version = httpVersionOf(settings);
  if (stock && version.httpVersion !== "1.1")
    throw new SettingsError(
      "HTTP_VERSION: expected 1.1 on stock k6, whose sockets speak no other; use dist/x on bin/k6",
    );
  connectBy(version);
}

/** Makes of a description and a plan what k6 looks for in a script. */
export function scenario<N extends SettingName, O extends OwnSettings = NoSettings>(
  spec: ScenarioSpec<N, O>,
  metrics: readonly MetricName[],
  planOf: (settings: Values<N | Common, O>, protocol: Protocol, users: Users, checks?: Checks) => Plan,
) {
  const ownSettings: OwnSettings = spec.ownSettings ?? {};
  const ownMetrics: OwnMetrics = spec.metrics ?? {};
  requireOwnNames(ownMetrics);
  const remindOfSummary = summaryReminder(spec.name);
  // Where the sockets are the extension's (tools/bundles.mjs), all of it is there.
  const extension = (spec.extension ?? sockets) as Partial<Helper>;
  refuseOverrides(spec.settings, ownSettings, extension);
  const profile = profileFor(spec.profile);
  const read: readonly SettingName[] = [...COMMON, ...spec.settings];
  const stream = __ENV.SSE_URL ? { PROTOCOL: "events", EXPECT_CODE: "" } : {};
  const presets = { ...stream, ...spec.defaults, ...profile?.settings };
  const settings = withEventStream(
    spec as ScenarioSpec<N>,
    readSettings(read, __ENV, presets, ownSettings) as Values<N | Common, O> & Settings<Common>,
  );
  requireRoomForMessages(settings);
  limitMessages(settings);
  hideInNotices([settings.WS_TOKEN, ...Object.values(settings.HEADERS)]);
  const results = resultsDir(settings.RESULTS_DIR, extension.tryDirectory);
  const { USERS, WS_TOKEN } = settings;
  const users = usersOf(USERS === "" ? NO_TABLE : readUsers(USERS, extension), WS_TOKEN);
  const login = loginFor(spec as ScenarioSpec<N>, settings, users.columns);
  const given = login?.variables ?? [];
  const columns = [...users.columns, ...given.filter((name) => name !== "token")];
  const protocol = protocolFor(
    settings,
    columns,
    spec.protocolOf?.(settings as unknown as Settings<N>) ?? spec.protocol,
  );
  if (settings.SSE_URL !== "") requireOneWay(protocol, __ENV.PROTOCOL_FILE ? "PROTOCOL_FILE" : "PROTOCOL");
  const checks = checksOf(settings.CONTRACT, extension);
  checkMessages(checks);
  const plan = planOf(settings, protocol, users, checks);
  const stock = onStockSockets && spec.extension === undefined && plan.connect === undefined;
  compress(settings, stock);
  choose(settings, stock);
  const endpoints = plan.servers ?? [settings.WS_URL];
  const network = networkOptions([...endpoints, ...(login?.endpoints ?? [])], settings);
  const loginTime = (login?.requests ?? 0) * settings.CONNECT_TIMEOUT;
  const variablesOf = plan.variables ?? (() => ({ room: FIRST_ROOM }));
  const identityAt = (WS_URL: string) =>
    identities({ ...settings, WS_URL }, protocol, users, { more: Object.keys(variablesOf(0)), login: given });
  const plain = identityAt(settings.WS_URL);
  const shards = plan.shards ?? Math.min(plan.size, MAX_SHARDS);
  const streamed = spec.eventStreams !== "swarm" && settings.SSE_URL !== "" ? STREAM_METRICS : [];
  const names = [
    ...(plan.metrics ?? metrics),
    ...streamed,
    ...(login ? LOGIN_METRICS : []),
    ...(checks ? CONTRACT_METRICS : []),
    ...SHARD_METRICS,
  ];
  const record = recorder<string>(names, ownMetrics);
  const allNames = [...names, ...Object.keys(ownMetrics)];
  const logins = login && new Logins(login, record, settings.CONNECT_TIMEOUT);
  const identity = (connection: number, variables: { readonly [name: string]: string }): Identity => {
    const anybody = plain(connection, variables);
    const known = ({ variables: more, endpoint }: LoggedIn) =>
      (endpoint === undefined ? plain : identityAt(endpoint))(connection, { ...variables, ...more });
    return logins ? { ...anybody, login: logins.before(connection, anybody.variables, known) } : anybody;
  };
  const own = together(spec.floor as Thresholds, plan.limits ?? {});
  const floor = checks ? together(own, limitsBeside(checks.limits, profile)) : own;
  const breakdowns = { ...plan.breakdowns, ...checks?.breakdowns };
  requireLimits("floor", floor, allNames, ownMetrics);
  const all = profile ? together(floor, limitsOn(names, profile)) : floor;
  /** Looked for where it is told of, not by each virtual user. */
  const strange = () =>
    strangers(Object.keys(__ENV).sort(), ownSettings).filter(
      ({ meant }) => meant === undefined || read.includes(meant),
    );
  const { steps, engine } = plan;
  if (steps) requireLimitsOfSteps(all);
  // By its first step, a run passes or fails: see capacity.md.
  const limits = steps ? onStep(all, steps.each[0]!.size) : all;
  const stats = trendStats(limits);
  const tested: Tested = {
    urls: testedUrls(endpoints),
    protocol: protocol.descriptor.name,
    profile: profile ? profileLabel(spec.profile) : null,
    load: plan.load,
    connections: plan.connections ?? plan.size,
    ...(plan.steps && { fixed: plan.steps.fixed }),
    settings: givenSettings(read, __ENV, ownSettings),
    ...(__ENV[HOST_VARIABLE] && { host: __ENV[HOST_VARIABLE] }),
  };
  const replaceable: Own = { scenario: spec.name, limits, trendStats: stats, load: spec.settings };

  const once = {
    executor: "per-vu-iterations" as const,
    iterations: 1,
    maxDuration: formatDuration(
      ms((plan.longest ?? plan.duration) + loginTime + settings.CONNECT_TIMEOUT + CLOSE_TIMEOUT),
    ),
    gracefulStop: "5s",
  };
  const { beside } = plan;
  const options: Options = {
    scenarios: {
      [spec.name]: {
        ...once,
        vus: shards,
        // For recordings: k6's own outputs know how long a load may take, not how long it is to take, and of the limits
        // not which of them no profile replaces.
        env: {
          FLOOR: JSON.stringify(floor),
          [TESTED_VARIABLE]: JSON.stringify(tested),
          ...(plan.duration > 0 && { PLANNED_MS: String(plan.duration) }),
        },
        // On every sample, so that dashboards can draw the limits. Tags of the whole test `--tag` would replace.
        tags: {
          profile: profileLabel(spec.profile),
          [HTTP_VERSION_TAG]: settings.HTTP_VERSION,
          ...(steps && { [STEPS_OF_TAG]: steps.of }),
        },
      },
      ...(beside && {
        [beside.name]: {
          ...once,
          vus: beside.shards,
          exec: "runBeside",
          tags: { profile: profileLabel(spec.profile) },
          ...(beside.options && { options: beside.options }),
        },
      }),
    },
    thresholds: together(breakdownThresholds(allNames, breakdowns, ownMetrics), limits) as NonNullable<
      Options["thresholds"]
    >,
    // The endpoints are asked at the same time, each with a time-out of its own; then their connections are closed.
    setupTimeout: formatDuration(ms(loginTime + settings.CONNECT_TIMEOUT + CLOSE_TIMEOUT)),
    summaryTrendStats: stats,
    ...plan.options,
    systemTags: SYSTEM_TAGS as NonNullable<Options["systemTags"]>,
    ...network,
  };

  const shardOf = (index: number, of: number): Shard => {
    const vu = String(index + 1);
    return {
      index,
      of,
      protocol,
      record,
      identity: (connection, variables) => identity(connection, { vu, ...variables }),
    };
  };

  const outcomeOf = ({ of, fixed, sizes }: StepsPlan) => {
    const tried = figuresOfSteps(engine!, names, all);
    const largest = Math.max(0, ...tried.map(({ size }) => size));
    return stepsSummary(of, tried, largest < sizes.coarse.at(-1)!, fixed);
  };

  return {
    options,

    setup() {
      const replaced = replacedOptions(exec.test.options, replaceable);
      if (replaced) fail(replaced);
      requireShard(shards);
      const urls = endpoints;
      console.log(`${spec.name}: ${plan.load}, against ${urls.map(redactUrl).join(", ")}`);
      const proxies = proxiesOf(endpoints, __ENV);
      if (proxies.length > 0) console.log(`connections go by ${proxies.join(", ")}`);
      const idle = unread(read, __ENV);
      for (const name of secretsInQuotes(read, __ENV))
        console.warn(`${name} is in quotes, which are sent as a part of it`);
      if (idle.length > 0) console.warn(`${spec.name} has no use for ${idle.join(", ")}`);
      for (const note of strangeNotes(strange())) console.warn(note);
      const hasToken = tokensIn(settings, users);
      const isGiven = { token: hasToken && (__ENV.WS_TOKEN !== undefined || users.length > 0) };
      for (const sentence of overridden(settings, urls, isGiven)) console.warn(sentence);
      const check =
        spec.noCheck !== undefined
          ? { skipped: spec.noCheck }
          : decideCheck(settings.CHECK, {
              connections: plan.connections ?? plan.size,
              reused: plan.reusesCredentials ?? false,
              endpoints: urls.length,
              users: users.length,
              hasCredentials:
                (hasToken && !login) ||
                Object.keys(settings.HEADERS).length > 0 ||
                urls.some((url) => url.includes("?")),
              isPart: isLaterPart(),
            });
      // What the summary takes for the sign that the set-up was done.
      const data = { upgraded: false };
      const accepted = () => {
        data.upgraded = true;
      };
      if ("skipped" in check) {
        console.log(`no check of the server before the load: ${check.skipped}`);
        accepted();
        return data;
      }
      // A path may carry a token, too.
      const secret = ["token", ...users.columns, ...given].filter((name) => name !== "user");
      const hidden = Object.fromEntries(secret.map((name) => [name, "***"]));
      const requests = check.as.map((connection, i) => {
        const at = identityAt(urls[i]!);
        const variables = { vu: String((connection % shards) + 1), ...variablesOf(connection) };
        const shown = redactUrl(at(connection, { ...variables, ...hidden }).url);
        return { ...(logins ? identity(connection, variables) : at(connection, variables)), shown };
      });
      const ask = (known: readonly Asked[]) =>
        requireUpgrades(known, settings.CONNECT_TIMEOUT, record, accepted, plan.connect);
      if (logins) {
        logins.isLoad = false;
        afterLogins(requests, ask);
      } else ask(requests);
      return data;
    },

    /** Of {@link Plan.beside}. */
    async runBeside() {
      record("ws_shards_started", 1);
      const index = exec.scenario.iterationInTest;
      await beside!.drive(shardOf(index, beside!.shards), now());
      record("ws_shards_completed", 1);
    },

    async run() {
      const replaced = replacedOptions(exec.test.options, replaceable); // the set-up may have been left out
      if (replaced) exec.test.abort(replaced);
      remindOfSummary();
      record("ws_shards_started", 1);
      // Of this scenario, over all instances: a virtual user's own number counts those of others in the test.
      const index = exec.scenario.iterationInTest;
      const shard = shardOf(index, shards);
      if (steps) await climb(steps, engine!, names, all);
      else await plan.drive(shard, now());
      record("ws_shards_completed", 1);
    },

    handleSummary(data: K6Data) {
      if (data.state === undefined) {
        throw new Error(`${spec.name}: run k6 without --new-machine-readable-summary, which has other data`);
      }
      const summary = summarize(data, {
        scenario: spec.name,
        tested,
        plannedMs: plan.duration,
        metrics: allNames,
        own: ownMetrics,
        breakdowns,
        limits,
        k6: { version: settings.K6_VERSION || null, extension: engine?.version ?? null },
        endedAt: new Date(),
        distributions: engine?.distributions(percentilesOf(stats)),
        steps: steps && outcomeOf(steps),
        refusal: replacedOptions(exec.test.options, replaceable),
        notes: (metrics) => [
          ...(plan.notes?.(metrics) ?? []),
          ...notesOnHttp(metrics),
          ...notesOnScope(
            spec.name,
            names,
            limits,
            profile && { ...profile, name: profileLabel(spec.profile) },
          ),
          ...(checks ? notesOnContract(checks.contract, metrics, checks.figures(itemsIn(metrics))) : []),
          ...noticesSoFar().filter((note) => !checks?.engine || !note.startsWith("contract: ")),
          ...strangeNotes(strange()),
        ],
      });
      handOver(summary);
      const files: { [path: string]: string } = { stdout: terminal(summary) };
      if (results !== "") {
        for (const [suffix, write] of Object.entries(SUMMARY_FORMS)) {
          files[`${results}/${spec.name}${suffix}`] = write(summary);
        }
      }
      return files;
    },
  };
}

/**
 * Event streams go where other connections would.
 *
 * @throws {@link SettingsError} where the scenario or this k6 has none
 */
function withEventStream<N extends SettingName, S extends Settings<"HTTP_VERSION" | "SSE_URL" | "WS_URL">>(
  { name, eventStreams, defaults }: ScenarioSpec<N>,
  given: S & Partial<Settings<"KEEPALIVE" | "SERVERS">>,
): S {
  // Where the scenario has one by default, WS_URL takes its place.
  const isDefault = __ENV.SSE_URL === undefined && given.SSE_URL === defaults?.SSE_URL;
  const settings = isDefault && __ENV.WS_URL ? { ...given, SSE_URL: "" } : given;
  const { SSE_URL, SERVERS = [] } = settings;
  const isStream = SSE_URL !== "";
  // A shell's variable that was not set: the run would go to the default of WS_URL.
  if (__ENV.SSE_URL === "" && __ENV.WS_URL === undefined) {
    throw new SettingsError(`SSE_URL: expected ${SETTINGS.SSE_URL.expects}, got an empty text`);
  }
  if (SERVERS.some((url) => isEventStream(url) !== isStream)) {
    throw new SettingsError(
      `SERVERS: expected ${isStream ? "http:// or https:// URLs beside SSE_URL" : "ws:// or wss:// URLs, or SSE_URL beside those of event streams"}, got others`,
    );
  }
  if (!isStream) return settings;
  if (eventStreams === undefined) {
    throw new SettingsError(
      `SSE_URL: expected WS_URL, since ${name} has no use for event streams; ${WITH_STREAMS} take them`,
    );
  }
  if (__ENV.WS_URL) throw new SettingsError("SSE_URL: expected no WS_URL beside it, got both");
  if (eventStreams === "sockets" && onStockSockets) {
    throw new SettingsError(
      `SSE_URL: expected bin/k6 with dist/x/${name}.js, since stock k6 has no streaming HTTP, got stock k6's sockets`,
    );
  }
  if (settings.KEEPALIVE === "ping") {
    throw new SettingsError(
      "KEEPALIVE: expected none with SSE_URL, since event streams have no pings, got ping",
    );
  }
  if (settings.HTTP_VERSION !== "1.1") {
    throw new SettingsError(`HTTP_VERSION: expected 1.1 with SSE_URL, got ${settings.HTTP_VERSION}`);
  }
  return { ...settings, WS_URL: SSE_URL };
}
/** Limits of ours that a profile may loosen: where it limits the same metric, ours does not hold. */
const limitsBeside = (limits: Thresholds, profile: Profile | undefined): Thresholds =>
  Object.fromEntries(
    Object.entries(limits).filter(
      ([metric]) =>
        !Object.keys(profile?.thresholds ?? {}).some((series) => series.replace(/\{.*/, "") === metric),
    ),
  );

/** The parts of a contract that were seen, where metrics tell it. */
const itemsIn = ({ ws_contract_seen }: Summary["metrics"]): string[] =>
  Object.keys(ws_contract_seen?.by?.item ?? {});

/** The login before each connection: the scenario's own, or the one of `LOGIN_FILE`. */
function loginFor<N extends SettingName>(
  { name, login, loginVariables = [], noLogin }: ScenarioSpec<N>,
  settings: Settings<"LOGIN_FILE" | "WS_URL">,
  columns: readonly string[],
): Login | undefined {
  const { LOGIN_FILE, WS_URL } = settings;
  if (noLogin !== undefined && (login || LOGIN_FILE !== "")) {
    throw new SettingsError(`LOGIN_FILE: expected none for ${name}, ${noLogin}: ${WITH_LOGIN}`);
  }
  if (LOGIN_FILE === "") return login && fromFunction({ login, loginVariables });
  if (login)
    throw new SettingsError(`LOGIN_FILE: expected nothing for ${name}, which has a login of its own`);
  return parseLogin(readJsonInput("LOGIN_FILE", LOGIN_FILE), LOGIN_FILE, {
    columns,
    endpoint: WS_URL,
    env: __ENV,
  });
}

const WITH_LOGIN = "chat-soak, connect, idle, ordering, reconnect and backpressure log in";

/** Logs each in, then asks; or fails the set-up, past any promise. */
function afterLogins(
  requests: readonly (Identity & { readonly shown: string })[],
  ask: (known: readonly Asked[]) => void,
): void {
  const all = requests.map(async ({ login, shown }) => ({ shown, known: await login!.take(now()) }));
  void Promise.all(all).then((results) =>
    callAt(now(), () => {
      const refused = results.map(({ known }) => known).find(hasFailed);
      if (refused)
        fail(`expected a login before the load to succeed, got ${refused.reason}: ${refused.said}`);
      ask(results.map(({ known, shown }) => ({ ...(known as Known).identity, shown })));
    }),
  );
}

/** Gives the result to the outputs that ask for it: k6 stops them before it asks for the summary (docs/guides/influxdb.md). */
function handOver(summary: Summary): void {
  for (const url of (__ENV[RESULT_VARIABLE] ?? "").split(" ").filter(Boolean)) {
    try {
      const { status, body } = http.post(url, JSON.stringify(resultOf(summary)), { timeout: "15s" });
      if (status !== 200) console.error(`The verdict is not in InfluxDB: ${body}`);
    } catch (error) {
      console.error(`The verdict is not in InfluxDB: ${error}`);
    }
  }
}

/**
 * Ends the run where k6's own variables would replace what the scenario says, or what was given on purpose is
 * misspelt: only a k6 with the extension can tell that from what the environment happens to hold.
 *
 * @throws {@link SettingsError} naming each variable
 */
function refuseOverrides(
  load: readonly SettingName[],
  own: OwnSettings,
  { inherits }: Partial<Helper>,
): void {
  const given = inherits ? Object.keys(__ENV).filter((name) => !inherits(name)) : [];
  const problems = [...replacingVariables(__ENV, load), ...strangers(given, own).map(describeStranger)];
  if (problems.length > 0) throw new SettingsError(problems.join("\n"));
}

/** What may be a slip, and what carries our prefix, each in one line. */
function strangeNotes(all: readonly Stranger[]): string[] {
  const slips = all.filter(({ meant }) => meant !== undefined);
  const others = all.filter(({ meant }) => meant === undefined).map(({ name }) => name);
  return [
    ...slips.map(({ name, meant }) => `${name} is no setting and changes nothing: is ${meant} meant?`),
    ...(others.length > 0 ? [`no settings, though they begin with WS_: ${others.join(", ")}`] : []),
  ];
}

/** Of a test in several instances, one without a virtual user would do nothing, and end well. */
function requireShard(shards: number): void {
  if (exec.instance.vusInitialized > 0) return;
  fail(
    `this instance of k6 has no share of the load, which has ${shards} parts: raise SHARDS to the number of instances at least`,
  );
}

/** Whether this instance of k6 is one of several, and not the first. */
function isLaterPart(): boolean {
  const { executionSegment } = exec.test.options as { executionSegment?: unknown };
  return typeof executionSegment === "string" && !/^0[:/]/.test(executionSegment);
}

/** The profile's name; of one given as a path, its file's without the extension. */
const profileLabel = (own = "none"): string =>
  (__ENV.PROFILE || own).replace(/^.*[/\\]/, "").replace(/\.json$/, "");

function profileFor(own: ProfileName | undefined): Profile | undefined {
  const { PROFILE: given } = readSettings(["PROFILE"], { PROFILE: __ENV.PROFILE });
  const name = given || own;
  if (name === undefined) return undefined;
  if (Object.hasOwn(PROFILES, name)) return parseProfile(PROFILES[name as ProfileName], name);
  if (/[/\\.]/.test(name)) return parseProfile(readJsonInput("PROFILE", name), name);
  throw new SettingsError(
    `PROFILE: expected ${Object.keys(PROFILES).join(", ")} or the path of a profile, got ${JSON.stringify(name)}`,
  );
}
