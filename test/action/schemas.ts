/** JSON Schemas from packages: tools/schemas/requirements.txt pins them. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { buildOnce } from "../build-once.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);

let installed: Promise<string> | undefined;

/** The directory of a Python environment that has the packages; made when it is missing or of other versions. */
export function schemaPackages(): Promise<string> {
  installed ??= buildOnce("schemas", install);
  return installed;
}

async function install(): Promise<string> {
  const requirements = join(root, "tools/schemas/requirements.txt");
  const environment = join(root, ".cache/schemas");
  const stamp = join(environment, "requirements.txt");
  const wanted = await readFile(requirements, "utf8");
  if (existsSync(stamp) && (await readFile(stamp, "utf8")) === wanted) return environment;
  await rm(environment, { recursive: true, force: true });
  await run("python3", ["-m", "venv", environment]);
  await run(join(environment, "bin/pip"), ["install", "--quiet", "--requirement", requirements]);
  await writeFile(stamp, wanted);
  return environment;
}

/** YAML documents as JavaScript's values. */
export async function readYaml(path: string): Promise<unknown> {
  const code =
    "import sys,yaml,json; json.dump([d for d in yaml.safe_load_all(open(sys.argv[1])) if d], sys.stdout)";
  const { stdout } = await run(join(await schemaPackages(), "bin/python"), ["-c", code, path], {
    maxBuffer: 64 * 2 ** 20,
  });
  return JSON.parse(stdout);
}
