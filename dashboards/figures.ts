/** Panels of figures: tables, and single large ones. */
import * as common from "@grafana/grafana-foundation-sdk/common";
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import * as stat from "@grafana/grafana-foundation-sdk/stat";
import * as table from "@grafana/grafana-foundation-sdk/table";
import { METRICS, type MetricName, type MetricSpec } from "../lib/metrics.ts";
import { STEP_TAG, type StepsOf } from "../lib/steps.ts";
import { TITLES, titleOf } from "../lib/titles.ts";
import { datasource, MS, unitOf, withQueries } from "./common.ts";
import { bySteps, inRange, type Query, type Source } from "./influxql.ts";
import {
  byRun,
  type Columns,
  FIGURES,
  type Figure,
  fieldOf,
  figuresInRange,
  ofRun,
  outcomesOfRun,
  processesOfRun,
  resultsInRange,
  resultsOfRun,
  stepsOfRun,
} from "./results.ts";

/** Enough for a reason of five lines, as that of a load which grew. */
const VERDICT_HEIGHT = 6;

/** The verdict alone, large: a long reason beside it cannot push it out of sight. */
export const verdict = () =>
  withQueries(
    new stat.PanelBuilder()
      .title("Verdict")
      .description(
        "pass: every limit held. fail: one was broken. generator-bound: the load generator was too slow for these limits. incomplete: the run left its plan.",
      )
      .datasource(datasource)
      .noValue("No verdict yet, see What ran")
      .span(4)
      .height(VERDICT_HEIGHT)
      .graphMode(common.BigValueGraphMode.None)
      .colorMode(common.BigValueColorMode.Background)
      .textMode(common.BigValueTextMode.Value)
      .text(new common.VizTextDisplayOptionsBuilder().valueSize(22))
      // Without a verdict no colour, above all not that of passing.
      .thresholds(
        new dashboard.ThresholdsConfigBuilder()
          .mode(dashboard.ThresholdsMode.Absolute)
          .steps([{ value: null, color: "transparent" }]),
      )
      .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(["firstNotNull"]).fields("/^Verdict$/"))
      .overrideByName("Verdict", [VERDICT_MAPPINGS]),
    [resultsOfRun({ Verdict: "verdict" })],
    "table",
  );

/** Which run it was. */
const RUN = {
  Run: "run",
  Reason: "reason",
  Duration: '"durationMs" / 1000',
  Scenario: "scenario",
  Limits: "profile",
  Commit: "commit",
  Branch: "branch",
  from: "from",
  until: "until",
} as const satisfies Columns;

/** Why the verdict is what it is, and what ran. */
export const whatRan = () =>
  withQueries(
    tableOf(
      "What ran",
      "The run, and the sentence of its summary that explains the verdict. The run's name sets the time range to the run's own.",
      Object.keys(RUN),
      // Of one run, the marks on the axis of time show when it began.
      { hasTime: false },
    )
      .noValue(
        "No verdict is stored for this run: it is not over, k6 was killed, or it ran in several instances that were not started by k6-realtime run",
      )
      .overrideByName("Run", [{ id: "custom.width", value: 170 }])
      .span(20)
      .height(VERDICT_HEIGHT),
    [resultsOfRun(RUN)],
    "table",
  );

/** The runs of a time range with their main figures. */
export function runs() {
  const { from, until, Run, Reason, Duration, Limits, Commit, Branch } = RUN;
  // All are of one scenario.
  const first = { Run, Verdict: "verdict", Reason, Duration };
  const last = { Limits, Commit, Branch };
  const made = tableOf(
    "Runs",
    "The runs of this time range, the latest first, with the figures of their summaries. A run's name leads to it.",
    [...Object.keys(first), ...FIGURES.map(({ title }) => title), ...Object.keys(last), "from", "until"],
    { reasonWidth: 300, before: [{ id: "merge", options: {} }] },
  )
    .noValue("No run of this scenario and branch has ended in this time range")
    .span(24)
    .height(10);
  for (const { title, unit, of } of FIGURES) {
    made.overrideByName(title, [
      { id: "unit", value: unit },
      { id: "custom.width", value: 8 * title.length + 30 },
      ...(of.endsWith("rate") ? [{ id: "decimals", value: 3 }] : []),
    ]);
  }
  return withQueries(
    made,
    [resultsInRange({ ...first, ...last, from, until }), ...figuresInRange(FIGURES)],
    "table",
  );
}

