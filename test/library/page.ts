/** Documents that are tests: their files are saved, their commands run, their output looked for in what came. */

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import type { Cleanup } from "../k6/run.ts";

/** A code block: its language, the note or file name behind that, and its content. */
export interface Block {
  readonly language: string;
  readonly note: string;
  readonly content: string;
}

export interface Place {
  readonly project: string;
  readonly env: NodeJS.ProcessEnv;
}

export function codeBlocks(markdown: string): Block[] {
  const blocks = markdown.matchAll(/^```(\S+)(?: (.*))?\n([^`]*(?:`(?!``)[^`]*)*)^```$/gm);
  return [...blocks].map(([, language = "", note = "", content = ""]) => ({ language, note, content }));
}

/**
 * Does what a page says, block by block.
 *
 * @param shown checks a block of output against the standard output of the commands before it
 */
export async function follow(
  t: Cleanup,
  blocks: readonly Block[],
  { project, env }: Place,
  shown: (content: string, printed: string) => void,
): Promise<void> {
  let printed = "";
  for (const { language, note, content } of blocks) {
    if (note === "(in another terminal)") await startInBackground(t, content, project, env);
    else if (language === "sh") printed = await shell(content, project, env);
    else if (language === "text") shown(content, printed);
    else {
      assert.match(note, /^[\w.-]+$/, `a ${language} block without a file name`);
      await writeFile(join(project, note), content);
    }
  }
}

/** Runs the lines of a block, each of which must succeed; what they printed. */
async function shell(script: string, cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await promisify(execFile)("bash", ["-euc", script], { cwd, env }).catch((error) => {
    // A machine with other work to do is told as such, by exit code 3.
    if (error.code === 3 && isUndecided(error.stdout)) return error;
    throw new Error(`${script}\nended with ${error.code}:\n${error.stdout}${error.stderr}`);
  });
  return stdout;
}

/** Whether a run was slowed down by this machine, or a comparison had only such runs. */
export const isUndecided = (printed: string): boolean => /generator-bound|too-little-data/.test(printed);

/** Starts a server, which says that it listens. Its process group ends with the test. */
async function startInBackground(t: Cleanup, command: string, cwd: string, env: NodeJS.ProcessEnv) {
  const child = spawn("bash", ["-c", command], {
    cwd,
    env,
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  t.after(() => process.kill(-child.pid!));
  const [said] = await Promise.race([once(createInterface(child.stdout), "line"), once(child, "exit")]);
  assert.match(String(said), /^listening on /);
}

/** Every line that is shown came, in that order; numbers are of the moment. */
export function assertShown(shown: string, printed: string): void {
  const came = printed.split("\n").map(withoutNumbers);
  let from = 0;
  for (const line of shown.trimEnd().split("\n")) {
    const at = came.indexOf(withoutNumbers(line), from);
    assert.ok(at >= 0, `"${line}" is not in what came, or not in that order:\n${printed}`);
    from = at + 1;
  }
}

const withoutNumbers = (line: string): string =>
  line
    .replace(/\d+(\.\d+)?/g, "#")
    .replace(/\s+/g, " ")
    .trim();
