/** A comparison beside an earlier one: ratios, out of which the machine's own speed is divided. Pure. */
import * as v from "valibot";
import { type Compared, differsBy, type Line, type Since } from "./compare.ts";
import { between, type Middle } from "./estimate.ts";

const Span = v.object({ to: v.string(), ratio: v.number(), low: v.number(), high: v.number() });
const Before = v.array(
  v.object({
    title: v.string(),
    yardstick: v.optional(v.object({ us: v.number() })),
    lines: v.array(v.object({ server: v.string(), state: v.string(), against: v.optional(Span) })),
  }),
);

/** The used fields of the results.json of an earlier comparison. */
export type Before = v.InferOutput<typeof Before>;

/** @throws if the text is not such a file */
export const parseBefore = (text: string): Before => v.parse(Before, JSON.parse(text));

/** Adds to each row and case what became of it since. A row is left out unless both could rely on it. */
export function since(before: Before, now: readonly Compared[]): Compared[] {
  return now.map((one) => {
    const same = before.find(({ title }) => title === one.title);
    const [then, is] = [same?.yardstick, one.yardstick];
    return {
      ...one,
      ...(then && is && { yardstick: { ...is, sinceBefore: is.us / then.us - 1 } }),
      lines: one.lines.map((line) => {
        const earlier = same?.lines.find(({ server }) => server === line.server);
        return earlier ? withChange(line, earlier) : line;
      }),
    };
  });
}

function withChange(line: Line, { state, against }: Before[number]["lines"][number]): Line {
  if (state !== "ok" || line.state !== "ok" || line.against?.to !== against?.to || !line.against || !against)
    return line;
  return { ...line, since: changeOf(between(middle(line.against), middle(against))) };
}

const middle = ({ ratio, low, high }: { ratio: number; low: number; high: number }): Middle => ({
  middle: Math.log(ratio),
  half: Math.log(high / low) / 2,
});

function changeOf(change: Middle): Since {
  const { ratio, low, high } = differsBy(change);
  return { ratio, low, high, word: low > 1 ? "slower" : high < 1 ? "faster" : "same" };
}
