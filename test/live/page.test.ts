/** The page that shows a run while it goes on, in a real browser. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import { serveLive } from "../../cli/live/serve.ts";
import { RecordingReader } from "../../cli/recording/read.ts";
import { mergeRun } from "../../cli/recording/run.ts";
import { viewOf } from "../../cli/report/view.ts";
import { ms } from "../../lib/units.ts";
import { openPage, withBrowser } from "../browser.ts";
import { encoded, linesOf, RTT } from "../recording/synthetic.ts";

const plan = { scenario: "made-up", planned: ms(60_000), longest: ms(75_000) };

/** The run when so many of its seconds are over. */
function runOf(seconds: number, state: "finished" | undefined) {
  const reader = new RecordingReader("made up", 1);
  const lines = linesOf({
    header: { id: "one", longestMs: 75_000, thresholds: { ws_msg_rtt_ms: ["p(99)<100"] } },
    series: [RTT, { metric: "ws_replies", kind: "counter" }],
    seconds: Array.from({ length: seconds }, (_, i) => [
      [0, encoded([10 + i])],
      [1, 1],
    ]),
    state,
  });
  for (const [i, text] of lines.entries()) reader.take({ number: i + 1, text });
  return mergeRun([reader.done()], 1);
}

const figures = (seconds: number) => ({ elapsed: ms(seconds * 1_000) });

test("a page shows what came before it was opened, what comes, and how it ended", async (t) => {
  await withBrowser(t, async (browser) => {
    const live = await serveLive(plan);
    live.show(figures(5), runOf(5, undefined));
    const { page: first, complaints } = await openPage(browser, live.url, { width: 1280 });
    await first.getByText("5s of 1m").waitFor();
    const canvases = await first.locator("canvas").count();
    assert.ok(canvases > 0);
    live.show(figures(12), runOf(12, undefined));
    await first.getByText("12s of 1m").waitFor();
    const { page: second } = await openPage(browser, live.url, { width: 390, colorScheme: "dark" });
    await second.getByText("12s of 1m").waitFor();
    assert.equal(await second.locator("canvas").count(), canvases, "a second tab has all of it");
    await first.reload();
    await first.getByText("12s of 1m").waitFor();
    live.show(figures(13), runOf(13, undefined));
    for (const page of [first, second]) await page.getByText("13s of 1m").waitFor();
    await live.finish([viewOf(runOf(20, "finished"))]);
    for (const page of [first, second]) {
      await page.locator(".verdict.pass").getByText("the one limit held").waitFor();
      assert.ok((await page.locator("canvas").count()) >= canvases, "it keeps what it shows");
    }
    assert.deepEqual(complaints, []);
    await assert.rejects(fetch(live.url), "nobody listens any more");
  });
});

test("it answers to its own name alone, and to nothing but looking", async (t) => {
  const live = await serveLive(plan);
  t.after(() => live.finish([viewOf(runOf(1, "finished"))]));
  const status = (headers: Record<string, string>, method = "GET", path = "/") =>
    new Promise((resolve, reject) => {
      const asked = request(new URL(path, live.url), { headers, method }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      asked.on("error", reject).end();
    });
  assert.match(live.url, /^http:\/\/127\.0\.0\.1:\d+\/$/);
  assert.equal(await status({}), 200);
  assert.equal(await status({ host: "rebound.example" }), 403);
  assert.equal(await status({}, "POST"), 405);
  assert.equal(await status({}, "GET", "/etc/passwd"), 404);
});
