/** Profiles: the limits of a use case, and the settings that go with them. */
import * as v from "valibot";
import chat from "../thresholds/chat.json" with { type: "json" };
import dashboard from "../thresholds/dashboard.json" with { type: "json" };
import smoke from "../thresholds/smoke.json" with { type: "json" };
import tokenBatch from "../thresholds/token-batch.json" with { type: "json" };
import tokenChat from "../thresholds/token-chat.json" with { type: "json" };
import trading from "../thresholds/trading.json" with { type: "json" };
import { isFormer } from "./former-names.ts";
import { linesOf } from "./issues.ts";
import { METRICS, type MetricKind, type MetricName } from "./metrics.ts";
import { SETTINGS, type SettingName, SettingsError } from "./settings.ts";
import type { Thresholds } from "./summary/summarize.ts";
import { parseLimit } from "./summary/threshold.ts";

const AGGREGATES: { readonly [K in MetricKind]: RegExp } = {
  trend: /^(avg|min|max|med|p\(.+\))$/, // not count, although a summary has it
  counter: /^(count|rate)$/,
  rate: /^rate$/,
  gauge: /^value$/,
};

/** `ws_msg_rtt_ms`, or a submetric `ws_connection_drops{code:1006}`. */
const SERIES = /^((?:ws|sse|token)_[a-z_]+)(\{[\w.-]+:[^{}]*\})?$/;

const metricOf = (series: string): MetricName | undefined => {
  const name = SERIES.exec(series)?.[1];
  return name !== undefined && Object.hasOwn(METRICS, name) ? (name as MetricName) : undefined;
};

/** The JSON form of a profile. Made anew each time, so that virtual users keep none. */
export function profileSchema() {
  const Expressions = v.pipe(
    v.array(
      v.pipe(
        v.string("a text"),
        v.check(
          (text) => parseLimit(text) !== undefined,
          "a threshold such as p(95)<500, count<5 or rate>0.995",
        ),
      ),
      "a list of thresholds",
    ),
    v.minLength(1, "at least one threshold"),
  );

  const Limits = v.pipe(
    v.record(
      v.pipe(
        v.string(),
        v.check((series) => metricOf(series) !== undefined, `a metric of docs/reference/metrics.md`),
      ),
      Expressions,
      "an object of thresholds by metric",
    ),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      for (const [series, expressions] of Object.entries(dataset.value)) {
        const metric = metricOf(series);
        if (metric === undefined) continue; // told already, as is what is no threshold
        const { kind } = METRICS[metric];
        for (const [index, expression] of expressions.entries()) {
          const limit = parseLimit(expression);
          if (limit === undefined || AGGREGATES[kind].test(limit.aggregate)) continue;
          addIssue({
            message: `an aggregate that a ${kind} has`,
            input: expression,
            path: [
              { type: "object", origin: "value", input: dataset.value, key: series, value: expressions },
              { type: "array", origin: "value", input: expressions, key: index, value: expression },
            ],
          });
        }
      }
    }),
  );

  const Presets = v.pipe(
    v.record(
      v.pipe(
        v.string(),
        v.check(
          (name) => Object.hasOwn(SETTINGS, name) || isFormer(name),
          "a setting of docs/reference/settings.md",
        ),
      ),
      v.string("a text, as it is written with -e"),
      "an object of values by variable",
    ),
    v.description("Defaults for the scenario's settings. -e and the environment take precedence."),
  );

  return v.strictObject(
    {
      $schema: v.exactOptional(v.string()),
      description: v.exactOptional(v.string("a text")),
      settings: v.exactOptional(Presets),
      thresholds: Limits,
    },
    ({ expected }) =>
      expected === "never" ? "a field of a profile (description, settings, thresholds)" : "an object",
  );
}

export interface Profile {
  readonly settings: Readonly<Partial<Record<SettingName, string>>>;
  readonly thresholds: Thresholds;
}

/** The profiles that come with the toolkit. */
export const PROFILES = {
  trading,
  chat,
  dashboard,
  smoke,
  "token-chat": tokenChat,
  "token-batch": tokenBatch,
} as const;
export type ProfileName = keyof typeof PROFILES;

/**
 * Checks the content of a profile's file.
 *
 * @param source how to name it in errors
 * @throws {@link SettingsError} naming each wrong field, with the expected value and the actual one
 */
export function parseProfile(json: unknown, source: string): Profile {
  const { success, output, issues } = v.safeParse(profileSchema(), json);
  if (success) return { settings: output.settings ?? {}, thresholds: output.thresholds };
  throw new SettingsError(`PROFILE: ${source} is not a profile:\n${linesOf(issues, "profile")}`);
}

/**
 * The limits of a profile on the metrics that a scenario records.
 *
 * @throws {@link SettingsError} where there are none in common: such a profile would judge nothing
 */
export function limitsOn(metrics: readonly MetricName[], profile: Profile): Thresholds {
  const shared = Object.entries(profile.thresholds).filter(([series]) => metrics.includes(metricOf(series)!));
  if (shared.length === 0) {
    throw new SettingsError(
      `PROFILE: expected limits on a metric that the scenario records (${metrics.join(", ")}), got only ${Object.keys(profile.thresholds).join(", ")}`,
    );
  }
  return Object.fromEntries(shared);
}

/** Both lists of limits; on a metric that both limit, each of them holds. */
export function together(first: Thresholds, second: Thresholds): Thresholds {
  const all: { [series: string]: readonly string[] } = { ...first };
  for (const [series, expressions] of Object.entries(second)) {
    all[series] = [...new Set([...(all[series] ?? []), ...expressions])];
  }
  return all;
}

/** Limits of ours that a profile may loosen: where it limits the same metric, ours does not hold. */
export function limitsBeside(limits: Thresholds, profile: Profile | undefined): Thresholds {
  const limited = new Set<string | undefined>(Object.keys(profile?.thresholds ?? {}).map(metricOf));
  return Object.fromEntries(Object.entries(limits).filter(([metric]) => !limited.has(metric)));
}
