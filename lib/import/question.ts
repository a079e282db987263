/** What a document does not say, and who says it. */

export interface Question {
  /** As in `--answer name=value`. */
  readonly name: string;
  /** A question that ends in a question mark. */
  readonly ask: string;
  /** What an answer looks like, where it is not one of the choices. */
  readonly form?: string;
  readonly choices?: readonly string[];
  /** What is most likely, and why; none where any choice is as good as another. */
  readonly guess?: { readonly value: string; readonly why: string };
  /**
   * Why the answer is refused.
   *
   * @returns the expectation it fails; undefined if the answer is fine
   */
  readonly refuse?: (answer: string) => string | undefined;
}

/** Gives the answer, which `refuse` has no objection to. */
export type Ask = (question: Question) => Promise<string>;

/** An answer that will not do, or one that is missing. */
export class AnswerError extends Error {
  override readonly name = "AnswerError";
}

/** The expectation that an answer fails; undefined if the answer is fine. */
export function objection({ choices, refuse }: Question, answer: string): string | undefined {
  if (choices && !choices.includes(answer)) return `one of ${choices.join(", ")}`;
  return refuse?.(answer);
}
