/** A pact that cannot be used. */
export class PactError extends Error {
  override readonly name = "PactError";
}
