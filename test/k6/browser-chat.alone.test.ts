/** Pages in a real Chromium beside the engine's connections: what is slow is found where it is. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { findRecordings, groupRecordings, openRun } from "../../cli/recording/open.ts";
import { chartsOf } from "../../cli/report/charts.ts";
import { viewOf } from "../../cli/report/view.ts";
import type { PageLeg } from "../../lib/reasons.ts";
import type { MetricSummary, Summary } from "../../lib/summary/summary.ts";
import { startServer } from "../../server/server.ts";
import { chromiumFor } from "../browser.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { count, trend } from "./figures.ts";
import { OUR_K6, runK6 } from "./run.ts";

const SHORT = {
  CONNECTIONS: 20,
  RATE: 2000,
  PUBLISH_RATE: 1,
  DURATION: "4s",
  PAGE_INTERVAL: "800ms",
  REPLY_TIMEOUT: "10s",
};

/** Above every time that the machine takes by itself where nothing is planted. */
const PLANTED_MS = 400;

async function browserChat(
  t: TestContext,
  url: string,
  env: Record<string, string | number>,
  browser: Record<string, string> = {},
  args: readonly string[] = [],
) {
  const executable = await chromiumFor(t);
  if (executable === undefined) return undefined;
  const processEnv = {
    K6_BROWSER_EXECUTABLE_PATH: executable,
    K6_BROWSER_ARGS: "no-sandbox",
    ...browser,
  };
  const run = await runK6(t, {
    scenario: "browser-chat",
    k6: OUR_K6,
    env: { ...SHORT, WS_URL: `${url}/ws/chat`, ...env },
    args: ["--address", "", ...args],
    processEnv,
  });
  assert.ok(run.summary, run.stderr);
  return { ...run, summary: run.summary };
}

/** The medians of the legs. */
function legsOf({ metrics }: Summary) {
  const legs = Object.entries(metrics.ws_page_leg_ms?.by?.leg ?? {}) as [string, MetricSummary][];
  return new Map(legs.map(([leg, summary]) => [leg, summary.kind === "trend" ? summary.p50! : Number.NaN]));
}

/** Listens in front of a server, and passes on what the server sends so much later. */
async function delaying(t: TestContext, port: number): Promise<string> {
  const proxy = createServer((client) => {
    const server = connect(port, "127.0.0.1");
    client.pipe(server);
    server.on("data", (chunk) => setTimeout(() => client.write(chunk), PLANTED_MS));
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  });
  t.after(() => proxy.close());
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  return `ws://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}

interface Planted {
  readonly sentence: string;
  readonly leg: PageLeg;
  readonly query?: string;
  /** The least that the leg's median comes to. */
  readonly atLeastMs?: number;
  readonly env?: Record<string, string | number>;
  readonly verdict: RegExp;
}

/** Of so long a stretch four or five publications come in each: more than half of them wait for half a second or longer. */
const BUSY = { query: "&busy=2000", atLeastMs: 500, env: { PAGE_INTERVAL: "400ms" } };

const planted: readonly Planted[] = [
  {
    sentence: "in the server",
    leg: "wire",
    verdict: /^server slow, page fast: most of the way is to this machine/,
  },
  {
    sentence: "of a page that is busy with other things",
    leg: "handler",
    ...BUSY,
    verdict: /^server fast, page slow: .* from there to the page's handler\./,
  },
  {
    sentence: "before the DOM",
    leg: "dom",
    query: `&work=${PLANTED_MS}`,
    verdict: /^server fast, page slow: .* from the handler to the DOM\./,
  },
  {
    sentence: "before the frame",
    leg: "frame",
    query: `&paint=${PLANTED_MS}`,
    verdict: /^server fast, page slow: .* to the next frame\./,
  },
];
// They wait more than they work; more at once would be busy with starting browsers.
describe("what is slow is found where it is", { concurrency: 2 }, () => {
  for (const { sentence, leg, query = "", atLeastMs = PLANTED_MS, env = {}, verdict } of planted) {
    test(`a delay ${sentence} is found in the leg "${leg}"`, async (t) => {
      const server = await startServer();
      t.after(() => server.close());
      const url = leg === "wire" ? await delaying(t, server.port) : server.url;
      const recording = join(await temporaryDirectory(t), "run.realtime.jsonl");
      const browsers = leg === "wire" ? 2 : 1;
      const run = await browserChat(
        t,
        url,
        { ...env, PAGE_URL: `/chat?room=\${room}${query}`, BROWSERS: browsers, ROOMS: browsers },
        {},
        ["--out", `realtime=${recording}`],
      );
      if (!run) return;
      const { summary } = run;
      assert.equal(summary.verdict, "pass", `${summary.reason}\n${run.stderr}`);
      assert.equal(count(summary, "ws_page_missed"), 0);
      assert.equal(count(summary, "ws_shards_completed"), 1 + browsers);
      const shown = count(summary, "ws_page_shown");
      assert.ok(shown > 0);
      assert.equal(trend(summary, "ws_page_lag_ms").count, shown);
      assert.equal(trend(summary, "ws_page_leg_ms").count, 4 * shown);
      const legs = legsOf(summary);
      const clockError = trend(summary, "ws_page_clock_error_ms").max!;
      assert.ok(legs.get(leg)! >= atLeastMs - clockError, JSON.stringify([...legs]));
      assert.equal(Math.max(...legs.values()), legs.get(leg), JSON.stringify([...legs]));
      await drawsWireAndPage(recording, run.results);
      assert.ok(
        summary.notes?.some((note) => verdict.test(note)),
        summary.notes?.join("\n"),
      );
    });
  }
});

/** The report lays one over the other. */
async function drawsWireAndPage(recording: string, cwd: string): Promise<void> {
  const [group] = await groupRecordings(await findRecordings([recording], cwd));
  const charts = chartsOf([viewOf(await openRun(group!))]);
  const chart = charts.find(({ title }) => title === "Wire and page");
  assert.deepEqual(
    chart?.lines.map(({ label }) => label),
    [
      "wire, p50",
      "page, p50",
      "wire, p99",
      "page, max",
      "leg to this machine, p50",
      "leg to the handler, p50",
      "leg to the DOM, p50",
      "leg to the frame, p50",
    ],
  );
  for (const { y, label } of chart.lines)
    assert.ok(
      y.some((value) => value !== null),
      label,
    );
}

const unwatchable: [
  sentence: string,
  env: Record<string, string>,
  browser: Record<string, string>,
  said: RegExp,
][] = [
  [
    "without a browser the run says what to install",
    {},
    { K6_BROWSER_EXECUTABLE_PATH: "/nowhere/chromium" },
    /pages need Chromium on this machine: install it/,
  ],
  [
    "a page in another room is told",
    { PAGE_URL: "/chat?room=elsewhere", CONNECT_TIMEOUT: "5s" },
    {},
    /the page showed no publication of room browser-chat-room-0 within 5s: none came to it: is PAGE_URL in that room\?/,
  ],
];
describe("what cannot be watched", { concurrency: true }, () => {
  for (const [sentence, env, browser, said] of unwatchable) {
    test(`${sentence}, and nothing is judged`, async (t) => {
      const server = await startServer();
      t.after(() => server.close());
      const run = await browserChat(t, server.url, env, browser);
      if (!run) return;
      assert.match(run.stderr + run.summary.notes?.join("\n"), said);
      assert.equal(run.summary.verdict, "incomplete", run.summary.reason);
    });
  }
});
