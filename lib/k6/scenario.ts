import { fail } from "k6";
import exec from "k6/execution";
import * as sockets from "k6/websockets";
import { decideCheck } from "../check.ts";
import { COMPRESSION_SETTINGS } from "../compression.ts";
import { MESSAGES } from "../contract/examples.ts";
import { isTold, notesOnContract } from "../contract/findings.ts";
import { notesOnEvents, requireOneWay } from "../event-streams.ts";
import { formerNotes } from "../former-names.ts";
import { HTTP_SETTINGS, notesOnHttp } from "../http-version.ts";
import {
  type Endpoint,
  FIRST_ROOM,
  IDENTITY_SETTINGS,
  type Identity,
  identities,
  publishersEndpointsOf,
  tokensIn,
} from "../identity.ts";
import { type Own, replacedOptions } from "../k6-overrides.ts";
import { columnsWith, type LoggedIn, type Login } from "../login/login.ts";
import { type MetricName, type OwnMetrics, requireOwnNames } from "../metrics.ts";
import { limitsBeside, limitsOn, together } from "../profile.ts";
import type { Protocol } from "../protocols/index.ts";
import { withPublishersAt } from "../publish-url.ts";
import { overridden, settingOf } from "../request.ts";
import { proxiesOf } from "../route.ts";
import { notesOnScope } from "../scope.ts";
import {
  type NoSettings,
  type OwnSettings,
  readSettings,
  requireRoomForMessages,
  type SettingName,
  type Settings,
  secretsInQuotes,
  strangers,
  unread,
  type Values,
} from "../settings.ts";
import { onStep, requireLimitsOfSteps, stepsSummary } from "../steps.ts";
import { percentilesOf } from "../summary/exact.ts";
import { SUMMARY_FORMS } from "../summary/forms.ts";
import { requireLimits } from "../summary/limits.ts";
import {
  breakdownThresholds,
  type K6Data,
  summarize,
  type Thresholds,
  trendStats,
} from "../summary/summarize.ts";
import type { Summary } from "../summary/summary.ts";
import { terminal } from "../summary/terminal.ts";
import { givenSettings, HOST_VARIABLE, type Tested, testedUrls } from "../summary/tested.ts";
import { ms } from "../units.ts";
import { redactUrl } from "../url.ts";
import { NO_USERS, type Users, usersOf } from "../users.ts";
import { now } from "./clock.ts";
import { checkMessages } from "./connection.ts";
import { type Checks, checksOf } from "./contract.ts";
import { refuseOverrides, strangeNotes } from "./environment.ts";
import { withEventStream } from "./event-streams.ts";
import { STREAM_METRICS } from "./event-times.ts";
import { byExecutor, iterationsLeftOut, iterationsOf, requireApart, requireExecutors } from "./executors.ts";
import { resultsDir } from "./files.ts";
import { LOGIN_METRICS, Logins, loginFor } from "./login.ts";
import { networkOptions } from "./network-options.ts";
import { hideInNotices, noticesSoFar } from "./notices.ts";
import { optionsOf } from "./options.ts";
import type { Plan, Shard, StepsPlan } from "./plan.ts";
import { profileFor, profileLabel, profileName } from "./profile.ts";
import { protocolFor } from "./protocol.ts";
import { recorder } from "./recorder.ts";
import { handOver } from "./result.ts";
import type { Helper, ScenarioSpec } from "./scenario-spec.ts";
import { isLaterPart, MAX_SHARDS, requireShard, SHARD_METRICS } from "./shards.ts";
import { limitMessages, onStockSockets } from "./socket.ts";
import { chooseHttpVersion, offerCompression } from "./socket-settings.ts";
import { climb, figuresOfSteps } from "./steps.ts";
import { summaryReminder } from "./summary-reminder.ts";
import { type Asked, afterLogins, requireUpgrades } from "./upgrade-check.ts";
import { readUsers } from "./users.ts";

/** Settings that every scenario has. */
const COMMON = [
  ...IDENTITY_SETTINGS,
  "USERS",
  "LOGIN_FILE",
  "SSE_URL",
  "PUBLISH_URL",
  "PROTOCOL",
  "PROTOCOL_FILE",
  "CONTRACT",
  "CONTRACT_SENT",
  "CONTRACT_EXAMPLES",
  "PROFILE",
  "PAYLOAD_BYTES",
  "MESSAGE_BYTES",
  "BUFFERED_BYTES",
  ...COMPRESSION_SETTINGS,
  ...HTTP_SETTINGS,
  "REPLY_TIMEOUT",
  "PREFLIGHT",
  "CONNECT_TIMEOUT",
  "CONNECT_TO",
  "RESULTS_DIR",
  "K6_VERSION",
] as const;
type Common = (typeof COMMON)[number];

