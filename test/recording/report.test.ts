import assert from "node:assert/strict";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Browser } from "playwright-core";
import { seeded } from "../../cli/gate/bootstrap.ts";
import { decode } from "../../cli/recording/histogram.ts";
import { chartsOf, percentileCurve } from "../../cli/report/charts.ts";
import { html, json } from "../../cli/report/html.ts";
import { openViews } from "../../cli/report/open.ts";
import type { Summary } from "../../lib/summary/summary.ts";
import { openPage, withBrowser } from "../browser.ts";
import { runMain } from "../cli/run-main.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { latencies } from "./made-up-run.ts";
import { encoded, RTT, record, START, STARTED_AT, type Synthetic } from "./synthetic.ts";

const report = (cwd: string, ...argv: string[]) => runMain(["report", ...argv], { cwd });

const FREEZE = [20, 21, 22];
const DROPS_AT = 30;

/** A minute of 50 connections: the server freezes for three seconds, later four of them drop. */
function minute(seed: number): Synthetic {
  const values = latencies({ seconds: 60, perSecond: 100, persistence: 0.5, swing: 0.1 }, seeded(seed));
  return {
    header: {
      thresholds: {
        ws_msg_rtt_ms: ["p(99)<1000"],
        ws_connection_drops: ["count<5"],
        ws_replies: ["count>0"],
      },
    },
    series: [
      RTT,
      { metric: "ws_replies", kind: "counter" },
      { metric: "ws_active_sessions", kind: "gauge" },
      { metric: "ws_connection_drops", kind: "counter", tags: { code: "1011" } },
      { metric: "ws_generator_delay_ms", kind: "trend", unit: "ms", tags: { side: "send" } },
      { metric: "ws_fanout_lag_ms", kind: "trend", unit: "ms" },
    ],
    seconds: values.map((second, i) => {
      const open: [number, unknown][] = [[2, [50, 50, 50]]];
      if (FREEZE.includes(i)) return open;
      const dropped: [number, unknown][] = i === DROPS_AT ? [[3, 4]] : [];
      const rest: [number, unknown][] = [
        [0, encoded(second)],
        [1, second.length],
        [4, encoded([0.1, 0.3])],
        [5, encoded(second)],
      ];
      return [...rest.slice(0, 2), ...open, ...dropped, ...rest.slice(2)];
    }),
  };
}

test("the page says what was tested: where, by which load, limits and settings, on which machine", async (t) => {
  const directory = await temporaryDirectory(t);
  const made = minute(1);
  const tested = {
    urls: ["wss://chat.example.com/ws"],
    protocol: "graphql-ws",
    profile: null,
    load: "50 connections for 1 minute",
    connections: 50,
    settings: { CONNECTIONS: "50", WS_TOKEN: "***" },
  };
  const environment = { host: "generator-1", os: "linux", arch: "amd64", cpus: 2 };
  const path = await record(directory, { ...made, header: { ...made.header, tested, environment } });
  await report(directory, path, "--output", "page.html");
  await withBrowser(t, async (browser) => {
    const { page } = await openPage(browser, `file://${join(directory, "page.html")}`, { width: 1280 });
    const cells = await page.locator(".tested td").allTextContents();
    assert.deepEqual(cells, [
      ...["server", "wss://chat.example.com/ws"],
      ...["load", "50 connections for 1 minute"],
      ...["protocol", "graphql-ws"],
      ...["limits", "the scenario's own"],
      ...["machine", "generator-1"],
      ...["CONNECTIONS", "50"],
      ...["WS_TOKEN", "***"],
      ...["k6", "v2.2.0"],
    ]);
    await page.locator(".verdict .facts", { hasText: "wss://chat.example.com/ws: 50 connections" }).waitFor();
  });
});

