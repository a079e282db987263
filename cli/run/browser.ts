/** The browser of scenarios that open pages: k6 takes the one that its variables name. */
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { EXIT, UserError } from "../command.ts";
import { readScenarios } from "./scenarios.ts";

/** What Chromium is called where it is installed. */
export const CHROMIUM_NAMES = [
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
] as const;

/**
 * What k6 needs in its environment so that the scenario has its browser: nothing where it opens no page.
 *
 * @throws {@link UserError} saying what to install
 */
export async function browserEnv(
  scenario: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<Record<string, string>> {
  const known = (await readScenarios()).find(({ name }) => name === scenario);
  if (!known?.settings.includes("BROWSERS") || env.K6_BROWSER_WS_URL) return {};
  // Chromium starts no sandbox for root.
  const asRoot: Record<string, string> =
    process.getuid?.() === 0 && env.K6_BROWSER_ARGS === undefined ? { K6_BROWSER_ARGS: "no-sandbox" } : {};
  const given = env.K6_BROWSER_EXECUTABLE_PATH;
  if (given && !(await isExecutable(given))) {
    throw new UserError(
      `K6_BROWSER_EXECUTABLE_PATH: expected the executable of a Chromium, got ${JSON.stringify(given)}`,
    );
  }
  const path = given || (await onPath(env.PATH ?? ""));
  if (path === undefined) {
    throw new UserError(
      `${scenario} opens pages in Chromium, but the PATH has none of ${CHROMIUM_NAMES.join(", ")}. Install one (Debian and Ubuntu: apt-get install chromium; macOS: brew install --cask chromium), or name it in K6_BROWSER_EXECUTABLE_PATH`,
      EXIT.error,
    );
  }
  return { ...asRoot, K6_BROWSER_EXECUTABLE_PATH: path };
}

async function onPath(path: string): Promise<string | undefined> {
  const files = CHROMIUM_NAMES.flatMap((name) =>
    path.split(delimiter).flatMap((folder) => (folder === "" ? [] : [join(folder, name)])),
  );
  for (const file of files) if (await isExecutable(file)) return file;
  return undefined;
}

const isExecutable = (file: string): Promise<boolean> =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
