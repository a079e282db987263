/** Checks Markdown by the rules in rules.ts, with textlint. */
import { TextlintKernel } from "@textlint/kernel";
import markdown from "@textlint/textlint-plugin-markdown";
import { plainWords } from "./rules.ts";

const kernel = new TextlintKernel();

/** The faults in the prose of a Markdown text, as `line:column message`. */
export async function findings(text: string): Promise<string[]> {
  const { messages } = await kernel.lintText(text, {
    ext: ".md",
    plugins: [{ pluginId: "markdown", plugin: markdown.default }],
    rules: [{ ruleId: "plain-words", rule: plainWords }],
  });
  return messages.map(({ loc, message }) => `${loc.start.line}:${loc.start.column} ${message}`);
}