test("the charts of a run show its seconds, its limits, and where it froze or dropped connections", async (t) => {
  const directory = await temporaryDirectory(t);
  const [view] = await openViews([await record(directory, minute(1))], directory);
  assert.deepEqual(view!.recorded!.events, [
    { from: FREEZE[0]!, to: FREEZE.at(-1)! + 1, text: "no message for 3s at least" },
    { from: DROPS_AT, to: DROPS_AT + 1, text: "4 connections dropped (1011)" },
  ]);
  const charts = chartsOf([view!]);
  const chart = (title: string) => charts.find((one) => one.title === title)!;
  const rtt = chart("Response time");
  assert.deepEqual(
    rtt.lines.map(({ label }) => label),
    ["p50", "p95", "p99", "max", "generator's own, p99", "connections"],
  );
  assert.deepEqual(rtt.limits, [{ at: 1000, axis: "y", label: "p(99)<1000", broken: false }]);
  const [generator, load] = rtt.lines.slice(4);
  assert.deepEqual([load!.axis, load!.y], ["right", Array(60).fill(50)]);
  assert.equal(generator!.y[0]!.toPrecision(1), "0.3");
  assert.equal(rtt.events.length, 2);
  const p99 = rtt.lines[2]!;
  assert.deepEqual([p99.x[0], p99.x.length, p99.y[FREEZE[1]!]], [0, 60, null]);
  assert.ok(p99.y[0]! > rtt.lines[0]!.y[0]!);
  assert.deepEqual(chart("Connections").lines[0]!.y, Array(60).fill(50));
  assert.deepEqual(chart("Drops").lines[0]!.y.filter(Boolean), [4]);
  assert.equal(chart("Per second").lines[0]!.y[0], 100);
  assert.equal(chart("Fan-out lag by connections").lines[0]!.x.length, 57);
  assert.ok(chart("Generator delay") && chart("Response time, by percentile").limits[0]!.axis === "y");
});

test("what went wrong is drawn by kind, when it did; without any there is no such chart", async (t) => {
  const directory = await temporaryDirectory(t);
  const series = ["ws_replies", "ws_messages_lost", "ws_message_errors"].map((metric) => ({
    metric,
    kind: "counter",
  }));
  const seconds = [
    [[0, 9]],
    [
      [0, 9],
      [1, 3],
    ],
    [
      [0, 9],
      [2, 1],
    ],
  ] as const;
  const [view] = await openViews([await record(directory, { series, seconds })], directory);
  const { lines } = chartsOf([view!]).find(({ title }) => title === "Faults")!;
  assert.deepEqual(
    lines.map(({ label, y }) => [label, y]),
    [
      ["Lost messages", [0, 3, 0]],
      ["Errors in messages", [0, 0, 1]],
    ],
  );
  const [well] = await openViews(
    [await record(directory, { series: series.slice(0, 1), seconds: [[[0, 9]]] })],
    directory,
  );
  assert.ok(!chartsOf([well!]).some(({ title }) => title === "Faults"));
});

const noFreezes: [sentence: string, every: number, messages: number, silentFrom: number][] = [
  ["a few messages now and then", 6, 2, 60],
  ["many messages at once, every ten seconds", 10, 1_000, 60],
  ["silence at the end, when all have left", 1, 100, 40],
];
for (const [sentence, every, messages, silentFrom] of noFreezes) {
  test(`no freeze: ${sentence}`, async (t) => {
    const directory = await temporaryDirectory(t);
    const seconds = Array.from({ length: 60 }, (_, i) =>
      i % every === 0 && i < silentFrom ? ([[0, messages]] as const) : [],
    );
    const series = [{ metric: "ws_replies", kind: "counter" }];
    const [view] = await openViews([await record(directory, { series, seconds })], directory);
    assert.deepEqual(view!.recorded!.events, []);
  });
}

test("no freeze: nothing was asked of the server meanwhile; a freeze: something was", async (t) => {
  const directory = await temporaryDirectory(t);
  const series = ["ws_replies", "ws_probes"].map((metric) => ({ metric, kind: "counter" }));
  const isSilent = (i: number) => i >= 20 && i < 25;
  for (const [asked, events] of [
    [false, []],
    [true, [{ from: 20, to: 25, text: "no message for 5s at least" }]],
  ] as const) {
    const seconds = Array.from({ length: 60 }, (_, i) => [
      ...(isSilent(i) ? [] : [[0, 100] as const]),
      ...(isSilent(i) && !asked ? [] : [[1, 100] as const]),
    ]);
    const [view] = await openViews([await record(directory, { series, seconds })], directory);
    assert.deepEqual(view!.recorded!.events, events);
  }
});

test("a publisher of every ten seconds that stays silent for a minute is a freeze", async (t) => {
  const directory = await temporaryDirectory(t);
  const seconds = Array.from({ length: 180 }, (_, i) =>
    i % 10 === 0 && (i < 60 || i > 120) ? ([[0, 1_000]] as const) : [],
  );
  const series = [{ metric: "ws_replies", kind: "counter" }];
  const [view] = await openViews([await record(directory, { series, seconds })], directory);
  assert.deepEqual(view!.recorded!.events, [{ from: 51, to: 130, text: "no message for 1m19s at least" }]);
});

