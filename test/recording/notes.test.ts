import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { summarizeRecordings } from "../../cli/run/recorded.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { encoded, record, type Synthetic } from "./synthetic.ts";

const RECEIVE = { metric: "ws_generator_delay_ms", kind: "trend", unit: "ms", tags: { side: "receive" } };
const UNCERTAIN = { metric: "ws_arrivals_uncertain", kind: "counter" };

/** What is said of instances that shared one load. */
async function notes(t: TestContext, ...parts: Synthetic[]): Promise<readonly string[] | undefined> {
  const directory = await temporaryDirectory(t);
  const of = parts.length;
  const paths: string[] = [];
  for (const [i, part] of parts.entries()) {
    const header = { ...part.header, ...(of > 1 && { segment: `${i}/${of}:${i + 1}/${of}` }) };
    paths.push(await record(directory, { ...part, header }));
  }
  return (await summarizeRecordings(paths))?.notes;
}

/** 100 messages, of which so many may have come earlier than they say. */
const uncertain = (count: number): Synthetic => ({
  series: [RECEIVE, UNCERTAIN],
  seconds: [
    [
      [0, encoded(Array(100).fill(1))],
      [1, count],
    ],
  ],
});

test("how certain the percentiles are is told of all instances together", async (t) => {
  assert.deepEqual(await notes(t, uncertain(0), uncertain(0)), []);
  const [note, ...more] = (await notes(t, uncertain(4), uncertain(0)))!;
  assert.match(note!, /^2 % of the messages .* as low as the p97, less 1 ms\./, "4 of 100 and 0 of 100");
  assert.deepEqual(more, []);
});

test("the outcomes that several instances saw are added up, and say what they mean", async (t) => {
  const saw = (count: number): Synthetic => ({
    header: { scenario: "idle" },
    series: [{ metric: "ws_outcomes", kind: "counter", tags: { outcome: "closed" } }],
    seconds: [[[0, count]]],
  });
  const meaning = "the server sent Close during the silence: the client knows";
  assert.deepEqual(await notes(t, saw(3), saw(4)), [`closed (7): ${meaning}`]);
});

test("what several instances cannot say together is named, with the reason", async (t) => {
  const reached: Synthetic = {
    series: [{ metric: "ws_time_to_reach_ms", kind: "trend", unit: "ms" }],
    seconds: [[[0, encoded([500])]]],
  };
  assert.deepEqual(await notes(t, reached), []);
  assert.match(
    (await notes(t, reached, reached))!.join(),
    /^left out: how many connections were opened in a second, for each of the 2 instances /,
  );
});
