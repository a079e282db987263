/** docs/learn/tutorial.md, done as it stands: its files saved, its commands run, what it shows looked for in what came. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { packageFile } from "../../cli/package-file.ts";
import { freePort } from "../free-port.ts";
import { STOCK_K6 } from "../k6/run.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

/** A code block: its language, the note or file name behind that, and what it holds. */
interface Block {
  readonly language: string;
  readonly note: string;
  readonly content: string;
}

test("the tutorial works as it is written", async (t) => {
  const text = await readFile(packageFile("docs/learn/tutorial.md"), "utf8");
  const port = await freePort();
  const blocks = codeBlocks(text.replaceAll("9001", String(port)));
  assert.ok(blocks.length >= 14, `${blocks.length} code blocks`);
  const { project, env } = await besideTheClone(t);

  let printed = "";
  for (const { language, note, content } of blocks) {
    if (note === "(in the clone)") {
      assert.equal(content, "npm pack\n");
    } else if (note === "(in another terminal)") {
      await startInBackground(t, content, project, env);
    } else if (language === "sh") {
      printed = await shell(content, project, env);
    } else if (language === "text") {
      assertShown(isBusy(printed) ? withoutVerdict(content) : content, printed);
    } else {
      assert.match(note, /^[\w.-]+$/, `a ${language} block without a file name`);
      await writeFile(join(project, note), content);
    }
  }
  assert.deepEqual((await readdir(join(project, "results"))).sort(), [
    "rush-hour.junit.xml",
    "rush-hour.summary.json",
    "rush-hour.summary.md",
  ]);
  await checkTypes(project);
});

/** An empty project beside a folder that has the packed clone, and k6 on the PATH. */
async function besideTheClone(t: TestContext) {
  const directory = await temporaryDirectory(t);
  const [clone, project, programs] = ["k6-realtime", "load-test", "bin"].map((name) => join(directory, name));
  for (const path of [clone!, project!, programs!]) await mkdir(path);
  await promisify(execFile)("npm", ["pack", "--pack-destination", clone!], { cwd: packageFile(".") });
  await symlink(STOCK_K6, join(programs!, "k6"));
  return { project: project!, env: { ...process.env, PATH: `${programs}${delimiter}${process.env.PATH}` } };
}

/** Scenarios of one's own are typed: the tutorial's is right, and a wrong one is found out. */
async function checkTypes(project: string): Promise<void> {
  const tsc = packageFile("node_modules/typescript/bin/tsc");
  const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--types", "k6"];
  const check = () =>
    promisify(execFile)(process.execPath, [tsc, ...options, "rush-hour.ts"], { cwd: project });
  await check();
  const scenario = await readFile(join(project, "rush-hour.ts"), "utf8");
  await writeFile(join(project, "rush-hour.ts"), scenario.replace('"CONNECTIONS", ', ""));
  await assert.rejects(check, ({ stdout }) => /Property 'CONNECTIONS' does not exist/.test(stdout));
}

function codeBlocks(markdown: string): Block[] {
  const blocks = markdown.matchAll(/^```(\S+)(?: (.*))?\n([^`]*(?:`(?!``)[^`]*)*)^```$/gm);
  return [...blocks].map(([, language = "", note = "", content = ""]) => ({ language, note, content }));
}

/** Runs the lines of a block, each of which must succeed; what they printed. */
async function shell(script: string, cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await promisify(execFile)("bash", ["-euc", script], { cwd, env }).catch((error) => {
    throw new Error(`${script}\nended with ${error.code}:\n${error.stdout}${error.stderr}`);
  });
  return stdout;
}

async function startInBackground(t: TestContext, command: string, cwd: string, env: NodeJS.ProcessEnv) {
  const [program = "", ...args] = command.trim().split(" ");
  const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill());
  const [said] = await once(child.stdout, "data");
  assert.match(String(said), /^listening on /);
}

/** Every line that is shown came, in that order; numbers are of the moment. */
function assertShown(shown: string, printed: string): void {
  const came = printed.split("\n").map(withoutNumbers);
  let from = 0;
  for (const line of shown.trimEnd().split("\n")) {
    const at = came.indexOf(withoutNumbers(line), from);
    assert.ok(at >= 0, `"${line}" is not in what came, or not in that order:\n${printed}`);
    from = at + 1;
  }
}

/** A machine with other work to do is told as such, and its limits broke all the same. */
const isBusy = (printed: string): boolean => /^ {2}rush-hour: generator-bound, /m.test(printed);

const withoutVerdict = (shown: string): string => shown.replace(/^ {2}rush-hour: fail, .*\n/m, "");

const withoutNumbers = (line: string): string =>
  line
    .replace(/\d+(\.\d+)?/g, "#")
    .replace(/\s+/g, " ")
    .trim();
