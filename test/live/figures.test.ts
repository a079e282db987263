/** What a run that goes on is told to be, from recordings whose content is known. */
import assert from "node:assert/strict";
import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { LiveFigures } from "../../cli/live/figures.ts";
import { Follower } from "../../cli/live/follow.ts";
import { readable } from "../../cli/live/k6-log.ts";
import { blockOf, lineOf } from "../../cli/live/text.ts";
import { watchRun } from "../../cli/live/watch.ts";
import type { Run } from "../../cli/recording/run.ts";
import { ms } from "../../lib/units.ts";
import { encoded, linesOf, RTT, type Synthetic } from "../recording/synthetic.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const plan = { scenario: "made-up", planned: ms(60_000), longest: ms(75_000) };

/** 20 seconds: ten with round trips of 10 ms, ten of 500 ms; then three connections drop. */
const recording: Synthetic = {
  header: {
    longestMs: 75_000,
    thresholds: {
      ws_msg_rtt_ms: ["p(99)<100"],
      ws_replies: ["count>=1000"],
      ws_connection_drops: ["count<5"],
    },
  },
  series: [
    RTT,
    { metric: "ws_replies", kind: "counter" },
    { metric: "ws_probes", kind: "counter" },
    { metric: "ws_sessions_opened", kind: "counter" },
    { metric: "ws_sessions_closed", kind: "counter" },
    { metric: "ws_connection_drops", kind: "counter", tags: { code: "1006", by: "network" } },
    { metric: "ws_generator_delay_ms", kind: "trend", unit: "ms", tags: { side: "send" } },
    { metric: "ws_message_errors", kind: "counter", tags: { reason: "error_reply" } },
  ],
  seconds: Array.from({ length: 20 }, (_, second) => [
    [0, encoded(Array(second < 10 ? 40 : 20).fill(second < 10 ? 10 : 500))],
    [1, second < 10 ? 40 : 20],
    [2, second < 10 ? 40 : 25],
    ...(second === 0 ? [[3, 50] as const] : []),
    ...(second === 19 ? [[4, 3] as const, [5, 3] as const, [7, 2] as const] : []),
    [6, encoded([0.25])],
  ]),
  state: undefined,
};

/** What a display is shown of a recording, the first time that anything of it is there. */
async function shown(path: string): Promise<{ figures: LiveFigures; run: Run }> {
  let stop = async () => {};
  const unreadable: string[] = [];
  const first = await new Promise<{ figures: LiveFigures; run: Run }>((resolve) => {
    const watching = watchRun(
      { recordings: [path], cellSeconds: 5, onUnreadable: ({ message }) => unreadable.push(message) },
      [{ show: (figures, run) => run && resolve({ figures, run }) }],
    );
    stop = () => watching.stop();
  });
  await stop();
  assert.deepEqual(unreadable, []);
  return first;
}

test("the figures so far are those of the recording so far, and of its last ten seconds", async (t) => {
  const path = join(await temporaryDirectory(t), "run.jsonl");
  await writeFile(path, `${linesOf(recording).join("\n")}\n`);
  const { figures, run } = await shown(path);
  const { connections, perSecond, latencies, generatorDelay, errors, limits } = figures.recorded!;
  assert.deepEqual(connections, { open: 47, opened: 50, failed: 0, dropped: 3 });
  assert.deepEqual(perSecond, { sent: 25, received: 20 });
  const [rtt, ...others] = latencies;
  assert.deepEqual([rtt!.metric, others.length], ["ws_msg_rtt_ms", 0]);
  const rounded = [rtt!.p50, rtt!.p99, rtt!.recent.p50, rtt!.recent.p99].map((value) => Math.round(value!));
  assert.deepEqual(rounded, [10, 500, 500, 500]);
  assert.equal(generatorDelay?.toPrecision(2), "0.25");
  assert.equal(errors, 2);
  assert.deepEqual([limits.held, limits.toReach], [1, 1], "600 replies may still become 1,000");
  assert.deepEqual(
    limits.broken.map(({ metric }) => metric),
    ["ws_msg_rtt_ms"],
  );
  const seconds = run.series.find(({ metric }) => metric === "ws_replies")!.cells;
  assert.deepEqual([run.cellSeconds, [...seconds.values()]], [5, [200, 200, 100, 100]]);
});

