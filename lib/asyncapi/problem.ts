import { describe } from "../protocols/problem.ts";

/** A document that cannot be used. The message names the place, the expected value and the actual one. */
export class AsyncApiError extends Error {
  override readonly name = "AsyncApiError";
}

/** Somewhere in one of the files. */
export interface Place {
  /** Its path, relative to the folder that may be read. */
  readonly file: string;
  /** A JSON Pointer. */
  readonly pointer: string;
}

/** @throws AsyncApiError always */
export function refuse({ file, pointer }: Place, expected: string, got: unknown): never {
  throw new AsyncApiError(`${file}#${pointer}: expected ${expected}, got ${describe(got)}`);
}

/** As {@link refuse}, where what came is told in words. */
export function refuseAs({ file, pointer }: Place, expected: string, words: string): never {
  throw new AsyncApiError(`${file}#${pointer}: expected ${expected}, got ${words}`);
}
