/** Makes a fresh clone ready to run: npm dependencies, bundles, k6. Each only when missing or stale. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { withLock } from "./lock.mjs";
import { root, runTool, StepError, step } from "./step.mjs";

/** Older versions cannot fetch the tool chain that extension/go.mod names. */
const OLDEST_GO_MINOR = 21;
const OLDEST_NODE = 20;

/**
 * Sets up what `needs` lists of "k6" (bin/k6, skipped without Go) and "k6-stock" (which needs Go), after the
 * dependencies and bundles that everything needs.
 */
export async function setUp(needs, signal) {
  if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
    throw new StepError(`Node.js ${OLDEST_NODE} or newer is needed; this is ${process.version}`);
  }
  const onWait = () => console.log("Another set-up is at work in this folder: waiting for it …");
  await withLock(join(root, ".cache/setup.lock"), { onWait, signal }, async () => {
    await installDependencies(signal);
    const { buildBundles, buildK6, buildStockK6 } = await import("../build.mjs");
    await buildBundles();
    if (needs.includes("k6")) {
      const missing = await whyNoGo();
      if (missing && needs.includes("k6-stock"))
        throw new StepError(`${missing}: the tests build k6 with it`);
      if (missing) console.log(`${missing}: bin/k6 is not built, a k6 on the PATH will do`);
      else await buildK6(signal);
    }
    if (needs.includes("k6-stock")) await buildStockK6(signal);
  });
}

async function installDependencies(signal) {
  if (dependenciesAreCurrent()) return console.log("npm dependencies: up to date");
  // The build tools are development dependencies, which NODE_ENV=production would leave out.
  await step("Installing npm dependencies", () => runTool("npm", ["ci", "--include=dev"], { signal }));
}

/** Whether node_modules holds what package-lock.json names, by the list that npm leaves there when it is done. */
function dependenciesAreCurrent() {
  const wanted = readLock("package-lock.json");
  const installed = readLock("node_modules/.package-lock.json");
  return Object.entries(wanted).every(
    // Optional ones are mostly binaries for other platforms.
    ([path, { version, optional }]) => path === "" || optional || installed[path]?.version === version,
  );
}

function readLock(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), "utf8")).packages;
  } catch (error) {
    if (error.code === "ENOENT" && path.startsWith("node_modules")) return {};
    throw error;
  }
}

/** Why the Go that is here (or is not) cannot build k6; undefined when it can. */
async function whyNoGo() {
  const version = await runTool("go", ["env", "GOVERSION"]).catch(() => undefined);
  if (version === undefined) return "Go is not installed";
  const minor = Number(version.match(/^go1\.(\d+)/)?.[1] ?? OLDEST_GO_MINOR);
  return minor < OLDEST_GO_MINOR ? `${version.trim()} is older than go1.${OLDEST_GO_MINOR}` : undefined;
}
