import type { BaseIssue } from "valibot";
import { describe } from "./protocols/problem.ts";

/**
 * What is wrong with a file, a line for each field: what was expected, and what came.
 *
 * @param whole what to call the file where no field of it is to blame
 */
export const linesOf = (issues: readonly BaseIssue<unknown>[], whole: string): string =>
  issues
    .map((issue) => {
      const path = (issue.path ?? []).map(({ key }) => String(key)).join(".") || whole;
      return `  ${path}: expected ${issue.message}, got ${describe(issue.input)}`;
    })
    .join("\n");