/** Counts of failures of each run, apart by the values of a tag: a row for each that was counted at all. */
export const kinds = () => {
  const columns = KINDS.flatMap(([metric, tag, values]) =>
    values.map((value) => [`${titleOf(metric)}: ${value}`, `${metric}_${tag}_${value}_count`] as const),
  );
  return withQueries(
    tableOf(
      "By reason, code and outcome",
      "Failures, drops and outcomes of each run, the latest run first. A run shows the ones that it counted.",
      ["Run", "What", LAST, "from", "until", "Field"],
      {
        names: { [LAST]: "Count" },
        // Of dozens of columns, which are empty in most runs, rows.
        before: [
          {
            id: "reduce",
            options: { mode: "seriesToRows", reducers: ["lastNotNull"] },
          },
          // The series' name has all of it; as columns, labels would take the place of the name.
          {
            id: "extractFields",
            options: {
              source: "Field",
              format: "regexp",
              regExp: "/^(?<Run>.*) (?<from>\\d+) (?<until>\\d+) (?<What>\\D.*)$/",
            },
          },
          {
            id: "filterByValue",
            options: {
              type: "include",
              match: "all",
              filters: [{ fieldName: LAST, config: { id: "greater", options: { value: 0 } } }],
            },
          },
          { id: "sortBy", options: { sort: [{ field: "from", desc: true }] } },
        ],
      },
    )
      .noValue("No run of this scenario and branch counted any of it in this time range")
      .span(24),
    [byRun(Object.fromEntries(columns))],
    "time_series",
  );
};

/** What Grafana calls the column of a series' last value. */
const LAST = "Last *";

const KINDS = (
  [
    ["ws_connect_failures", "reason"],
    ["ws_login_failures", "reason"],
    ["ws_connection_drops", "code"],
    ["ws_message_errors", "reason"],
    ["ws_outcomes", "outcome"],
  ] as const
).map(([metric, tag]) => {
  const by: MetricSpec["by"] = METRICS[metric].by;
  return [metric, tag, by![tag]!] as const;
});

/** The figures of the whole run as its summary has them; of stock k6, of the time range. */
export const figures = (source: Source) =>
  tiles(
    source,
    source === "aggregates" ? "Figures of the whole run" : "Figures of this time range",
    FIGURES.filter((one) => !isOfGenerator(one)),
    source === "aggregates" ? [outcomesOfRun()] : [],
  ).span(source === "aggregates" ? 19 : 24);

/** How late the load generator itself was, apart from what the server did. */
export const generatorFigures = () =>
  tiles("aggregates", "Generator delay", FIGURES.filter(isOfGenerator)).span(5);

const isOfGenerator = ({ metric }: Figure): boolean => metric === "ws_generator_delay_ms";

function tiles(source: Source, title: string, shown: readonly Figure[], more: readonly Query[] = []) {
  const fields = shown.map((one) => `${one.title}: ${fieldOf(one)}.`);
  const from =
    source === "aggregates"
      ? "As the summary has them: percentiles are merged over all seconds and instances."
      : "Of the samples in this time range.";
  const made = new stat.PanelBuilder()
    .title(title)
    .description(`${fields.join(" ")} A scenario shows the ones that it records. ${from}`)
    .datasource(datasource)
    .noValue(
      source === "aggregates"
        ? "Stored at the end of a run that records any"
        : "Nothing was measured in this time range",
    )
    .height(4)
    .orientation(common.VizOrientation.Vertical)
    .graphMode(common.BigValueGraphMode.None)
    .colorMode(common.BigValueColorMode.None)
    .textMode(common.BigValueTextMode.ValueAndName)
    // The name above the value, however wide a tile is.
    .wideLayout(false)
    .text(new common.VizTextDisplayOptionsBuilder().titleSize(12).valueSize(18))
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(["lastNotNull"]));
  for (const { title, unit, of } of shown) {
    made.overrideByName(title, [
      // A count with all its digits, and a share of 0.9996 not as 100 %.
      { id: "unit", value: of === "count" ? "locale" : unit },
      ...(of.endsWith("rate") ? [{ id: "decimals", value: 3 }] : []),
      // The panel's title says the rest.
      { id: "displayName", value: title.replace("Generator ", "") },
    ]);
  }
  const queries = shown.map((one) =>
    source === "aggregates"
      ? ofRun(one)
      : inRange(one.metric, { rate: "share" }[one.of] ?? one.of, one.title),
  );
  made.overrideByRegexp("/^Outcome: /", [{ id: "unit", value: "locale" }]);
  return withQueries(made, [...queries, ...more], "time_series");
}

