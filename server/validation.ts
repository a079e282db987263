import * as v from "valibot";

/** Milliseconds that a Node timer can wait. */
export const timerMs = v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(2 ** 31 - 1));
export const positive = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

/** Invalid input. The message names each field, the expected value and the actual one. */
export class InvalidInput extends Error {
  override readonly name = "InvalidInput";
}

/** Checks `input` against `schema`; throws {@link InvalidInput} whose message starts with `what`. */
export function parse<S extends v.GenericSchema>(schema: S, input: unknown, what: string): v.InferOutput<S> {
  // valibot takes an array without elements for an object without fields.
  if (Array.isArray(input)) throw new InvalidInput(`${what}: expected Object, got Array`);
  const result = v.safeParse(schema, input);
  if (result.success) return result.output;
  throw new InvalidInput(`${what}: ${result.issues.map((issue) => describe(issue, schema)).join("; ")}`);
}

function describe(issue: v.BaseIssue<unknown>, schema: v.GenericSchema): string {
  // A union reports itself. The branch that got furthest names the problem.
  const deepest = issue.issues?.reduce((a, b) => ((b.path?.length ?? 0) > (a.path?.length ?? 0) ? b : a));
  if (deepest?.path) {
    const path = [...(issue.path ?? []), ...deepest.path] as typeof issue.path;
    return describe({ ...deepest, path } as v.BaseIssue<unknown>, schema);
  }
  const field = v.getDotPath(issue) ?? "value";
  if (issue.expected === "never") {
    const known =
      issue.path?.length === 1 && "entries" in schema ? Object.keys(schema.entries as object) : [];
    return `unknown field "${field}"${known.length > 0 ? `, expected ${known.join(", ")}` : ""}`;
  }
  if (!issue.message.startsWith("Invalid ")) return `${field}: ${issue.message}`; // the schema's own words
  const missing = issue.path?.at(-1)?.origin === "key" && issue.input === undefined;
  const expected = missing ? "a value" : (issue.expected ?? `a ${issue.type.replace("_", " ")}`);
  // As valibot words it: of a text that is too short only the length, so that no secret gets into an error.
  const got = missing ? "nothing" : issue.received;
  return `${field}: expected ${expected}, got ${got}`;
}
