import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { conformJunit } from "../../cli/conform/junit.ts";
import { conformMarkdown } from "../../cli/conform/markdown.ts";
import { conformPage } from "../../cli/conform/page.ts";
import { type ConformResults, parseConformResults } from "../../cli/conform/results.ts";
import { withBrowser } from "../browser.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const HOSTILE = `<script>x</script>|"'&\n# [a](b)`;

const one = (agent: string, id: string, behavior: string, more = {}) => ({
  ...{ agent, id, title: "What is sent", rfc: "RFC 6455 5.5" },
  ...{ behavior, why: HOSTILE, behaviorClose: "OK", whyClose: "fine" },
  ...{ started: "2026-01-01T00:00:00Z", durationMs: 1.5, remoteCloseCode: null },
  ...{
    expected: [],
    received: [HOSTILE],
    wire: [{ atMs: 1, from: "testee", what: "text", hex: "810161", bytes: 3 }],
  },
  ...more,
});

const results = (): ConformResults =>
  parseConformResults(
    JSON.stringify({
      format: "k6-realtime conform 1",
      testee: "server",
      results: [
        one("a", "1.1.1", "OK"),
        one("a", "2.5", "FAILED"),
        one("b", "1.1.1", "UNIMPLEMENTED"),
        one("b", "2.5", "FAILED", { known: true }),
      ],
    }),
    "a test",
  );

test("Markdown and JUnit XML count failures apart from those that are known, and hold no markup of a testee's", () => {
  const markdown = conformMarkdown(results());
  assert.match(markdown, /^## WebSocket conformance of servers: fail/);
  assert.match(markdown, /\| a \| 2 \| 1 OK, 1 FAILED \|/);
  assert.match(markdown, /### Failed: 1\n[\s\S]*### Known from the baseline: 1\n/);
  assert.doesNotMatch(markdown, /<script|\[a\]\(b\)/);
  const junit = conformJunit(results());
  assert.match(junit, /<testsuites tests="4" failures="1" errors="0" skipped="2">/);
  assert.doesNotMatch(junit, /<script/);
});

test("results of another shape are refused", () => {
  assert.throws(
    () => parseConformResults(`{"format":"other"}`, "results.json"),
    /results\.json: expected results/,
  );
});

test("a link to a case opens it, with its wire log", async (t) => {
  const file = join(await temporaryDirectory(t), "report.html");
  await writeFile(file, await conformPage(results()));
  assert.doesNotMatch(await readFile(file, "utf8"), /<script>x/);
  await withBrowser(t, async (browser) => {
    const page = await browser.newPage();
    await page.goto(`file://${file}#b-2.5`);
    const open = page.locator("details[open]");
    assert.deepEqual(await open.evaluateAll((all) => all.map(({ id }) => id)), ["b-2.5"]);
    assert.match(await open.innerText(), /81 01 61/);
    const shown = () => page.locator("#matrix tbody tr:visible").count();
    assert.equal(await shown(), 2);
    assert.equal(await page.locator("#matrix .known").count(), 1);
  });
});