test("they are a block for a terminal and a line for a log", async (t) => {
  const path = join(await temporaryDirectory(t), "run.jsonl");
  await writeFile(path, `${linesOf(recording).join("\n")}\n`);
  const { recorded } = (await shown(path)).figures;
  const figures = { elapsed: ms(20_300), ...(recorded && { recorded }) };
  assert.equal(
    blockOf(plan, figures, 100),
    [
      "made-up  20s of 1m  ████████░░░░░░░░░░░░░░░░",
      "  connections       47 open, 50 opened, 0 failed, 3 dropped",
      "  messages/s        25 sent, 20 received",
      "  round trip, ms    p50 10, p99 500; last 10 s: p50 500, p99 500",
      "  generator, ms     p99 0.25 added by the generator itself",
      "  errors            2",
      "  limits            1 of 3 limits hold so far, 1 still to be reached",
      "                    ✗ round trip p99 500 ms (limit 100 ms)",
    ].join("\n"),
  );
  assert.equal(
    lineOf(plan, figures),
    "20s of 1m, 47 connections, 45 messages a second, round trip p50 10 ms, p99 500 ms, 3 drops, 2 errors, generator p99 0.25 ms, 1 of 3 limits hold so far, 1 still to be reached",
  );
  for (const line of blockOf(plan, figures, 40).split("\n")) assert.ok(line.length <= 40, line);
});

test("a run that is not recorded is told by its time alone", () => {
  assert.equal(lineOf(plan, { elapsed: ms(70_000) }), "1m10s, ending");
  assert.equal(lineOf(plan, { elapsed: ms(80_000) }), "1m20s, and 1m15s was the most it should take");
  assert.match(
    blockOf(plan, { elapsed: ms(0) }, 100),
    /^made-up {2}0s of 1m {2}░{24}\n {2}figures {11}at the end/,
  );
});

test("a line that is not whole yet is read when it is", async (t) => {
  const path = join(await temporaryDirectory(t), "run.jsonl");
  const follower = new Follower(path, 1);
  await follower.read();
  assert.equal(follower.reader, undefined, "there is no file yet");
  const all = `${linesOf(recording).join("\n")}\n`;
  for (let at = 0; at < all.length; at += 1_000) {
    await appendFile(path, all.slice(at, at + 1_000));
    await follower.read();
  }
  await follower.close();
  const replies = follower.reader!.done().series.find(({ metric }) => metric === "ws_replies")!;
  assert.equal(
    [...replies.cells.values()].reduce((a, b) => Number(a) + Number(b), 0),
    600,
  );
});

test("a recording that cannot be read ends the figures, not the run", async (t) => {
  const path = join(await temporaryDirectory(t), "run.jsonl");
  await writeFile(path, "{}\n");
  const seen: (string | LiveFigures)[] = [];
  await new Promise<void>((resolve) => {
    const onUnreadable = ({ message }: Error) => void seen.push(message);
    const watching = watchRun({ recordings: [path], cellSeconds: 1, onUnreadable }, [
      {
        show(figures) {
          seen.push(figures);
          if (seen.length === 3) resolve(watching.stop());
        },
      },
    ]);
  });
  const [first, ...figures] = seen;
  assert.match(String(first), /expected a recording/);
  for (const one of figures) assert.equal((one as LiveFigures).recorded, undefined);
});

const LINES: [sentence: string, line: string, read: string][] = [
  [
    "a message",
    `time="2026-01-02T03:04:05Z" level=info msg="chat-soak: \\"20\\" connections" source=console`,
    'chat-soak: "20" connections',
  ],
  ["a warning", `time="2026-01-02T03:04:05Z" level=warning msg=odd source=console`, "warning: odd"],
  ["what is none of k6's log", "  chat-soak: pass", "  chat-soak: pass"],
];
for (const [sentence, line, read] of LINES) {
  test(`k6's log is shown without what only programs read: ${sentence}`, () =>
    assert.equal(readable(line), read));
}
