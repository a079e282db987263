/** The page of a run beside earlier ones: that it says what the gate says, and draws every run. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { chartsOf } from "../../cli/report/charts.ts";
import { interval, scaleHeader, scaleOf } from "../../cli/report/interval.ts";
import { openViews } from "../../cli/report/open.ts";
import { tableOf } from "../../cli/report/page/table.ts";
import { hasFigure, logTicks, percentileTicks } from "../../cli/report/page/ticks.ts";
import { openPage, withBrowser } from "../browser.ts";
import { runMain } from "../cli/run-main.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { files, gate, run } from "./gate.ts";
import { record, type Synthetic } from "./synthetic.ts";

/** A run of the gate's tests with a test id. */
function named(name: string, seed: number, factor = 1): Synthetic {
  const made = run(seed, factor);
  return { ...made, header: { ...made.header, run: name } };
}

/** The cells of a table's rows, as one reads them. */
const rowsUnder = (page: Page, title: string): Promise<string[][]> =>
  page
    .locator("section", { has: page.getByRole("heading", { name: title, exact: true }) })
    .locator("tbody tr")
    .evaluateAll((rows) =>
      rows.map((row) =>
        [...(row as unknown as { cells: { textContent: string }[] }).cells].map((cell) => cell.textContent),
      ),
    );

test("the page has the gate's figures, intervals and words, each baseline's value and all runs' lines", async (t) => {
  const { directory, path, baselines } = await files(
    t,
    named("tonight", 1, 1.4),
    named("monday", 2),
    named("tuesday", 3),
    named("wednesday", 4),
  );
  const { code, said } = await gate(directory, path, ...baselines, "--json", "--report", "compared.html");
  assert.equal(code, 99);
  const { verdict, reason, regression, views } = JSON.parse(said);
  assert.equal(views, undefined, "what a page draws is no part of the answer");
  await withBrowser(t, async (browser) => {
    const url = `file://${join(directory, "compared.html")}`;
    const { page, complaints } = await openPage(browser, url, { width: 1280 });
    assert.equal(await page.title(), "made-up: fail, compared with 3 earlier runs");
    assert.match((await page.locator(".verdict.fail").textContent())!, new RegExp(`${verdict} tonight `));
    assert.ok((await page.locator(".verdict.fail").textContent())!.includes(reason));
    const rows = await rowsUnder(page, "Slower than before?");
    assert.equal(rows.length, regression.comparisons.length);
    for (const [i, one] of regression.comparisons.entries()) {
      const [what, now, usual, change, interval, , word, ...each] = rows[i]!;
      const near = (shown: string, value: number) =>
        assert.ok(
          Math.abs(Number.parseFloat(shown) - value) <= 0.005 * Math.abs(value) + 1e-9,
          `${shown}, ${value}`,
        );
      assert.equal(what, `Response time, p${one.share * 100} (ms)`);
      near(now!, one.now);
      near(usual!, one.before);
      near(change!, 100 * (one.ratio - 1));
      const [low, high] = interval!.split(" to ") as [string, string];
      near(low, 100 * (one.low - 1));
      near(high, 100 * (one.high - 1));
      assert.equal(word, "✗ slower");
      assert.deepEqual(
        one.baselines.map(({ label }: { label: string }) => label),
        ["monday", "tuesday", "wednesday"],
      );
      for (const [k, { value }] of one.baselines.entries()) near(each[k]!, value);
    }
    assert.deepEqual(
      (await rowsUnder(page, "Runs")).map((cells) => cells.slice(0, 3)),
      [
        ["tonight", "this run", "fail"],
        ...["monday", "tuesday", "wednesday"].map((name) => [name, "baseline", "pass"]),
      ],
    );
    const curve = page.locator("figure", { hasText: "Response time, by percentile" });
    assert.deepEqual(await curve.locator(".u-legend .u-label").allTextContents(), [
      "percentile",
      "tonight",
      "monday",
      "tuesday",
      "wednesday",
    ]);
    assert.deepEqual(complaints, []);
    const { page: phone, complaints: more } = await openPage(browser, url, {
      width: 390,
      colorScheme: "dark",
    });
    assert.ok(Number(await phone.evaluate("document.documentElement.scrollWidth")) <= 390);
    assert.deepEqual(more, []);
  });
});

