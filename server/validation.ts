import * as v from "valibot";

/** What was given does not fit: the message names each field, what was expected and what came. */
export class InvalidInput extends Error {
  override readonly name = "InvalidInput";
}

/** Checks `input` against `schema`; throws {@link InvalidInput} whose message starts with `what`. */
export function parse<S extends v.GenericSchema>(schema: S, input: unknown, what: string): v.InferOutput<S> {
  const result = v.safeParse(schema, input);
  if (result.success) return result.output;
  throw new InvalidInput(`${what}: ${result.issues.map(describe).join("; ")}`);
}

function describe(issue: v.BaseIssue<unknown>): string {
  // A union reports itself; the branch that got furthest says what is wrong.
  const deepest = issue.issues?.reduce((a, b) => ((b.path?.length ?? 0) > (a.path?.length ?? 0) ? b : a));
  if (deepest?.path) {
    const path = [...(issue.path ?? []), ...deepest.path] as typeof issue.path;
    return describe({ ...deepest, path } as v.BaseIssue<unknown>);
  }
  const field = v.getDotPath(issue) ?? "value";
  const got =
    issue.received === "Object" || issue.received === "Array" ? JSON.stringify(issue.input) : issue.received;
  if (issue.expected === null) return `${field}: ${issue.message}`; // a check's own words
  return issue.expected === "never"
    ? `unknown field "${field}"`
    : `${field}: expected ${issue.expected}, got ${got}`;
}
