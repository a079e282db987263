/** The places of the project, its repository and the package. */
import { existsSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { packageFile } from "../package-file.ts";

/** Places, each as a relative path with slashes. */
export interface Places {
  /** The project, from where the command runs. */
  readonly project: string;
  /** The project, from the root of its repository, where workflows run. */
  readonly inRepository: string;
  /** The repository's root, from where the command runs. */
  readonly repository: string;
  /** The name of the workflow, which no other project of the repository has. */
  readonly workflow: string;
  /** The package, from the project; undefined where a path to it would not last. */
  readonly packageDir: string | undefined;
}

/** A path below a folder, which may be `.`. */
export const joined = (folder: string, name: string): string => (folder === "." ? name : `${folder}/${name}`);

/** @param dir the project's, as it was given */
export function placesOf(dir: string, cwd: string): Places {
  const full = resolve(cwd, dir);
  const root = repositoryOf(full) ?? cwd;
  const from = (base: string, path: string) => relative(base, path).split(sep).join("/") || ".";
  const packageDir = packageFile(".");
  // A package outside, such as one that npx fetched for the moment, may be gone tomorrow.
  const lasts = !relative(cwd, packageDir).startsWith("..");
  return {
    project: from(cwd, full),
    inRepository: from(root, full),
    repository: from(cwd, root),
    workflow:
      from(root, full)
        .replaceAll("/", "-")
        .replace(/^[.-]+/, "") || "load-test",
    packageDir: lasts ? from(full, packageDir) : undefined,
  };
}

/** The nearest folder above that is a git repository. */
function repositoryOf(path: string): string | undefined {
  if (existsSync(join(path, ".git"))) return path;
  const above = dirname(path);
  return above === path ? undefined : repositoryOf(above);
}
