/** Milliseconds, fractional: the only duration and the only instant inside `lib/`. */
export type Ms = number & { readonly unit: "ms" };

/** Marks a number as milliseconds. */
export const ms = (value: number): Ms => value as Ms;

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/**
 * Reads a duration as k6 writes it: `500ms`, `10s`, `1m30s`, `1.5h`; a bare `0` is allowed.
 * Returns undefined for anything else.
 */
export function parseDuration(text: string): Ms | undefined {
  if (text === "0") return ms(0);
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    total += Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS];
  }
  return ms(total);
}

/** Writes a duration as k6 reads it and people say it: `90000` → `1m30s`, `1500` → `1.5s`. */
export function formatDuration(value: Ms): string {
  if (value < 1_000) return `${round(value)}ms`;
  const whole = Math.round(value); // first, or a minute less a microsecond would be 60s
  const hours = Math.floor(whole / UNIT_MS.h);
  const minutes = Math.floor((whole % UNIT_MS.h) / UNIT_MS.m);
  const seconds = (whole % UNIT_MS.m) / UNIT_MS.s;
  return `${hours ? `${hours}h` : ""}${minutes ? `${minutes}m` : ""}${seconds ? `${seconds}s` : ""}`;
}

const round = (value: number): number => Math.round(value * 1_000) / 1_000;

/** A duration as scripts may give it: milliseconds, or a text such as "60s", "1m30s" or "500ms". */
export type Duration = Ms | string;

/**
 * The duration in milliseconds.
 *
 * @param what the field, for an error
 * @throws RangeError if the text is not a duration
 */
export function inMs(given: Duration, what: string): Ms {
  const value = typeof given === "string" ? parseDuration(given) : given;
  if (value !== undefined && value >= 0) return value;
  throw new RangeError(`${what}: expected a duration such as 60s, got ${JSON.stringify(given)}`);
}

/** `T` with durations as scripts may give them. */
export type WithDurations<T> = { readonly [K in keyof T]: T[K] extends Ms ? Duration : T[K] };

/** The same with these fields in milliseconds. Throws RangeError naming the field that is not a duration. */
export function durationsOf<T extends object>(given: WithDurations<T>, ...fields: (keyof T & string)[]): T {
  const values = { ...given } as { -readonly [K in keyof T]: unknown };
  for (const field of fields) values[field] = inMs(given[field] as Duration, field);
  return values as T;
}
