/**
 * Times as text, as RFC 3339 section 5.6 writes them: a date, a time and its offset from UTC.
 *
 * @returns Unix time in milliseconds, fractional; undefined for any other text
 */
export function isoTimeMs(text: string): number | undefined {
  const [whole, year, month, day, hour, minute, second, fraction = "", sign, hours = "0", minutes = "0"] =
    PATTERN.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const parts = [month, day, hour, minute, second, hours, minutes].map(Number);
  if (parts.some((part, i) => part < LEAST[i]! || part > MOST[i]!)) return undefined;
  const [months, days, ...clock] = parts as [number, number, number, number, number, number, number];
  const midnight = Date.UTC(2000, months - 1, days) + yearsMs(Number(year), months);
  const offset = (clock[3] * 60 + clock[4]) * 60_000 * (sign === "-" ? -1 : 1);
  const seconds = clock[0] * 3_600 + clock[1] * 60 + clock[2];
  // A division by a power of ten, so that a time in Go comes out the same to the last bit.
  return midnight + seconds * 1_000 - offset + (Number(fraction) * 1_000) / 10 ** fraction.length;
}

const PATTERN =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(?:[Zz]|([+-])(\d\d):?(\d\d))$/;
/** Month, day, hour, minute, second, and the offset's hours and minutes. A leap second is the next minute's first. */
const LEAST = [1, 1, 0, 0, 0, 0, 0];
const MOST = [12, 31, 23, 59, 60, 23, 59];

/** From the same day and month of 2000, which is a leap year as the first of its 400 is. `Date.UTC` takes 99 for 1999. */
function yearsMs(year: number, month: number): number {
  const leaps = (y: number) => Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400);
  const before = month > 2 ? 0 : 1; // a leap day that is still to come counts for the next year
  const days = (year - 2_000) * 365 + leaps(year - before) - leaps(2_000 - before);
  return days * 86_400_000;
}
