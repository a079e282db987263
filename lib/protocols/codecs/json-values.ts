/** Values of JSON whose whole numbers keep their digits, as formats of bytes have them. */
import { parse } from "lossless-json";
import { CodecError } from "./codec.ts";

/** A JSON text as values: a whole number that JavaScript does not hold exactly is a bigint, up to 64 bits. */
export function valuesOf(json: string): unknown {
  try {
    return parse(json, undefined, { parseNumber: numberOf });
  } catch (error) {
    throw new CodecError(`want JSON (${(error as Error).message})`);
  }
}

const LEAST = -(2n ** 63n);
const MOST = 2n ** 64n - 1n;

function numberOf(digits: string): number | bigint {
  const number = Number(digits);
  if (Number.isSafeInteger(number) || !/^-?[0-9]+$/.test(digits)) return number;
  const whole = BigInt(digits);
  return whole >= LEAST && whole <= MOST ? whole : number;
}

/** A floating-point number as JSON; what is no number there is null. */
export const jsonOfFloat = (n: number): string => (Number.isFinite(n) ? String(n === 0 ? 0 : n) : "null");

/** A member's name: a text is itself, a number the text of its digits. Throws {@link CodecError} on anything else. */
export function nameOf(json: string): string {
  if (json.startsWith('"')) return json;
  if (/^[-0-9]/.test(json)) return `"${json}"`;
  throw new CodecError("want a text or a number as a name");
}
