import * as v from "valibot";
import { fieldPath } from "../issues.ts";
import { checkReferences } from "./check.ts";
import { DescriptorError, describe } from "./problem.ts";
import { type Descriptor, descriptorSchema } from "./schema.ts";

/**
 * Checks a descriptor read from JSON.
 *
 * @param source what to call it in an error: the file's path.
 * @param columns variables of the users' file, which its templates may have too
 * @throws DescriptorError with every problem found. What fields say of one another is looked at once each
 *   field has the right type.
 */
export function parseDescriptor(json: unknown, source: string, columns: readonly string[] = []): Descriptor {
  const result = v.safeParse(descriptorSchema(), json, { abortPipeEarly: true });
  const problems = (result.issues ?? []).map((issue) => ({
    path: fieldPath(issue) || "the document",
    expected: issue.message,
    got: describe(issue.input),
  }));
  if (result.typed) problems.push(...checkReferences(result.output, columns));
  if (problems.length > 0) throw new DescriptorError(source, problems);
  return result.output as Descriptor;
}