/** Makes of a description and a plan what k6 looks for in a script. */
export function scenario<N extends SettingName, O extends OwnSettings = NoSettings>(
  spec: ScenarioSpec<N, O>,
  metrics: readonly MetricName[],
  planOf: (
    settings: Values<N | Common, O>,
    protocol: Protocol,
    users: Users,
    checks?: Checks,
    login?: Login,
  ) => Plan,
) {
  const ownSettings: OwnSettings = spec.ownSettings ?? {};
  const ownMetrics: OwnMetrics = spec.metrics ?? {};
  requireOwnNames(ownMetrics);
  const remindOfSummary = summaryReminder(spec.name);
  // If the sockets are the extension's (tools/bundles.mjs), all of the extension is there.
  const extension = (spec.extension ?? sockets) as Partial<Helper>;
  refuseOverrides(spec.settings, ownSettings, extension);
  const profile = profileFor(spec.profile);
  const read: readonly SettingName[] = [...COMMON, ...spec.settings];
  const stream = __ENV.SSE_URL ? { PROTOCOL: "events", EXPECT_CODE: "" } : {};
  const presets = { ...stream, ...spec.defaults, ...profile?.settings };
  const renamed = formerNotes(read, { ...presets, ...__ENV });
  const settings = withEventStream(
    spec as ScenarioSpec<N>,
    readSettings(read, __ENV, presets, ownSettings) as Values<N | Common, O> & Settings<Common>,
  );
  requireRoomForMessages(settings);
  limitMessages(settings);
  const secrets = [settings.WS_TOKEN, ...Object.values(settings.HEADERS)];
  hideInNotices(secrets);
  const results = resultsDir(settings.RESULTS_DIR, extension.tryDirectory);
  const { USERS, WS_TOKEN } = settings;
  const users = usersOf(USERS === "" ? NO_USERS : readUsers(USERS, extension), WS_TOKEN);
  const login = loginFor(spec as ScenarioSpec<N>, settings, users.columns);
  const given = login?.variables ?? [];
  const columns = columnsWith(users.columns, given);
  const { PUBLISH_URL } = settings;
  const protocol = withPublishersAt(
    PUBLISH_URL,
    protocolFor(settings, columns, spec.protocolOf?.(settings as unknown as Settings<N>) ?? spec.protocol),
    spec.name,
    spec.publishers,
  );
  if (settings.SSE_URL !== "") requireOneWay(protocol, __ENV.PROTOCOL_FILE ? "PROTOCOL_FILE" : "PROTOCOL");
  const checks = checksOf(settings, extension);
  checkMessages(checks);
  const plan = planOf(settings, protocol, users, checks, login);
  const stock = onStockSockets && spec.extension === undefined && plan.connect === undefined;
  offerCompression(settings, stock);
  chooseHttpVersion(settings, stock);
  const endpoints = plan.servers ?? [settings.WS_URL];
  const reached = [...new Set([...endpoints, ...PUBLISH_URL])];
  const network = networkOptions([...reached, ...(login?.endpoints ?? [])], settings);
  const loginTime = (login?.requests ?? 0) * settings.CONNECT_TIMEOUT;
  const variablesOf = plan.variables ?? (() => ({ room: FIRST_ROOM }));
  const identityAt = ({ url, setting }: Endpoint, as = protocol) =>
    identities({ ...settings, WS_URL: url }, as, users, {
      more: Object.keys(variablesOf(0)),
      login: given,
      setting,
    });
  const fromUrl = (url: string): Endpoint => ({ url, setting: settingOf(url) });
  /** How connections to an endpoint present themselves, after a login where there is one. */
  const presentAt = (at: Endpoint, as = protocol) => {
    const usual = identityAt(at, as);
    // A login says where a connection goes in the place of WS_URL, not of PUBLISH_URL.
    const isFixed = at.setting === "PUBLISH_URL";
    return (connection: number, variables: { readonly [name: string]: string }): Identity => {
      const anybody = usual(connection, variables);
      const known = ({ variables: more, endpoint }: LoggedIn) =>
        (endpoint === undefined || isFixed ? usual : identityAt(fromUrl(endpoint), as))(connection, {
          ...variables,
          ...more,
        });
      return logins ? { ...anybody, login: logins.before(connection, anybody.variables, known) } : anybody;
    };
  };
  const plain = presentAt(fromUrl(settings.WS_URL));
  const publishersAt = protocol.publisher ? publishersEndpointsOf(settings) : [];
  const publishing = publishersAt.map((at) => presentAt(at, protocol.publisher));
  if (checks && __VU === 0) {
    const { token, ...variables } = identityAt(fromUrl(settings.WS_URL))(0, {
      vu: "1",
      ...variablesOf(0),
    }).variables;
    const known = Object.entries({ ...variables, ...(token && { token }) }).filter(
      ([name]) => !given.includes(name),
    );
    const drafts = { variables: Object.fromEntries(known), payload: "x".repeat(settings.PAYLOAD_BYTES) };
    for (const spoken of [protocol, ...(protocol.publisher ? [protocol.publisher] : [])])
      checks.requireKept(spoken.drafts(drafts));
  }
  const shards = plan.shards ?? Math.min(plan.size, MAX_SHARDS);
  const streamed = /sockets/.test(spec.eventStreams ?? "") && settings.SSE_URL !== "" ? STREAM_METRICS : [];
  const { executors = {}, records = [] } = spec;
  requireExecutors(executors, [spec.name, ...(plan.beside ? [plan.beside.name] : [])]);
  const loadNames = [
    ...(plan.metrics ?? metrics),
    ...streamed,
    ...(login ? LOGIN_METRICS : []),
    ...(checks?.metrics ?? []),
    ...SHARD_METRICS,
  ];
  const names = [...new Set([...loadNames, ...records])];
  const record = recorder<string>(names, ownMetrics);
  const iteration = iterationsOf(record);
  const allNames = [...names, ...Object.keys(ownMetrics)];
  const logins = login && new Logins(login, record, settings.CONNECT_TIMEOUT);
  const identity = (
    connection: number,
    variables: { readonly [name: string]: string },
    as = protocol,
  ): Identity =>
    (as === protocol ? plain : publishing[connection % publishing.length]!)(connection, variables);
  const own = together(spec.floor as Thresholds, plan.limits ?? {});
  const floor = checks ? together(own, limitsBeside(checks.limits, profile)) : own;
  const shared = records.filter((name) => loadNames.includes(name));
  if (plan.engine) requireApart(shared);
  const breakdowns = byExecutor(shared, [spec.name, ...Object.keys(executors)], {
    ...plan.breakdowns,
    ...checks?.breakdowns,
  });
  requireLimits("floor", floor, allNames, ownMetrics);
  const all = profile ? together(floor, limitsOn(names, profile)) : floor;
  /** Looked for once, where the result is reported, not in each virtual user. */
  const strange = () =>
    strangers(Object.keys(__ENV).sort(), ownSettings).filter(
      ({ meant }) => meant === undefined || read.includes(meant),
    );
  const { steps, engine } = plan;
  if (steps) requireLimitsOfSteps(all);
  // By its first step, a run passes or fails: see capacity.md.
  const limits = steps ? onStep(all, steps.each[0]!.size) : all;
  const stats = trendStats(limits);
  const besides = Object.keys(executors).join(", ");
  const load = besides === "" ? plan.load : `${plan.load}; beside them ${besides}`;
  const proxies = proxiesOf(reached, __ENV);
  const tested: Tested = {
    urls: testedUrls(endpoints),
    ...(PUBLISH_URL.length > 0 && { publishUrls: testedUrls(PUBLISH_URL) }),
    ...(proxies.length > 0 && { proxies }),
    protocol: protocol.descriptor.name,
    profile: profile ? profileName(spec.profile) : null,
    load,
    connections: plan.connections ?? plan.size,
    replyTimeoutMs: settings.REPLY_TIMEOUT,
    ...(plan.steps && { fixed: plan.steps.fixed }),
    settings: givenSettings(read, __ENV, ownSettings),
    ...(__ENV[HOST_VARIABLE] && { host: __ENV[HOST_VARIABLE] }),
  };
  const replaceable: Own = { scenario: spec.name, limits, trendStats: stats, load: spec.settings };

  const options = optionsOf(spec.name, plan, {
    profile: profileLabel(spec.profile),
    httpVersion: settings.HTTP_VERSION,
    shards,
    connectWithin: ms(loginTime + settings.CONNECT_TIMEOUT),
    floor,
    executors,
    tested,
    thresholds: together(breakdownThresholds(allNames, breakdowns, ownMetrics), limits),
    stats,
    network,
    hidesSubprotocol: settings.SUBPROTOCOL.includes("${"),
  });
  const { beside } = plan;

  const shardOf = (index: number, of: number): Shard => {
    const vu = String(index + 1);
    return {
      index,
      of,
      protocol,
      record,
      identity: (connection, variables, as) => identity(connection, { vu, ...variables }, as),
    };
  };

  const outcomeOf = ({ of, fixed, sizes }: StepsPlan) => {
    const tried = figuresOfSteps(engine!, names, all);
    const largest = Math.max(0, ...tried.map(({ size }) => size));
    return stepsSummary(of, tried, largest < sizes.coarse.at(-1)!, fixed);
  };

  return {
    options,
    /** Adds to a metric: one that it records, or one of its own. */
    record,
    /** One iteration of an executor of the script's own. One that throws, or that k6 interrupts, leaves the run incomplete. */
    iteration,

    setup() {
      const replaced = replacedOptions(exec.test.options, replaceable);
      if (replaced) fail(replaced);
      if (settings.CONTRACT_EXAMPLES === "true" && results === "")
        fail("CONTRACT_EXAMPLES: expected RESULTS_DIR with it, where the messages go, got none");
      requireShard(shards);
      const publishersThere = PUBLISH_URL.map(redactUrl).join(", ");
      console.log(
        `${spec.name}: ${load}, against ${endpoints.map(redactUrl).join(", ")}${publishersThere && `, publishers at ${publishersThere}`}`,
      );
      if (proxies.length > 0) console.log(`connections go by ${proxies.join(", ")}`);
      const idle = unread(read, __ENV);
      for (const name of secretsInQuotes(read, __ENV))
        console.warn(`${name} is in quotes, which are sent as a part of it`);
      if (idle.length > 0) console.warn(`${spec.name} has no use for ${idle.join(", ")}`);
      for (const note of [...renamed, ...strangeNotes(strange())]) console.warn(note);
      const hasToken = tokensIn(settings, users);
      const isGiven = { token: hasToken && (__ENV.WS_TOKEN !== undefined || users.length > 0) };
      for (const sentence of overridden(settings, reached, isGiven)) console.warn(sentence);
      const targets = [
        ...endpoints.map((url) => ({ at: fromUrl(url), as: protocol, isPublishers: false })),
        ...(plan.publishersApart ? publishersAt : []).map((at) => ({
          ...{ at, as: protocol.publisher!, isPublishers: true },
        })),
      ];
      const check =
        spec.noCheck !== undefined
          ? { skipped: spec.noCheck }
          : decideCheck(settings.PREFLIGHT, {
              connections: plan.connections ?? plan.size,
              reused: plan.reusesCredentials ?? false,
              endpoints: targets.length,
              users: users.length,
              hasCredentials:
                (hasToken && !login) ||
                Object.keys(settings.HEADERS).length > 0 ||
                targets.some(({ at }) => at.url.includes("?")),
              isPart: isLaterPart(),
            });
      // The summary takes this for the sign that the setup was done.
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
        const { at, as, isPublishers } = targets[i]!;
        const variables = { vu: String((connection % shards) + 1), ...variablesOf(connection) };
        const shown = redactUrl(identityAt(at, as)(connection, { ...variables, ...hidden }).url);
        return { ...presentAt(at, as)(connection, variables), shown, isPublishers };
      });
      const ask = (known: readonly Asked[]) =>
        requireUpgrades(known, settings.CONNECT_TIMEOUT, record, accepted, {
          connect: plan.connect,
          publishUrls: protocol.publisher ? [] : PUBLISH_URL,
        });
      if (logins) {
        logins.isLoad = false;
        afterLogins(requests, ask);
      } else ask(requests);
      return data;
    },

    /** Of {@link Plan.beside}. */
    async runBeside() {
      const index = exec.scenario.iterationInTest;
      await iteration(() => beside!.drive(shardOf(index, beside!.shards), now()));
    },

    async run() {
      const replaced = replacedOptions(exec.test.options, replaceable); // the set-up may have been left out
      if (replaced) exec.test.abort(replaced);
      remindOfSummary();
      // Of this scenario, over all instances: a virtual user's own number counts those of others in the test.
      const index = exec.scenario.iterationInTest;
      const shard = shardOf(index, shards);
      await iteration(() => (steps ? climb(shard, steps, engine!, names, all) : plan.drive(shard, now())));
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
        refusal: replacedOptions(exec.test.options, replaceable) ?? iterationsLeftOut(data),
        notes: (metrics) => [
          ...(plan.notes?.(metrics) ?? []),
          ...notesOnEvents(metrics),
          ...notesOnHttp(metrics),
          ...notesOnScope(
            spec.name,
            names,
            limits,
            profile && { ...profile, name: profileName(spec.profile) },
          ),
          ...(checks ? notesOnContract(checks.contract, metrics, checks.figures(itemsIn(metrics))) : []),
          ...noticesSoFar().filter((note) => !checks?.engine || !isTold(note)),
          ...renamed,
          ...strangeNotes(strange()),
        ],
      });
      handOver(summary);
      const files: { [path: string]: string } = { stdout: terminal(summary) };
      if (results !== "") {
        for (const [suffix, write] of Object.entries(SUMMARY_FORMS)) {
          files[`${results}/${spec.name}${suffix}`] = write(summary);
        }
        if (settings.CONTRACT_EXAMPLES === "true")
          files[`${results}/${spec.name}${MESSAGES}`] = checks!.examples(secrets);
      }
      return files;
    },
  };
}

/** The parts of a contract that were seen, where metrics tell it. */
const itemsIn = ({ ws_contract_seen }: Summary["metrics"]): string[] =>
  Object.keys(ws_contract_seen?.by?.item ?? {});
