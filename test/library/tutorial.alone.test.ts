/** docs/learn/tutorial.md, done as it stands: its files saved, its commands run, what it shows looked for in what came. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { packageFile } from "../../cli/package-file.ts";
import { freePort } from "../free-port.ts";
import { STOCK_K6 } from "../k6/run.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { pack } from "./pack.ts";
import { assertShown, type Block, codeBlocks, follow } from "./page.ts";

test("the tutorial works as it is written", async (t) => {
  const text = await readFile(packageFile("docs/learn/tutorial.md"), "utf8");
  const port = await freePort();
  const blocks = codeBlocks(text.replaceAll("9001", String(port)));
  assert.ok(blocks.length >= 14, `${blocks.length} code blocks`);
  const place = await besideTheClone(t);
  const { project } = place;
  const isInClone = ({ note }: Block) => note === "(in the clone)";
  assert.deepEqual(
    blocks.filter(isInClone).map(({ content }) => content),
    ["npm pack\n"],
  );
  const others = blocks.filter((block) => !isInClone(block));
  await follow(t, others, place, (shown, printed) =>
    assertShown(isBusy(printed) ? withoutVerdict(shown) : shown, printed),
  );
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
  await pack(clone!);
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

/** A machine with other work to do is told as such, and its limits broke all the same. */
const isBusy = (printed: string): boolean => /^ {2}rush-hour: generator-bound, /m.test(printed);

const withoutVerdict = (shown: string): string => shown.replace(/^ {2}rush-hour: fail, .*\n/m, "");
