import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

/** What a test sets of k6. */
export interface StubbedK6 {
  /** Milliseconds since the test began. */
  now: number;
}

/** Imports a module of lib/k6 with stubs of k6's own modules, each of which has a default export alone. */
export async function onStubs<Module>(path: string): Promise<{ k6: StubbedK6; module: Module }> {
  const k6: StubbedK6 = { now: 0 };
  const instance = {
    get currentTestRunDuration() {
      return k6.now;
    },
  };
  const stubs = `stubs of ${path}`;
  Object.assign(globalThis, {
    [stubs]: { "k6/execution": { vu: { idInTest: 1 }, instance }, "k6/http": {} },
  });
  const folder = await mkdtemp(join(tmpdir(), "on-stubs-"));
  const outfile = join(folder, "module.mjs");
  try {
    await build({
      entryPoints: [new URL(`../../lib/k6/${path}`, import.meta.url).pathname],
      bundle: true,
      outfile,
      format: "esm",
      logLevel: "silent",
      plugins: [
        {
          name: "stubs",
          setup({ onResolve, onLoad }) {
            onResolve({ filter: /^k6(\/|$)/ }, (found) => ({ path: found.path, namespace: "stub" }));
            onLoad({ filter: /.*/, namespace: "stub" }, (found) => ({
              contents: `export default globalThis[${JSON.stringify(stubs)}][${JSON.stringify(found.path)}];`,
            }));
          },
        },
      ],
    });
    return { k6, module: await import(pathToFileURL(outfile).href) };
  } finally {
    await rm(folder, { recursive: true });
  }
}
