import type { BaseIssue } from "valibot";
import { describe } from "./protocols/problem.ts";
import { kindOf, shapeOf } from "./shape.ts";

/**
 * The problems of a file, a line for each field: the expected value and the actual one.
 *
 * @param whole the file's name, used if no field of it is to blame
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

/** The path of the field, as JavaScript would write it: `servers[0].uri`. Empty for the whole file. */
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
