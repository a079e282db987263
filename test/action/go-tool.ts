import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { buildOnce } from "../build-once.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Builds the Go tool that tools/<name> pins, and returns its path. Go's own cache makes that quick but once. */
export const goTool = (name: string): Promise<string> => buildOnce(name, () => build(name));

async function build(name: string): Promise<string> {
  const cwd = join(root, "tools", name);
  const run = promisify(execFile);
  const { stdout } = await run("go", ["list", "-f", "{{.ImportPath}}", "tool"], { cwd });
  const binary = join(root, ".cache/tools", name);
  await run("go", ["build", "-o", binary, stdout.trim()], { cwd });
  return binary;
}
