// What clock.test.ts has a real k6 do.
import { callAt, now } from "../../lib/k6/clock.ts";
import { type Ms, ms } from "../../lib/units.ts";

export const options = { vus: 1, iterations: 1, maxDuration: "5m" };

/** Says in which order calls came, and which of them too early. */
export default function () {
  if (__ENV.WAIT) return waitLong();
  const began = now();
  const heard: string[] = [];
  const early: string[] = [];
  const ask = (after: number, what: string, then: () => void = () => {}) => {
    const at: Ms = ms(began + after);
    return callAt(at, () => {
      heard.push(what);
      if (now() < at) early.push(what);
      then();
    });
  };
  ask(60, "fourth");
  ask(20, "first", () => ask(10, "overdue when asked for"));
  ask(40, "second");
  ask(40, "third, at the same instant");
  const offInTime = ask(50, "called off in time");
  ask(30, "calls off", offInTime);
  const far = ask(3_600_000, "an hour from now");
  ask(70, "calls off the last", () => {
    far();
    far(); // again: nothing
    console.log(`heard ${JSON.stringify({ heard, early })}`);
  });
}

function waitLong() {
  for (let i = 0; i < 100; i++) callAt(ms(now() + 3_600_000 + i), () => {});
  console.log("waiting");
}
