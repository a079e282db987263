import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Header } from "../../cli/recording/format.ts";
import { readRecording } from "../../cli/recording/read.ts";
import { mergeRun } from "../../cli/recording/run.ts";
import { summarizeRun } from "../../cli/recording/summarize.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { encoded } from "./synthetic.ts";

const page = await readFile(
  fileURLToPath(new URL("../../docs/reference/recording-format.md", import.meta.url)),
  "utf8",
);
const [, example = ""] = /```jsonl\n([\s\S]*?)```/.exec(page) ?? [];

test("the example of docs/reference/recording-format.md is a recording, and says what the text says of it", async (t) => {
  const path = join(await temporaryDirectory(t), "example.jsonl");
  await writeFile(path, example.replace("HISTOGRAM", encoded([12, 13, 900])));
  const recording = await readRecording(path);
  const { metrics, verdict, reason } = summarizeRun(mergeRun([{ ...recording }], 1));
  assert.deepEqual(
    [verdict, reason],
    ["incomplete", "recordings are missing: of instances that ran 75 % of the load"],
  );
  assert.deepEqual(metrics.ws_delivery_success_rate, {
    kind: "rate",
    unit: "ratio",
    rate: 0.9,
    passes: 9,
    fails: 1,
  });
  assert.deepEqual(metrics.ws_active_sessions, { kind: "gauge", unit: "1", value: 40, min: 38, max: 40 });
  assert.equal(recording.end?.state, "finished");
  assert.equal(recording.usage[0]?.cpus, 0.31);
});

test("docs/reference/recording-format.md has every field of the header", () => {
  const [, section = ""] = /### Header\n([\s\S]*?)\n### /.exec(page) ?? [];
  const named = [...section.matchAll(/`(\w+)`/g)].map(([, name]) => name);
  const inFile = Object.keys(JSON.parse(example.split("\n")[0]!));
  for (const field of [...Object.keys(Header.entries), ...inFile]) assert.ok(named.includes(field), field);
});
