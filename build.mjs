/**
 * Builds the project's products, each only when its sources changed:
 *
 *   node build.mjs            dist/: scenarios as plain k6 scripts, the command line, the reference server
 *   node build.mjs k6         bin/k6: k6 with the extension
 *   node build.mjs k6-stock   .cache/k6-stock: the same k6 as it is, to test against
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  filesUnder,
  fingerprint,
  isCurrent,
  markCurrent,
  orExit,
  root,
  runTool,
  StepError,
  step,
  writeAtomically,
} from "./tools/step.mjs";

/** The k6 that everything is built and tested with: the extension's own requirement decides. */
export const K6_VERSION = readFileSync(join(root, "extension/go.mod"), "utf8").match(
  /^require go\.k6\.io\/k6\/v2 (v\S+)$/m,
)[1];

/** What runs inside k6. */
const forK6 = {
  format: "esm",
  // Neither browser nor Node.js: nothing of either is assumed or put in.
  platform: "neutral",
  // With a neutral platform esbuild looks at no package.json entry by itself; these are what npm packages use.
  mainFields: ["module", "main"],
  // k6's own modules, its JavaScript extensions included, are resolved by k6 when the script is loaded.
  external: ["k6", "k6/*"],
  // k6's JavaScript engine takes the syntax of ES2022 …
  target: "es2022",
  // … but for asynchronous iteration, of which it has none ("Unexpected token await").
  supported: { "for-await": false, "async-generator": false },
};

/** What runs in Node.js. */
const forNode = {
  format: "esm",
  platform: "node",
  target: "node20",
  // Dependencies come from node_modules: bundling CommonJS ones (ws) into ESM breaks their require().
  packages: "external",
};

const inBoth = {
  bundle: true,
  // Contents are renamed into place below, so that a running k6 or a second build never reads half a file.
  write: false,
  // k6 and Node.js (--enable-source-maps) then name the TypeScript line in a stack trace.
  sourcemap: "linked",
  // Text outside ASCII stays readable in the scripts.
  charset: "utf8",
  // Errors are thrown, and shown once by whoever called.
  logLevel: "silent",
  absWorkingDir: root,
};

/** Bundles dist/. */
export async function buildBundles() {
  const scenarios = filesUnder("scenarios").filter((file) => file.endsWith(".ts"));
  const sources = ["lib", "scenarios", "server", "cli", "build.mjs", "package-lock.json"].flatMap(filesUnder);
  const print = fingerprint(sources);
  if (isCurrent("dist", print)) return console.log("Bundles in dist/: up to date");
  await step("Bundling scenarios, command line and server into dist/", async () => {
    const { build } = await import("esbuild");
    const programs = Object.fromEntries(
      ["cli", "server"]
        .filter((name) => existsSync(join(root, name, "bin.ts")))
        .map((name) => [name, `${name}/bin.ts`]),
    );
    const results = await Promise.all([
      build({ ...inBoth, ...forK6, entryPoints: scenarios, outdir: "dist" }),
      build({ ...inBoth, ...forNode, entryPoints: programs, outdir: "dist" }),
    ]);
    const outputs = results.flatMap((result) => result.outputFiles);
    for (const { path, contents } of outputs) writeAtomically(path, contents);
    const made = new Set(outputs.map(({ path }) => basename(path)));
    for (const file of readdirSync(join(root, "dist"))) {
      if (/\.js(\.map)?$/.test(file) && !made.has(file)) rmSync(join(root, "dist", file));
    }
    markCurrent("dist", print);
  });
}

/** Builds bin/k6: k6 with the extension. */
export async function buildK6(signal) {
  const sources = filesUnder("extension").filter((file) => !/_test\.go$|\btestdata\b/.test(file));
  await buildWithXk6(
    "bin/k6",
    ["--with", "xk6-realtime=."],
    fingerprint(sources, K6_VERSION, platform),
    signal,
  );
}

/** Builds .cache/k6-stock: k6 as it is. */
export async function buildStockK6(signal) {
  await buildWithXk6(".cache/k6-stock", [], fingerprint([], K6_VERSION, platform), signal);
}

const platform = `${process.platform}-${process.arch}`;

async function buildWithXk6(product, args, print, signal) {
  if (isCurrent(product, print)) return console.log(`${product}: up to date`);
  const what = args.length ? `k6 ${K6_VERSION} with the extension` : `k6 ${K6_VERSION} as it is`;
  await step(`Building ${product}: ${what} (about 3 minutes the first time)`, async () => {
    const cache = join(root, ".cache");
    mkdirSync(cache, { recursive: true });
    // xk6 and Go leave their temporary folders behind when they are ended: here they are ours to remove.
    const temporary = mkdtempSync(join(cache, "build-"));
    try {
      const built = join(temporary, "k6");
      await runTool("go", ["tool", "xk6", "build", K6_VERSION, ...args, "--output", built], {
        cwd: join(root, "extension"),
        env: { ...process.env, TMPDIR: temporary },
        signal,
      });
      const target = join(root, product);
      mkdirSync(join(target, ".."), { recursive: true });
      renameSync(built, target);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
    markCurrent(product, print);
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const builds = { bundles: buildBundles, k6: buildK6, "k6-stock": buildStockK6 };
  const name = process.argv[2] ?? "bundles";
  await orExit(async (signal) => {
    if (!Object.hasOwn(builds, name)) {
      throw new StepError(`unknown product "${name}": expected one of ${Object.keys(builds).join(", ")}`, 2);
    }
    await builds[name](signal);
  });
}
