import type { BaseIssue } from "valibot";
import { describe } from "./protocols/problem.ts";
import { kindOf, shapeOf } from "./shape.ts";

/**
 * What is wrong with a file, a line for each field: what was expected, and what came.
 *
 * @param whole what to call the file where no field of it is to blame
 * @param isSecret whether a field's value must not be said, but its shape
 */
export const linesOf = (
  issues: readonly BaseIssue<unknown>[],
  whole: string,
  isSecret: (path: string) => boolean = () => false,
): string =>
  issues
    .map((issue) => {
      const path = (issue.path ?? []).map(({ key }) => String(key)).join(".") || whole;
      const got = isSecret(path) ? shapeOfAny(issue.input) : describe(issue.input);
      return `  ${path}: expected ${issue.message}, got ${got}`;
    })
    .join("\n");

/** Where the field is, as JavaScript would write it: `servers[0].uri`. Empty where it is the whole. */
export const fieldPath = ({ path }: Pick<BaseIssue<unknown>, "path">): string =>
  (path ?? [])
    .map(({ key }) =>
      typeof key === "number"
        ? `[${key}]`
        : /^[A-Za-z_$][\w$]*$/.test(String(key))
          ? `.${String(key)}`
          : `[${JSON.stringify(key)}]`,
    )
    .join("")
    .replace(/^\./, "");

function shapeOfAny(value: unknown): string {
  if (value === undefined) return "nothing";
  return typeof value === "string" ? shapeOf(value) : kindOf(value);
}