const STEPS = {
  Size: "size",
  of: "of",
  Verdict: "verdict",
  Latency: "metric",
  Values: "count",
  p50: "p50",
  p90: "p90",
  p99: "p99",
  max: "max",
  Reason: "reason",
} as const satisfies Columns;

const NO_STEPS = "This run had no STEPS: its load did not grow step by step";

/** What each size of the load came to. */
export const steps = () =>
  withQueries(
    ["p50", "p90", "p99", "max"].reduce(
      (made, name) => made.overrideByName(name, [{ id: "unit", value: MS }]),
      tableOf(
        "By the size of the load",
        "Each of the STEPS that were tried, from the summary: its result, and the latency that it was judged by. Stored when the run is over.",
        Object.keys(STEPS),
        { hasTime: false, reasonWidth: 270 },
      )
        .overrideByName("Latency", [
          {
            id: "mappings",
            value: [
              {
                type: dashboard.MappingType.ValueToText,
                options: Object.fromEntries(
                  Object.entries(TITLES).map(([metric, text]) => [metric, { text }]),
                ),
              },
            ],
          },
        ])
        .noValue(`${NO_STEPS}, or it is not over`)
        .span(24),
    ),
    [stepsOfRun(STEPS)],
    "table",
  );

/** The same from stock k6's samples, for one metric. */
export const stepsOfStock = (metric: MetricName, of: StepsOf) =>
  withQueries(
    tableOf(
      `${titleOf(metric)} by ${of}`,
      `At each of STEPS, of the samples of this time range.`,
      [STEP_TAG, "count", "p50", "p99", "max"],
      { hasTime: false },
    )
      .noValue(`This run had no STEPS of ${of} in this time range`)
      .withTransformation({
        id: "convertFieldType",
        options: { conversions: [{ targetField: STEP_TAG, destinationType: "number" }] },
      })
      .withTransformation({ id: "sortBy", options: { sort: [{ field: STEP_TAG }] } })
      .overrideByName(STEP_TAG, [{ id: "displayName", value: of }])
      .overrideByRegexp("/^(p50|p99|max)$/", [{ id: "unit", value: unitOf(metric) }])
      .span(12),
    [bySteps(metric, of)],
    "table",
  );

const PROCESSES = {
  Instance: "instance",
  "Limits, by k6": "exitCode",
  Scenario: "scenario",
  Branch: "branch",
  Commit: "commit",
  Run: "title",
} as const satisfies Columns;

/** The processes of the run, with what k6 said of its own limits at the end. */
export const processes = () =>
  withQueries(
    tableOf(
      "Processes",
      "The k6 processes of this run, and what k6 said of their own limits (its exit code). The verdict is above. If the load generator was too slow, or the run incomplete, neither held nor broken limits say anything about the server.",
      Object.keys(PROCESSES),
    )
      .noValue("No process of this run is stored")
      .span(24)
      .height(5)
      .overrideByName("Limits, by k6", [
        { id: "mappings", value: EXIT_CODES },
        { id: "custom.align", value: "left" },
      ]),
    [processesOfRun(PROCESSES)],
    "table",
  );