test("runs over each other have a line each, in their own colour, and names that differ", async (t) => {
  const directory = await temporaryDirectory(t);
  const paths = [await record(directory, minute(1)), await record(directory, minute(2))];
  const views = await openViews(paths, directory);
  assert.deepEqual(
    views.map(({ label }) => label),
    ["made-up 2026-01-02T03:04:05Z #1", "made-up 2026-01-02T03:04:05Z #2"],
  );
  for (const title of ["Response time, p50", "Response time, p99"]) {
    const { lines, events, limits } = chartsOf(views).find((chart) => chart.title === title)!;
    assert.deepEqual(
      lines.map(({ color, style, label }) => `${color} ${style} ${label}`),
      views.map(({ label }, i) => `${i} line ${label}`),
    );
    assert.deepEqual(events, []);
    // The limit is on the 99th percentile.
    assert.equal(limits.length, title.endsWith("p99") ? 1 : 0);
  }
});

test("the percentile curve has the value at each percentile, and ends with the slowest", () => {
  const { x, y } = percentileCurve(decode(encoded([...Array(990).fill(11), ...Array(9).fill(110), 1100])));
  const at = (percent: number) => {
    const index = x.findIndex((inverse) => 1 - 1 / inverse >= percent / 100);
    return Math.round(y[index]!);
  };
  assert.deepEqual([x[0], x.at(-1), x.length], [1, 1_000, y.length]);
  assert.deepEqual([at(0), at(50), at(98.5), at(99.5)], [11, 11, 11, 110]);
  assert.equal(Math.round(y.at(-1)!), 1_100);
  assert.ok(x.every((inverse, i) => i === 0 || inverse > x[i - 1]!));
  const { x: one } = percentileCurve(decode(encoded([5])));
  assert.deepEqual(one, [1]);
});

test("a limit that was broken says so to the chart, which then shows it however far off it is", async (t) => {
  const directory = await temporaryDirectory(t);
  const header = { thresholds: { ws_msg_rtt_ms: ["p(50)<0.001", "p(99)<1000"] } };
  const [view] = await openViews([await record(directory, { ...minute(1), header })], directory);
  const { limits } = chartsOf([view!]).find(({ title }) => title === "Response time")!;
  assert.deepEqual(
    limits.map(({ label, broken }) => [label, broken]),
    [
      ["p(50)<0.001", true],
      ["p(99)<1000", false],
    ],
  );
});

