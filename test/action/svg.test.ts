import assert from "node:assert/strict";
import { test } from "node:test";
import { latencySvg } from "../../cli/action/svg.ts";
import type { Values } from "../../cli/report/chart.ts";
import { openViews } from "../../cli/report/open.ts";
import type { RunView } from "../../cli/report/view.ts";
import { encoded, RTT, record } from "../recording/synthetic.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

/** What is on a path: its points in order, an empty one where the line begins anew. */
const pointsOf = (svg: string, line: string) =>
  [
    ...svg.match(new RegExp(`class="line ${line}" d="([^"]*)"`))![1]!.matchAll(/([ML])([\d.]+) ([\d.]+)/g),
  ].map(([, command, x, y]) => ({ begins: command === "M", x: Number(x), y: Number(y) }));

test("the picture shows each second's p50 and p99, higher where slower, and breaks off where nothing came", async (t) => {
  const directory = await temporaryDirectory(t);
  const seconds = [[10, 100], [20, 200], [], [10, 100], [10, 50]].map((values) =>
    values.length > 0 ? ([[0, encoded(values)]] as const) : [],
  );
  const [view] = await openViews([await record(directory, { series: [RTT], seconds })], directory);
  const svg = latencySvg(view!)!;
  const p99 = pointsOf(svg, "p99");
  assert.deepEqual(
    p99.map(({ begins }) => begins),
    [true, false, true, false],
  );
  const [first, second, third, last] = p99.map(({ y }) => y) as [number, number, number, number];
  assert.ok(second < first && first === third && third < last, `${p99.map(({ y }) => y)}`);
  const gaps = p99.slice(1).map(({ x }, i) => x - p99[i]!.x);
  assert.ok(Math.abs(gaps[1]! - 2 * gaps[0]!) < 0.3, "the silent second has its place");
  assert.ok(pointsOf(svg, "p50").every(({ y }, i) => y > p99[i]!.y));
  assert.match(svg, />200<\/text>/);
  assert.match(svg, /prefers-color-scheme:dark/);
  assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
});

const view = (p99: Values): RunView =>
  ({
    recorded: {
      events: [{ from: 1, to: 2, text: `</title><script>alert("1")</script>` }],
      timeline: {
        cellSeconds: 1,
        seconds: p99.map((_, i) => i),
        latencies: { ws_msg_rtt_ms: { p50: p99, p99 } },
      },
    },
  }) as unknown as RunView;

test("one second is no line, and no value is none either", () => {
  assert.equal(latencySvg(view([null, 3, null])), undefined);
  assert.equal(latencySvg(view([null, null])), undefined);
  assert.equal(latencySvg({ label: "a summary alone" } as RunView), undefined);
});

test("what happened is named in text that cannot become markup", () => {
  const svg = latencySvg(view([1, 2, 3]))!;
  assert.match(svg, /class="event"/);
  assert.doesNotMatch(svg, /<script/);
});
