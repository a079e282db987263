/** Which of the runs in a store become baselines; the store is made up. test/influxdb/baseline.test.ts has real ones. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { test } from "node:test";
import { UserError } from "../../cli/command.ts";
import { fetchRuns } from "../../cli/influxdb/fetch.ts";
import type { Store, StoredRun } from "../../cli/influxdb/read.ts";
import { STARTED_AT } from "../recording/synthetic.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

function stored(run: string, header: object = {}): StoredRun {
  const excluded = { outOfRange: 0, notFinite: 0, withoutTags: 0 };
  return {
    run,
    instance: "generator-1",
    branch: "main",
    header: JSON.stringify({
      ...{ recording: "k6-realtime", version: 1, id: run, run, scenario: "chat-soak", startedAt: STARTED_AT },
      ...{ longestMs: 1_000, thresholds: {}, environment: { os: "linux", arch: "amd64", cpus: 2 } },
      ...header,
    }),
    end: JSON.stringify({ state: "finished", exitCode: 0, at: STARTED_AT, excluded }),
  };
}

const store = (runs: readonly StoredRun[], points: Store["points"] = async () => []): Store => ({
  runs: async () => [...runs],
  points,
});
const wanted = { scenario: "chat-soak", last: 2 };

test("a stored run that cannot be read is told, and does not end the search", async (t) => {
  const into = await temporaryDirectory(t);
  const runs = [
    stored("newer", { version: 2 }),
    stored("a"),
    { ...stored("broken"), header: "{" },
    { ...stored("odd"), end: '{"state":"unheard-of"}' },
    stored("b"),
    stored("c"),
  ];
  const { fetched, skipped } = await fetchRuns(store(runs), wanted, into);
  assert.deepEqual(
    fetched.map(({ run }) => run),
    ["a", "b"],
  );
  assert.deepEqual(await readdir(into), ["a-1.realtime.jsonl", "b-1.realtime.jsonl"]);
  assert.match(
    skipped[0]!,
    /^what InfluxDB has of run newer, generator-1: expected version 1 of the recording format, got 2/,
  );
  assert.match(skipped[1]!, /run broken, generator-1: expected a recording/);
  assert.match(skipped[2]!, /run odd, generator-1: /);
  const { skipped: named } = await fetchRuns(
    store([stored("a")]),
    { ...wanted, run: "a" },
    await temporaryDirectory(t),
  );
  assert.deepEqual(named, []);
  await assert.rejects(
    fetchRuns(store(runs), { ...wanted, run: "newer" }, into),
    /got 2: use the k6-realtime that made it/,
  );
});

test("a store that does not answer ends the search, for what it holds is not known", async (t) => {
  const silent = store([stored("a"), stored("b")], async () => {
    throw new UserError("reading from InfluxDB: connect ECONNREFUSED");
  });
  await assert.rejects(fetchRuns(silent, wanted, await temporaryDirectory(t)), /ECONNREFUSED/);
});

test("a run that is none of those wanted, by its header, is passed over", async (t) => {
  const isNone = ({ id }: { id: string }) => id === "tonight";
  const runs = store([stored("tonight"), stored("a")]);
  const { fetched, skipped } = await fetchRuns(runs, { ...wanted, isNone }, await temporaryDirectory(t));
  assert.deepEqual([fetched.map(({ run }) => run), skipped], [["a"], []]);
});
