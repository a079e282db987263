import { junit } from "./junit.ts";
import { markdown } from "./markdown.ts";
import type { Summary } from "./summary.ts";

/** Every form that a summary is stored in, by what follows the scenario's name in the file's. */
export const SUMMARY_FORMS = {
  ".summary.json": (summary: Summary) => `${JSON.stringify(summary, null, 2)}\n`,
  ".summary.md": markdown,
  ".junit.xml": junit,
} satisfies { [suffix: string]: (summary: Summary) => string };
