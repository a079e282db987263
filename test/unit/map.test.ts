/** The map of the repository names what is there, and leaves no folder out. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { packageFile } from "../../cli/package-file.ts";

const root = packageFile(".");
const map = readFileSync(packageFile("docs/design/map.md"), "utf8");

/** A folder, or a file with its extension. */
const PATH = /^[\w.*-][\w./*-]*(\/|\.(ts|mjs|go|md|json|yml))$/;

/** Whether there is such a path, whose last name may have a `*`. */
function exists(path: string): boolean {
  if (!path.includes("*")) return existsSync(join(root, path));
  const pattern = new RegExp(`^${basename(path).replaceAll(".", "\\.").replaceAll("*", ".*")}$`);
  const folder = join(root, dirname(path));
  return existsSync(folder) && readdirSync(folder).some((name) => pattern.test(name));
}

/** The paths of the tree: each line begins with one or more, below the line that is indented less. */
function pathsOfTree(): string[] {
  const [, tree = ""] = /^```text\n(.*?)^```$/ms.exec(map) ?? [];
  const parents: string[] = [];
  return tree.split("\n").flatMap((line) => {
    const [indent = ""] = /^ */.exec(line) ?? [];
    const depth = indent.length / 2;
    if (depth > parents.length) return []; // goes on with the description above
    const words = line.trim().split(" ");
    const end = words.findIndex((word) => !PATH.test(word));
    const names = end < 0 ? words : words.slice(0, end);
    parents.splice(depth, parents.length, names.find((name) => name.endsWith("/")) ?? "");
    return names.map((name) => join(...parents.slice(0, depth), name));
  });
}

/** The paths in the sentences. One that is not whole is beside, or in the folder around, the one before it. */
function pathsOfProse(): string[] {
  const prose = map.replace(/^```.*?^```$/gms, "");
  return prose.split("\n").flatMap((line) => {
    let before = ".";
    return [...line.matchAll(/`([^`\s]+)`/g)]
      .map(([, path = ""]) => path)
      .filter((path) => PATH.test(path))
      .map((path) => {
        const found = [path, join(before, path), join(dirname(before), path)].find(exists) ?? path;
        before = found.endsWith("/") ? found : dirname(found);
        return found;
      });
  });
}

const paths = [...pathsOfTree(), ...pathsOfProse()].map((path) => normalize(path));

test("every path of the map exists", () => {
  assert.ok(paths.length > 150, `${paths.length} paths`);
  assert.deepEqual(
    paths.filter((path) => !exists(path)),
    [],
  );
});

test("the map names every folder, down to the packages", () => {
  const ignored = readFileSync(packageFile(".gitignore"), "utf8").split("\n");
  const foldersIn = (folder: string): string[] =>
    readdirSync(join(root, folder), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
      .map(({ name }) => join(folder, name, "/"))
      .filter((path) => !ignored.includes(`/${path}`));
  const folders = [".", "lib", "cli", "extension", "extension/engine", "docs"].flatMap(foldersIn);
  assert.ok(folders.length > 60, `${folders.length} folders`);
  assert.deepEqual(
    folders.filter((folder) => !paths.some((path) => path.startsWith(folder))),
    [],
  );
});