const report = (cwd: string, ...argv: string[]) => runMain(["report", ...argv], { cwd });

test("report --baseline writes the same page as the gate, and ends well whatever it says", async (t) => {
  const { directory, path, baselines } = await files(t, named("tonight", 1, 1.4), named("monday", 2));
  const { code } = await report(directory, path, ...baselines, "--output", "report.html");
  assert.equal(code, 0);
  await gate(directory, path, ...baselines, "--report", "gate.html");
  const [one, other] = await Promise.all(
    ["report.html", "gate.html"].map((file) => readFile(join(directory, file), "utf8")),
  );
  assert.equal(one, other);
  // Of one baseline there is no median: its own value is what is usual.
  assert.match(
    one!,
    /<th class="figure"><span class="run color-1">monday<\/span><\/th><th class="figure">change/,
  );
});

test("without a baseline, gate --report is the run's own page; with none that can be used, it says why", async (t) => {
  const { directory, path, baselines } = await files(t, named("tonight", 1), {
    ...named("cut", 2),
    state: "interrupted",
  });
  await gate(directory, path, "--report", "alone.html");
  const alone = await readFile(join(directory, "alone.html"), "utf8");
  assert.match(alone, /<title>made-up: pass<\/title>/);
  const { code } = await gate(directory, path, ...baselines, "--report", "compared.html");
  assert.equal(code, 3);
  const compared = await readFile(join(directory, "compared.html"), "utf8");
  assert.match(compared, /no baselines: cut is incomplete/);
  assert.match(compared, /<title>made-up: too-little-data, compared with no earlier run<\/title>/);
});

const tested = (settings: Record<string, string>, more = {}) => ({
  urls: ["ws://127.0.0.1:8080/ws"],
  protocol: "chat",
  profile: "chat",
  load: `${settings.CONNECTIONS ?? "100"} connections`,
  connections: Number(settings.CONNECTIONS ?? 100),
  settings,
  ...more,
});

/** A run that says what it tested. */
function testing(name: string, seed: number, settings: Record<string, string>): Synthetic {
  const made = named(name, seed);
  return { ...made, header: { ...made.header, tested: tested(settings) } };
}

test("runs that did not test the same are said so by the gate, and the page marks in what", async (t) => {
  const { directory, path, baselines } = await files(
    t,
    testing("tonight", 1, { CONNECTIONS: "200", DURATION: "1m", WS_TOKEN: "***" }),
    testing("monday", 2, { CONNECTIONS: "200", DURATION: "1m", WS_TOKEN: "***" }),
    testing("tuesday", 3, { CONNECTIONS: "100", WS_TOKEN: "***" }),
    testing("wednesday", 4, { CONNECTIONS: "100", WS_TOKEN: "***" }),
  );
  const { said } = await gate(directory, path, ...baselines, "--json", "--report", "page.html");
  assert.ok(
    JSON.parse(said).basis.includes(
      "not the same test as tuesday, wednesday: load 200 connections (was 100 connections), " +
        "CONNECTIONS 200 (was 100), DURATION 1m (was not given)",
    ),
    said,
  );
  await withBrowser(t, async (browser) => {
    const url = `file://${join(directory, "page.html")}`;
    const { page } = await openPage(browser, url, { width: 1280 });
    const rows = await rowsUnder(page, "What was tested");
    assert.deepEqual(
      rows.filter(([name]) => name!.startsWith("≠ ")),
      [
        ["≠ load", "200 connections", "200 connections", "100 connections", "100 connections"],
        ["≠ CONNECTIONS", "200", "200", "100", "100"],
        ["≠ DURATION", "1m", "1m", "not given", "not given"],
      ],
    );
    assert.deepEqual(rows[0], ["server", ...Array(4).fill("ws://127.0.0.1:8080/ws")]);
    assert.deepEqual(rows.at(-1), ["k6", ...Array(4).fill("v2.2.0")]);
  });
});

test("a run and a baseline of one name are told apart, and no name is markup", async (t) => {
  const hostile = `</script><img src=x onerror="document.title='owned'">`;
  const { directory, path, baselines } = await files(t, run(1), named(hostile, 2));
  await gate(directory, path, ...baselines, "--report", "page.html");
  await withBrowser(t, async (browser) => {
    const url = `file://${join(directory, "page.html")}`;
    const { page, complaints } = await openPage(browser, url, { width: 1280 });
    assert.equal((await rowsUnder(page, "Runs"))[1]![0], hostile);
    assert.notEqual(await page.title(), "owned");
    assert.deepEqual(complaints, []);
  });
});