const EXIT_CODES = [
  {
    type: dashboard.MappingType.ValueToText,
    options: { 0: { text: "held" }, 99: { text: "broken" } },
  },
  {
    type: dashboard.MappingType.RangeToText,
    options: { from: 1, to: 255, result: { text: "the run failed" } },
  },
  {
    type: dashboard.MappingType.SpecialValue,
    options: { match: dashboard.SpecialValueMatch.Null, result: { text: "not over" } },
  },
];

export const VERDICT_COLOURS = {
  pass: "green",
  fail: "red",
  "generator-bound": "orange",
  incomplete: "#8e8e8e",
} as const;

/** Each verdict in its colour. */
const VERDICT_MAPPINGS = {
  id: "mappings",
  value: [
    {
      type: dashboard.MappingType.ValueToText,
      options: Object.fromEntries(
        Object.entries(VERDICT_COLOURS).map(([verdict, color]) => [verdict, { text: verdict, color }]),
      ),
    },
  ],
};

/** Links to a run and the time when it ran, by columns or labels that hold them. */
export const linkTo = (of: "__data.fields" | "__field.labels", run: string) => ({
  title: "Open this run",
  url: `/d/k6-realtime-live?\${datasource:queryparam}&var-run=\${${of}.${run}:percentencode}&from=\${${of}.from}&to=\${${of}.until}`,
});

/** A point of a run or of a process is stored at the time when it began. */
const BEGAN = "Began";

/** Widths of columns that are seldom longer, so that the reason has room. */
const WIDTHS: { readonly [column: string]: number } = {
  Verdict: 130,
  Run: 225,
  Duration: 85,
  Scenario: 115,
  Limits: 80,
  Commit: 85,
  Branch: 80,
  Size: 70,
  of: 170,
  Latency: 140,
  Values: 80,
  p50: 95,
  p90: 95,
  p99: 95,
  max: 95,
};

interface TableOptions {
  readonly before?: readonly dashboard.DataTransformerConfig[];
  /** Names that people read, of columns that a transformation made. */
  readonly names?: Readonly<Record<string, string>>;
  /** False where it says nothing: InfluxDB gives rows without a time that of the beginning of the range. */
  readonly hasTime?: boolean;
  /** At least, in pixels. */
  readonly reasonWidth?: number;
}

/** A table with its columns in this order, whatever order an answer has them in. */
const tableOf = (
  title: string,
  help: string,
  columns: readonly string[],
  { before = [], names = {}, hasTime = true, reasonWidth = 380 }: TableOptions = {},
) => {
  const made = new table.PanelBuilder().title(title).description(help).datasource(datasource).height(8);
  for (const transformation of before) made.withTransformation(transformation);
  made
    .withTransformation({
      id: "organize",
      options: {
        indexByName: Object.fromEntries(["Time", ...columns].map((column, index) => [column, index])),
        renameByName: { Time: BEGAN, ...names },
        excludeByName: hasTime ? {} : { Time: true },
      },
    })
    .overrideByName(BEGAN, [
      { id: "custom.width", value: 170 },
      // In a short time range Grafana would add milliseconds, which are cut.
      { id: "unit", value: "dateTimeAsIso" },
    ])
    .overrideByName("Run", [
      // The columns of a row that hold the time of the run.
      { id: "links", value: columns.includes("from") ? [linkTo("__data.fields", "Run")] : [] },
    ])
    .overrideByName("Duration", [{ id: "unit", value: "dthms" }])
    .overrideByName("Reason", [{ id: "custom.minWidth", value: reasonWidth }])
    .overrideByRegexp("/^(Reason|Run)$/", [
      { id: "custom.cellOptions", value: { type: common.TableCellDisplayMode.Auto, wrapText: true } },
    ])
    // A table without rows says what it was given to say. A single empty cell would say the same.
    .overrideByRegexp("/./", [{ id: "noValue", value: "–" }])
    .overrideByRegexp("/^(from|until|Field)$/", [{ id: "custom.hidden", value: true }])
    .overrideByName("Verdict", [
      VERDICT_MAPPINGS,
      { id: "custom.cellOptions", value: { type: common.TableCellDisplayMode.ColorBackground } },
    ]);
  for (const column of columns) {
    const value = WIDTHS[column];
    if (value) made.overrideByName(column, [{ id: "custom.width", value }]);
  }
  return made;
};
