/** Bundles scenarios and the library for k6, and the command line and the reference server for Node.js. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { filesUnder, fingerprint, isCurrent, markCurrent, root, writeAtomically } from "./files.mjs";
import { describeScenarios } from "./scenarios.mjs";
import { step } from "./step.mjs";

/** What runs inside k6. @satisfies {import("esbuild").BuildOptions} */
export const forK6 = /** @type {const} */ ({
  format: "esm",
  // Neither browser nor Node.js: no feature of either is assumed or put in.
  platform: "neutral",
  // The fields in which npm packages name their entry: with a neutral platform esbuild has no default.
  mainFields: ["module", "main"],
  // k6's own modules, its extensions included, are resolved by k6 when it loads the script.
  external: ["k6", "k6/*"],
  // k6's JavaScript engine takes the syntax of ES2022 …
  target: "es2022",
  // … but for asynchronous iteration, of which it has none ("Unexpected token await").
  supported: { "for-await": false, "async-generator": false },
});

/**
 * The same scripts for a k6 with the extension: its sockets take the place of k6's own, of which they have the
 * interface. @satisfies {import("esbuild").BuildOptions}
 */
export const forEngine = /** @type {const} */ ({ ...forK6, alias: { "k6/websockets": "k6/x/realtime" } });

/**
 * The library, for others to bundle once more: a module for each source file, so that a script takes along only the
 * modules that it imports. @satisfies {import("esbuild").BuildOptions}
 */
const asLibrary = /** @type {const} */ ({
  splitting: true,
  // What is an entry keeps its name and place.
  outbase: "lib",
  chunkNames: "chunks/[name]-[hash]",
});

/** What lib/k6/contract.ts evaluates by itself, so that k6 does not keep it. @satisfies {import("esbuild").BuildOptions} */
const asReader = /** @type {const} */ ({ ...forK6, format: "cjs", sourcemap: false });

/** What runs in Node.js. @satisfies {import("esbuild").BuildOptions} */
const forNode = /** @type {const} */ ({
  format: "esm",
  platform: "node",
  target: "node20",
  // Dependencies come from node_modules: ws is CommonJS, and its require() does not survive bundling into ESM.
  packages: "external",
});

/** What a report's page carries in itself: no map of it could be found there. @satisfies {import("esbuild").BuildOptions} */
const forPage = /** @type {const} */ ({
  format: "iife",
  platform: "browser",
  target: "es2020",
  minify: true,
  sourcemap: false,
});

/** @satisfies {import("esbuild").BuildOptions} */
const forBoth = /** @type {const} */ ({
  bundle: true,
  // Written below, whole: a running k6 or a second build never reads half a file.
  write: false,
  // For the list of bundled files.
  metafile: true,
  // k6, and Node.js with --enable-source-maps, then name the TypeScript line in a stack trace.
  sourcemap: "linked",
  // Text outside ASCII stays readable in the scripts.
  charset: "utf8",
  // Errors are thrown, and told once by whoever called.
  logLevel: "silent",
  absWorkingDir: root,
});

/** CODEC_NAMES of lib/protocols/codecs/codec.ts, to which a test holds them. */
export const CODECS = ["msgpack", "cbor", "protobuf", "mqtt"];

/** The folders of all bundled sources, beside node_modules. */
const SOURCES = ["lib", "scenarios", "thresholds", "server", "cli", "playwright", "tools"];

/** Bundles dist/. */
export async function buildBundles() {
  const print = fingerprint([...SOURCES, "package-lock.json"].flatMap(filesUnder));
  if (isCurrent("dist", print)) return console.log("dist: up to date");
  await step("Bundling scenarios, library, command line and server into dist", async () => {
    const { build } = await import("esbuild");
    const scenarios = filesUnder("scenarios").filter((file) => file.endsWith(".ts"));
    const modules = filesUnder("lib").filter((file) => file.endsWith(".ts"));
    // One script for each codec, which a scenario loads where a descriptor names it.
    const codecs = Object.fromEntries(CODECS.map((name) => [name, `lib/protocols/codecs/${name}.ts`]));
    const programs = {
      cli: "cli/bin.ts",
      action: "cli/action/bin.ts",
      server: "server/bin.ts",
      node: "cli/node.ts",
      playwright: "playwright/index.ts",
    };
    const stock = await build({ ...forBoth, ...forK6, entryPoints: scenarios, outdir: "dist" });
    // lib/k6/realtime.ts asks for the extension: what has it is on the engine already.
    const onStockK6 = Object.values(stock.metafile.outputs).flatMap(({ entryPoint, inputs }) =>
      entryPoint && inputs["lib/k6/socket.ts"] && !inputs["lib/k6/realtime.ts"] ? [entryPoint] : [],
    );
    const results = await Promise.all([
      stock,
      build({ ...forBoth, ...forEngine, entryPoints: onStockK6, outdir: "dist/x" }),
      ...["dist", "dist/x"].map((folder) =>
        build({ ...forBoth, ...forK6, entryPoints: codecs, outdir: `${folder}/codecs` }),
      ),
      // Likewise, where there is a contract. The engine has a checker of its own.
      build({
        ...forBoth,
        ...forK6,
        entryPoints: { "contract-checker": "lib/contract/checker.ts" },
        outdir: "dist",
      }),
      ...["dist", "dist/x"].map((folder) =>
        build({
          ...forBoth,
          ...asReader,
          entryPoints: { contract: "lib/contract/read.ts" },
          outdir: folder,
        }),
      ),
      build({ ...forBoth, ...forK6, ...asLibrary, entryPoints: modules, outdir: "dist/library" }),
      build({ ...forBoth, ...forEngine, ...asLibrary, entryPoints: modules, outdir: "dist/x/library" }),
      build({
        ...forBoth,
        ...forK6,
        entryPoints: { "protocol-host": "lib/k6/protocol-host.ts" },
        outdir: "dist",
      }),
      build({ ...forBoth, ...forNode, entryPoints: programs, outdir: "dist" }),
      build({
        ...forBoth,
        ...forPage,
        entryPoints: { "report-page": "cli/report/page/main.ts" },
        outdir: "dist",
      }),
    ]);
    for (const input of results.flatMap(({ metafile }) => Object.keys(metafile.inputs))) {
      const [folder = ""] = input.split("/");
      if (![...SOURCES, "node_modules"].includes(folder))
        throw new Error(`${input}: its folder is not in SOURCES`);
    }
    const outputs = results.flatMap((result) => result.outputFiles);
    writeAtomically(join(root, "dist/scenarios.json"), await describeScenarios(scenarios));
    // The link that npx made to a command stays, and points to what a later build wrote.
    for (const { path, contents, text } of outputs)
      writeAtomically(path, contents, text.startsWith("#!") ? 0o755 : 0o644);
    const made = new Set(outputs.map(({ path }) => path));
    for (const name of filesUnder("dist")) {
      const file = join(root, name);
      if (/\.js(\.map)?$/.test(file) && !made.has(file)) rmSync(file);
    }
    markCurrent("dist", print);
  });
}
