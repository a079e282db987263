/** What each scenario is and which settings it reads, told by the scenario itself. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./files.mjs";

/** The module to which all scenarios hand their description. */
const MAKER = "lib/k6/scenario.ts";

/** k6's modules do not exist here: whatever is asked of them is a function that gives the same. */
const NOTHING =
  'const nothing = new Proxy(() => {}, { get: (_, name) => name === "__esModule" || nothing, apply: () => nothing });';

/**
 * A plugin by which scenarios say what they are instead of becoming scripts for k6.
 *
 * @type {import("esbuild").Plugin}
 */
const describing = {
  name: "describing",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^k6($|\/)/ }, ({ path }) => ({ path, namespace: "nothing" }));
    onLoad({ filter: /.*/, namespace: "nothing" }, () => ({
      contents: "module.exports = nothing;",
      loader: "js",
    }));
    onLoad({ filter: /[\\/]lib[\\/]k6[\\/]scenario\.ts$/ }, ({ path }) => {
      const source = readFileSync(path, "utf8");
      const own = "export function scenario<";
      if (!source.includes(own)) throw new Error(`${MAKER}: expected ${own}`);
      const contents = `${source.replace(own, "function made<")}
export const scenario = (spec: unknown) => ({ options: { spec, common: COMMON } });`;
      return { contents, loader: "ts" };
    });
  },
};

/**
 * @param {readonly string[]} files their sources
 * @returns {Promise<string>} dist/scenarios.json
 */
export async function describeScenarios(files) {
  const { build } = await import("esbuild");
  mkdirSync(join(root, ".cache"), { recursive: true });
  const own = mkdtempSync(join(root, ".cache/scenarios-"));
  const describe = async (/** @type {string} */ file) => {
    const outfile = join(own, `${basename(file, ".ts")}.mjs`);
    await build({
      entryPoints: [file],
      absWorkingDir: root,
      bundle: true,
      outfile,
      format: "esm",
      platform: "node",
      logLevel: "silent",
      banner: { js: NOTHING },
      define: { "globalThis.require": "nothing" }, // lib/k6/realtime.ts asks for the extension by it
      plugins: [describing],
    });
    const { options } = await import(pathToFileURL(outfile).href);
    const { name, settings, defaults = {}, profile = null } = options.spec;
    return {
      name,
      does: purposeOf(readFileSync(join(root, file), "utf8")),
      profile,
      defaults,
      settings: [...new Set(settings)],
      common: options.common,
    };
  };
  try {
    return `${JSON.stringify(await Promise.all(files.map(describe)), null, 2)}\n`;
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

/**
 * The comment at the head of a scenario, without its command line.
 *
 * @param {string} source
 */
function purposeOf(source) {
  const [head = ""] = /^(\/\/.*\n)+/.exec(source) ?? [];
  return head
    .replace(/^\/\/ ?/gm, "")
    .replace(/\s+(bin\/)?k6 run .*$/s, "")
    .replace(/\s+/g, " ")
    .trim();
}
