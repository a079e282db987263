/** What a step of GitHub Actions tells the runner: by files that the environment names, and by lines that it prints. */
import { randomUUID } from "node:crypto";
import { appendFile } from "node:fs/promises";
import { fit } from "./fit.ts";

/** Sets the step's outputs. */
export async function setOutputs(
  env: NodeJS.ProcessEnv,
  outputs: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [name, value] of Object.entries(outputs)) {
    // A delimiter that the value cannot know, so that it ends nowhere but where it does.
    const end = randomUUID();
    await append(env, "GITHUB_OUTPUT", `${name}<<${end}\n${value}\n${end}\n`);
  }
}

/** GitHub refuses more of one step. */
const SUMMARY_LIMIT_BYTES = 1024 * 1024;

/** Adds to the summary of the job. */
export async function addToJobSummary(env: NodeJS.ProcessEnv, markdown: string): Promise<void> {
  await append(env, "GITHUB_STEP_SUMMARY", fit(markdown, SUMMARY_LIMIT_BYTES, Buffer.byteLength));
}

/** Outside a runner there is none to tell. */
async function append(env: NodeJS.ProcessEnv, file: string, text: string): Promise<void> {
  const path = env[file];
  if (path) await appendFile(path, text);
}

const annotation = (kind: string) => (message: string) =>
  `::${kind} title=k6-realtime::${message.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A")}`;

/** Shows one line as an error, a warning or a notice of the step. */
export const errorLine = annotation("error");
export const warningLine = annotation("warning");
export const noticeLine = annotation("notice");

/**
 * One line that the runner does not take for a command, whatever is in it. The runner also takes the old form `##[…]`
 * from the middle of a line.
 */
export const plainLine = (message: string): string =>
  message
    .replace(/[\r\n]+/g, " ")
    .replace(/^\s*::/, " : :")
    .replaceAll("##[", "## [");

/** Does `work`, whose output the runner takes for text only: a server under test may have written some of it. */
export async function withoutCommands<T>(print: (line: string) => void, work: () => Promise<T>): Promise<T> {
  const token = randomUUID();
  print(`::stop-commands::${token}`);
  try {
    return await work();
  } finally {
    print(`::${token}::`);
  }
}
