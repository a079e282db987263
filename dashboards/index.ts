/** The dashboards, by the file below json/ that each is written to. */
import * as text from "@grafana/grafana-foundation-sdk/text";
import { generatorDelay, latencies, load, wrongs } from "./charts.ts";
import { figures, generatorFigures, processes, steps, stepsOfStock, verdict, whatRan } from "./figures.ts";
import { nights } from "./nights.ts";
import { collapsed, page, row, type Variable } from "./page.ts";
import { subjects } from "./subjects.ts";

/** The latest first, whatever time range is shown: a run that was chosen stays. */
const LATEST_RUNS: Variable = {
  name: "run",
  label: "Run",
  influxql:
    'SELECT "title" FROM "realtime_run" WHERE "source" = \'aggregates\' AND time > now() - 90d ORDER BY time DESC LIMIT 500',
};

const INSTANCES: Variable = {
  name: "instance",
  label: "Instance",
  influxql: 'SHOW TAG VALUES FROM "realtime_run" WITH KEY = "instance" WHERE "run" =~ /^${run:regex}$/',
  several: true,
};

const aRun = () =>
  page(
    {
      uid: "k6-realtime-live",
      title: "k6-realtime: a run",
      description:
        "One run while it goes on, and afterwards: its verdict, its figures, and where the time went.",
      from: "now-30m",
      refresh: "10s",
      variables: [LATEST_RUNS, INSTANCES],
      events:
        'SELECT "text", "title" FROM "realtime_event" WHERE "run" =~ /^${run:regex}$/ AND "instance" =~ /^${instance:regex}$/ AND $timeFilter',
    },
    [
      row("", [
        verdict(),
        whatRan(),
        figures("aggregates"),
        generatorFigures(),
        load("aggregates"),
        latencies("aggregates"),
        wrongs("aggregates"),
        generatorDelay("aggregates"),
      ]),
      collapsed(row("By the size of the load (STEPS)", [steps()])),
      ...subjects("aggregates"),
      collapsed(row("Processes", [processes()])),
    ],
  );

const stockRun = () =>
  page(
    {
      uid: "k6-realtime-stock",
      title: "k6-realtime: a run of stock k6",
      description: "Runs that stock k6 stored with --out influxdb.",
      from: "now-30m",
      refresh: "10s",
      variables: [
        {
          name: "run",
          label: "Run (testid)",
          influxql: 'SHOW TAG VALUES WITH KEY = "testid"',
        },
      ],
    },
    [
      row("", [
        new text.PanelBuilder()
          .title("What stock k6 cannot show")
          .content(
            "Stock k6 stores samples, and no more: **the verdict is in the run's summary alone**. It does not tell instances of one run apart, or when runs began. Runs are therefore sorted by name, and figures cover the time range shown. `--out realtime-influxdb` stores all of this.",
          )
          .mode(text.TextMode.Markdown)
          .span(24)
          .height(3),
        figures("value"),
        load("value"),
        latencies("value"),
        wrongs("value"),
        generatorDelay("value"),
      ]),
      collapsed(
        row("By the size of the load (STEPS)", [
          stepsOfStock("ws_fanout_lag_ms", "subscribers"),
          stepsOfStock("ws_fanout_lag_ms", "publications a second"),
          stepsOfStock("ws_msg_rtt_ms", "connections"),
          stepsOfStock("ws_connect_latency_ms", "connections"),
        ]),
      ),
      ...subjects("value"),
    ],
  );

const runsOverTime = () =>
  page(
    {
      uid: "k6-realtime-runs",
      title: "k6-realtime: nights",
      description: "Runs over nights and commits: one point for each, in the colour of its verdict.",
      from: "now-30d",
      refresh: "",
      variables: [
        {
          name: "scenario",
          label: "Scenario",
          influxql: 'SHOW TAG VALUES FROM "realtime_result" WITH KEY = "scenario"',
        },
        {
          name: "branch",
          label: "Branch",
          influxql: 'SHOW TAG VALUES FROM "realtime_result" WITH KEY = "branch"',
          several: true,
        },
      ],
    },
    nights,
  );

export const dashboards = () => ({
  "live.json": aRun(),
  "runs.json": runsOverTime(),
  "stock.json": stockRun(),
});
