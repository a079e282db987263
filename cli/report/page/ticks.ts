/** The grid lines of logarithmic axes, and which of the lines have figures. Pure. */

/** From 1 to 9 times each power of ten that lies between two values. */
export function logTicks(min: number, max: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(min)); 10 ** power <= max; power++) {
    for (let digit = 1; digit <= 9; digit++) {
      const tick = Number(`${digit}e${power}`);
      if (tick >= min && tick <= max) ticks.push(tick);
    }
  }
  return ticks;
}

/** The shorter the axis, the more digits have figures. */
const FIGURES = [
  { decades: 0.6, digits: "123456789" },
  { decades: 1, digits: "12357" },
  { decades: 2.5, digits: "125" },
  { decades: Number.POSITIVE_INFINITY, digits: "1" },
] as const;

/** Whether a tick has a figure, on an axis with these. */
export function hasFigure(tick: number, ticks: readonly number[]): boolean {
  const decades = Math.log10(ticks.at(-1)! / ticks[0]!);
  const { digits } = FIGURES.find((one) => decades <= one.decades)!;
  return digits.includes(tick.toExponential()[0]!);
}

/** 50 %, 90 %, 99 % and so on, as 1 / (1 - p). */
const PERCENTILES: readonly number[] = [1, 2, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];

/** The ticks that an axis up to `max` reaches. */
export const percentileTicks = (max: number): number[] => PERCENTILES.filter((tick) => tick <= max);