test("a line has a gap where it has no value, and none where another line alone has one", () => {
  const line = { label: "", color: 0, style: "line" as const };
  const axis = { label: "", scale: "linear" as const };
  const table = tableOf({
    title: "",
    help: "",
    x: axis,
    y: axis,
    lines: [
      { ...line, x: [0, 1, 2, 3], y: [1, null, 3, 4] },
      { ...line, x: [0, 2], y: [5, 6] },
    ],
    limits: [],
    events: [],
  });
  assert.deepEqual(table, [
    [0, 1, 2, 3],
    [1, null, 3, 4],
    [5, undefined, 6, undefined],
  ]);
});

test("runs are laid over each other from where their load began", async (t) => {
  const directory = await temporaryDirectory(t);
  const late = run(2);
  const lead = Array.from({ length: 5 }, () => []);
  const paths = [
    await record(directory, run(1)),
    await record(directory, { ...late, seconds: [...lead, ...late.seconds!] }),
  ];
  const views = await openViews(paths, directory);
  assert.deepEqual(
    views.map(({ recorded }) => recorded!.timeline.loadStart),
    [0, 5],
  );
  const { lines, x } = chartsOf(views).find(({ title }) => title === "Response time, p99")!;
  assert.equal(x.label, "time since the load began");
  for (const line of lines) {
    assert.deepEqual(
      line.x,
      Array.from({ length: 15 }, (_, i) => i),
    );
    assert.ok(line.y.every((value) => value !== null && value > 0));
  }
});

test("an interval stands on its scale: no change, the tolerance, and both ends where they belong", () => {
  const row = { what: "x", ok: true, before: 10, now: 12, low: 0.9, high: 1.6, reason: "" };
  const scale = scaleOf([row], 0.05);
  assert.deepEqual([scale.low, scale.high, scale.tolerated], [0.9, 1.6, 1.05]);
  const { markup } = interval({ ratio: 1.2, low: 0.9, high: 1.6, ok: true }, scale);
  const at = (pattern: RegExp) => Number(pattern.exec(markup)![1]);
  const [low, high] = [at(/class="span" x1="([\d.]+)"/), at(/class="span" .*?x2="([\d.]+)"/)];
  const share = (ratio: number) => Math.log(ratio / 0.9) / Math.log(1.6 / 0.9);
  for (const [ratio, pattern] of [
    [1, /class="same" x1="([\d.]+)"/],
    [1.05, /class="tolerated" x1="([\d.]+)"/],
    [1.2, /circle cx="([\d.]+)"/],
  ] as const) {
    assert.ok(Math.abs(at(pattern) - (low + share(ratio) * (high - low))) < 0.11, `${ratio}`);
  }
  assert.match(markup, /aria-label="\+20 %, -10 % to \+60 %"/);
  // Far beyond, the scale ends, and so do its lines.
  const wide = scaleOf([{ ...row, low: 0.01, high: 50 }], 0.05);
  assert.deepEqual([wide.low, wide.high], [1 / 3, 3]);
  const figures = [...scaleHeader(wide).markup.matchAll(/x="([\d.]+)"/g)]
    .map(([, x]) => Number(x))
    .sort((a, b) => a - b);
  assert.ok(figures.length >= 3 && figures.every((x, i) => i === 0 || x - figures[i - 1]! >= 44));
});

test("a logarithmic axis of any length has round figures", () => {
  for (const [min, max] of [
    [11.4, 75],
    [0.004, 0.0093],
    [24, 54],
    [1.3, 60_000],
    [0.001, 1e6],
  ] as const) {
    const ticks = logTicks(min, max);
    assert.ok(ticks.every((tick) => tick >= min && tick <= max));
    const figures = ticks.filter((tick) => hasFigure(tick, ticks));
    assert.ok(figures.length >= 2 && figures.length <= 10, `${min} to ${max}: ${figures}`);
    assert.ok(figures.every((figure) => Number(figure.toPrecision(1)) === figure));
  }
  assert.deepEqual(percentileTicks(6_000), [1, 2, 10, 100, 1_000]);
});