test("text from a file is text on the page, in markup and in data", () => {
  const hostile = `</script><script>alert("1")</script><img src=x onerror='alert(1)'>&amp;`;
  const page = html`<p title="${hostile}">${hostile}</p>${[hostile, html`<b>${hostile}</b>`]}`.markup;
  assert.doesNotMatch(page, /<script|<img|"1"|'alert/);
  assert.match(page, /<b>&#60;&#47;|<b>&#60;\/script/);
  const data = json({ [hostile]: hostile }).markup;
  assert.doesNotMatch(data, /[<>]/);
  assert.deepEqual(JSON.parse(data), { [hostile]: hostile });
});

const HOSTILE = `</script><script>document.title="owned"</script><img src=x onerror="document.title='owned'">`;

const PAGES: [sentence: string, make: (directory: string) => Promise<string[]>, plots: number][] = [
  ["one run", async (directory) => [await record(directory, minute(1))], 9],
  [
    "two runs",
    async (directory) => [await record(directory, minute(1)), await record(directory, minute(2))],
    11,
  ],
  [
    "a hostile run",
    async (directory) => {
      const { header, series, seconds } = minute(3);
      const recording = {
        header: {
          ...header,
          scenario: HOSTILE,
          run: HOSTILE,
          environment: { os: HOSTILE, arch: HOSTILE, cpus: 1 },
        },
        series: [...series!, { metric: HOSTILE, kind: "trend", unit: "ms", tags: { [HOSTILE]: HOSTILE } }],
        seconds: seconds!.map((second) => [...second, [6, encoded([7])] as const]),
      };
      return [await record(directory, recording)];
    },
    9,
  ],
  [
    "a summary alone",
    async (directory) => {
      const path = join(directory, "chat.summary.json");
      await writeFile(path, JSON.stringify(summary));
      return [path];
    },
    2,
  ],
];

const trend = {
  kind: "trend",
  unit: "ms",
  count: 9,
  min: 1,
  p50: 2,
  p90: 3,
  p95: 4,
  p99: 5,
  max: 6,
} as const;
const summary: Summary = {
  scenario: "chat",
  verdict: "fail",
  reason: "ws_connection_drops count<5: was 7",
  startedAt: STARTED_AT,
  durationMs: 60_000,
  plannedMs: 60_000,
  k6: { version: "v2.2.0", extension: null },
  metrics: {
    ws_msg_rtt_ms: trend,
    ws_connection_drops: {
      kind: "counter",
      unit: "1",
      count: 7,
      by: { code: { "1006": { kind: "counter", unit: "1", count: 7 } } },
    },
  },
  thresholds: [{ metric: "ws_connection_drops", expression: "count<5", ok: false, value: 7 }],
};

/** Opens a page as wide as a screen and as narrow as a phone. */
async function assertDraws(browser: Browser, path: string, plots: number): Promise<void> {
  for (const look of [
    { width: 1280, colorScheme: "light" },
    { width: 390, colorScheme: "dark" },
  ] as const) {
    const { page, complaints } = await openPage(browser, `file://${path}`, look);
    assert.equal(await page.locator("[data-chart] canvas").count(), plots);
    assert.equal(await page.locator("[data-chart]").count(), plots);
    assert.notEqual(await page.title(), "owned");
    assert.equal(await page.locator("img").count(), 0);
    const width = Number(await page.evaluate("document.documentElement.scrollWidth"));
    assert.ok(width <= look.width, `${width} pixels wide on ${look.width}`);
    assert.deepEqual(complaints, []);
    await page.close();
  }
}

for (const [sentence, make, plots] of PAGES) {
  test(`the page of ${sentence} opens without a network, draws every chart and complains of nothing`, async (t) => {
    const directory = await temporaryDirectory(t);
    const answer = await report(directory, ...(await make(directory)), "--output", "page.html");
    assert.deepEqual([answer.code, answer.err], [0, ""]);
    const path = join(directory, "page.html");
    assert.doesNotMatch(await readFile(path, "utf8"), /(src|href)=["']?(https?:|\/\/)/);
    await withBrowser(t, (browser) => assertDraws(browser, path, plots));
  });
}

test("Markdown has each run's figures, and nothing of it is markup of the file's", async (t) => {
  const directory = await temporaryDirectory(t);
  const path = await record(directory, {
    ...minute(1),
    header: { ...minute(1).header, scenario: "<img src=x>|x" },
  });
  const { code } = await report(directory, path, "--markdown", "runs.md");
  const markdown = await readFile(join(directory, "runs.md"), "utf8");
  assert.equal(code, 0);
  assert.match(markdown, /^## \\<img src=x\\>\\\|x: pass\n/);
  assert.match(markdown, /\| ✅ \| ws\\_connection\\_drops count\\<5 \| 4 \| 80 % \|/);
});

test("--json tells the files and the verdicts", async (t) => {
  const directory = await temporaryDirectory(t);
  const { out } = await report(directory, await record(directory, minute(1)), "--json");
  const { files, runs } = JSON.parse(out);
  assert.deepEqual(files, [join(directory, "report.html")]);
  assert.deepEqual(runs, [{ label: "made-up", verdict: "pass", reason: "all 3 limits held" }]);
});

test("what the user gets wrong is told in one line, with exit code 2, and writes nothing", async (t) => {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, "broken.json"), "{");
  await writeFile(join(directory, "other.json"), JSON.stringify({ ...summary, verdict: "fine" }));
  const path = await record(directory, minute(1));
  const mistakes: [argv: string[], message: RegExp][] = [
    [[], /^report: expected a RUN, .* got none\n$/],
    [[path, "--ouptut", "x"], /^report: unknown flag --ouptut/],
    [["no-such.json"], /^no-such\.json: expected a summary, got no file there\n$/],
    [["broken.json"], /^broken\.json: expected a summary, got what is not JSON\n$/],
    [["other.json"], /^other\.json: expected a summary as a scenario writes it, but "verdict" is invalid\n$/],
    [[path, "--output", "no/such/page.html"], /^cannot write .*no\/such\/page\.html: ENOENT/],
  ];
  for (const [argv, message] of mistakes) {
    const { code, err } = await report(directory, ...argv);
    assert.match(err, message);
    assert.equal(code, 2);
  }
  await assert.rejects(readFile(join(directory, "report.html")));
});

test("a recording is one whatever its file is called", async (t) => {
  const directory = await temporaryDirectory(t);
  await rename(await record(directory, minute(1)), join(directory, "run.json"));
  const [view] = await openViews(["run.json"], directory);
  assert.equal(view!.recorded!.timeline.seconds.length, 60);
});

test("a run's first second is where its time begins", async (t) => {
  const directory = await temporaryDirectory(t);
  const [view] = await openViews([await record(directory, minute(1))], directory);
  const { seconds } = view!.recorded!.timeline;
  assert.deepEqual([seconds[0], seconds.at(-1)], [0, 59]);
  assert.equal(Math.floor(Date.parse(view!.summary.startedAt) / 1000), START);
});
