/** Builds k6 by xk6, which is a tool of the extension's Go module. */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { filesUnder, fingerprint, isCurrent, markCurrent, root } from "./files.mjs";
import { OLDEST_GO_MINOR } from "./oldest.mjs";
import { runTool, StepError, step } from "./step.mjs";

/** There is no Go here that can build k6. */
export class GoMissing extends StepError {}

/**
 * Builds bin/k6: k6 with the extension.
 *
 * @param {AbortSignal} signal
 */
export async function buildK6(signal) {
  await buildWithXk6(
    "bin/k6",
    "k6 with the extension",
    ["--with", "xk6-realtime=."],
    fingerprintOfK6(),
    signal,
  );
}

/** What bin/k6 would be built from now: the same for the same binary. */
export function fingerprintOfK6() {
  const sources = filesUnder("extension").filter((file) => !/_test\.go$|\btestdata\b/.test(file));
  return fingerprint(sources, k6Version(), platform);
}

/**
 * Builds .cache/k6-stock: k6 as it is.
 *
 * @param {AbortSignal} signal
 */
export async function buildStockK6(signal) {
  await buildWithXk6(".cache/k6-stock", "k6 as it is", [], fingerprint([], k6Version(), platform), signal);
}

const platform = `${process.platform}-${process.arch}`;

/**
 * The k6 to build: the one that everything is tested with, which the extension's own requirement names, unless
 * K6_BUILD_VERSION asks for another (which the extension's requirement is the oldest of).
 */
function k6Version() {
  const asked = process.env.K6_BUILD_VERSION;
  if (asked) {
    if (/^v\d+\.\d+\.\d+$/.test(asked)) return asked;
    throw new StepError(
      `K6_BUILD_VERSION: expected a version such as v2.2.0, got ${JSON.stringify(asked)}`,
      2,
    );
  }
  const goMod = readFileSync(join(root, "extension/go.mod"), "utf8");
  const version = goMod.match(/^\s*(?:require )?go\.k6\.io\/k6\/v2 (v\S+)$/m)?.[1];
  if (!version) throw new Error("extension/go.mod: expected a requirement of go.k6.io/k6/v2");
  return version;
}

/**
 * @param {string} product
 * @param {string} what
 * @param {readonly string[]} args
 * @param {string} print
 * @param {AbortSignal} signal
 */
async function buildWithXk6(product, what, args, print, signal) {
  if (isCurrent(product, print)) return console.log(`${product}: up to date`);
  await requireGo(product);
  const version = k6Version();
  await step(`Building ${product}, ${what}, ${version} (about 3 minutes the first time)`, async () => {
    const cache = join(root, ".cache");
    mkdirSync(cache, { recursive: true });
    // xk6 and Go leave their temporary folders behind when they are ended: here they are ours to remove.
    const temporary = mkdtempSync(join(cache, "build-"));
    try {
      const built = join(temporary, "k6");
      // Without --verbose, xk6 keeps the compiler's messages to itself.
      await runTool("go", ["tool", "xk6", "build", version, ...args, "--output", built, "--verbose"], {
        cwd: join(root, "extension"),
        env: { ...process.env, TMPDIR: temporary },
        signal,
      });
      const target = join(root, product);
      mkdirSync(dirname(target), { recursive: true });
      renameSync(built, target);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
    markCurrent(product, print);
  });
}

/** @param {string} product */
async function requireGo(product) {
  const version = await runTool("go", ["env", "GOVERSION"]).catch(() => undefined);
  const minor = version === undefined ? 0 : Number(version.match(/^go1\.(\d+)/)?.[1] ?? OLDEST_GO_MINOR);
  if (minor >= OLDEST_GO_MINOR) return;
  const found = version === undefined ? "Go is not installed" : `Go is too old (${version.trim()})`;
  throw new GoMissing(`${product} is not built: ${found}, go1.${OLDEST_GO_MINOR} or newer is needed`);
}
