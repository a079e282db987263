/** Makes a fresh clone ready to run: npm dependencies, bundles, k6. Each only when it is missing or stale. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { buildBundles } from "./bundles.mjs";
import { root } from "./files.mjs";
import { buildK6, buildStockK6, GoMissing } from "./k6.mjs";
import { withLock } from "./lock.mjs";
import { OLDEST_NODE } from "./oldest.mjs";
import { runTool, StepError, step } from "./step.mjs";

/**
 * Sets up dependencies and bundles, and the requested builds of k6.
 *
 * @param {"no k6" | "k6" | "k6 and stock k6"} k6 `k6` is left to the user without Go; both together need it.
 * @param {AbortSignal} signal
 */
export async function setUp(k6, signal) {
  if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
    throw new StepError(`Node.js ${OLDEST_NODE} or newer is needed, this is ${process.version}`);
  }
  const onWait = () => console.log("Another setup is running in this folder: waiting for it …");
  await withLock(join(root, ".cache/setup.lock"), { onWait, signal }, async () => {
    await installDependencies(signal);
    await buildBundles();
    if (k6 === "k6") await buildK6(signal).catch(sayIfGoIsMissing);
    if (k6 === "k6 and stock k6") {
      await buildK6(signal);
      await buildStockK6(signal);
    }
  });
}

/** @param {unknown} error */
function sayIfGoIsMissing(error) {
  if (!(error instanceof GoMissing)) throw error;
  console.log(error.message);
}

/** @param {AbortSignal} signal */
async function installDependencies(signal) {
  if (dependenciesAreCurrent()) return console.log("npm dependencies: up to date");
  // The build tools are development dependencies, which NODE_ENV=production would leave out.
  await step("Installing npm dependencies", async () => {
    const printed = await runTool("npm", ["ci", "--include=dev"], { signal });
    // npm itself calls files that it could not write a warning, and exits with 0.
    if (/\b(ENOSPC|EDQUOT)\b/.test(printed)) {
      rmSync(join(root, installedList), { force: true });
      throw new StepError(`npm ci: no space left on the disk of ${root}`);
    }
  });
}

/** What npm lists there as installed, when it is done. */
const installedList = "node_modules/.package-lock.json";

/** Whether node_modules holds what package-lock.json names. */
function dependenciesAreCurrent() {
  const wanted = readLock("package-lock.json");
  const installed = readLock(installedList);
  return Object.entries(wanted).every(
    // Optional ones are mostly binaries for other platforms.
    ([path, { version, optional }]) => path === "" || optional || installed[path]?.version === version,
  );
}

/**
 * @param {string} path
 * @returns {Record<string, { version: string, optional?: boolean }>}
 */
function readLock(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), "utf8")).packages;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === "ENOENT") return {};
    throw error;
  }
}
