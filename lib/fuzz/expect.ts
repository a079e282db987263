/** The close codes, HTTP statuses, errors and kinds of findings that a user declares not to be faults. Pure. */
import type { FindingKind } from "./oracle.ts";

/** The expectations of the server, stated once. */
export interface Expectations {
  code(code: number): boolean;
  status(status: number): boolean;
  error(reason: string): boolean;
  kind(kind: FindingKind): boolean;
  /** Whether a message of ours ends what the server owes to its connection. */
  farewell(text: string): boolean;
}

/** Why a text states no expectation: `message` continues "expected". */
export class ExpectError extends Error {}

const EXPECTS =
  "a list such as 1009,4000-4099,http-503,error:rate_limited,quiet:^41 or a kind of finding such as silence";

/**
 * Reads `--expect`.
 *
 * @throws {@link ExpectError}
 */
export function parseExpectations(text: string, kinds: readonly FindingKind[]): Expectations {
  const codes: (readonly [from: number, to: number])[] = [];
  const statuses: number[] = [];
  const errors: string[] = [];
  const allowed: FindingKind[] = [];
  const quiet: RegExp[] = [];
  for (const item of text
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean)) {
    const [, from, to] = /^(\d{4})(?:-(\d{4}))?$/.exec(item) ?? [];
    const [, status] = /^http-(\d{3})$/.exec(item) ?? [];
    const [, error] = /^error:(.+)$/.exec(item) ?? [];
    const [, pattern] = /^quiet:(.+)$/.exec(item) ?? [];
    if (from !== undefined) codes.push([Number(from), Number(to ?? from)]);
    else if (status !== undefined) statuses.push(Number(status));
    else if (error !== undefined) errors.push(error);
    else if (pattern !== undefined) quiet.push(patternOf(pattern));
    else if (kinds.includes(item as FindingKind)) allowed.push(item as FindingKind);
    else throw new ExpectError(`${EXPECTS} (${kinds.join(", ")}), got ${JSON.stringify(item)}`);
  }
  return {
    code: (code) => codes.some(([from, to]) => code >= from && code <= to),
    status: (status) => statuses.includes(status),
    error: (reason) => errors.includes(reason) || errors.includes("*"),
    kind: (kind) => allowed.includes(kind),
    farewell: (text) => quiet.some((pattern) => pattern.test(text)),
  };
}

function patternOf(source: string): RegExp {
  try {
    return new RegExp(source, "u");
  } catch (error) {
    throw new ExpectError(
      `a regular expression behind quiet:, got an invalid one (${(error as Error).message})`,
    );
  }
}
