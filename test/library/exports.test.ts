/** Every entry point of the packed package: what one import takes along, what it needs to run, and its types. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { build } from "esbuild";
import { packageFile } from "../../cli/package-file.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { pack } from "./pack.ts";

const run = promisify(execFile);

/** An import of each entry point, and how many bytes a minified bundle of it has at most. */
const IMPORTS = [
  { from: "k6-realtime", name: "ms", most: 200 },
  { from: "k6-realtime/pacing", name: "parseDuration", most: 1_000 },
  { from: "k6-realtime/pacing", name: "Grid", most: 1_500 },
  { from: "k6-realtime/order", name: "Sequence", most: 1_500 },
  { from: "k6-realtime/protocols", name: "chat", most: 3_000 },
  { from: "k6-realtime/protocols", name: "compile", most: 42_000 },
  { from: "k6-realtime/codecs", name: "mqtt", most: 15_000 },
  { from: "k6-realtime/identity", name: "identities", most: 40_000 },
  { from: "k6-realtime/summary", name: "parseLimit", most: 1_000 },
  { from: "k6-realtime/summary", name: "summarize", most: 60_000 },
  { from: "k6-realtime/k6", name: "now", most: 2_500 },
  { from: "k6-realtime/k6", name: "Connection", most: 45_000 },
  { from: "k6-realtime/engine/k6", name: "Connection", most: 45_000 },
  // A scenario takes any descriptor, hence all codecs.
  { from: "k6-realtime/scenarios", name: "soak", most: 300_000 },
  { from: "k6-realtime/engine/scenarios", name: "soak", most: 300_000 },
] as const;

test("the packed package", async (t) => {
  const project = await withPackage(t);

  for (const { from, name, most } of IMPORTS) {
    await t.test(`${name} from ${from} takes at most ${most} bytes, and no Node.js`, async () => {
      const { bytes, imports } = await bundle(
        project,
        `import { ${name} } from "${from}"; console.log(${name});`,
      );
      assert.ok(bytes <= most, `${bytes} bytes`);
      assert.deepEqual(imports.filter(isBuiltin), []);
      assert.ok(
        imports.every((path) => /^k6($|\/)/.test(path)),
        imports.join(", "),
      );
    });
  }

  await t.test("has what its Go sources embed, without which it builds no k6", async () => {
    const extension = join(project, "package/extension");
    const sources = (await readdir(extension, { recursive: true })).filter((file) => file.endsWith(".go"));
    const embedded = await Promise.all(
      sources.map(async (file) => {
        const text = await readFile(join(extension, file), "utf8");
        return [...text.matchAll(/^\/\/go:embed (\S+)$/gm)].map(([, name = ""]) => join(dirname(file), name));
      }),
    );
    assert.ok(embedded.flat().length > 0);
    for (const path of embedded.flat()) await readFile(join(extension, path));
  });

  await t.test(
    "has no entry point but those above, and /node and /playwright, which need Node.js",
    async () => {
      const { exports } = JSON.parse(await readFile(join(project, "package/package.json"), "utf8"));
      const entries = Object.keys(exports).filter((path) => !/\*|json$/.test(path));
      const known = IMPORTS.map(({ from }) => from.replace("k6-realtime", "."));
      assert.deepEqual(
        entries.filter((entry) => !known.includes(entry)),
        ["./engine", "./node", "./playwright"],
      );
      const { imports } = await bundle(
        project,
        `import { startServer } from "k6-realtime/node"; startServer();`,
      );
      assert.ok(imports.some(isBuiltin));
    },
  );

  await t.test("has a server with faults for Node.js", async () => {
    const script = `
      import { startServer } from "k6-realtime/node";
      const server = await startServer({ faults: { loseReplies: { every: 2 } } });
      console.log(server.faults.settings.loseReplies.every, server.url);
      await server.close();`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], { cwd: project });
    assert.match(stdout, /^2 ws:\/\/127\.0\.0\.1:\d+\n$/);
  });

  await t.test("has what tests of pages need, beside Playwright", async () => {
    const script = `
      import { chat, expect, frames } from "k6-realtime/playwright";
      console.log(chat.name, typeof expect.extend, typeof frames);`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], { cwd: project });
    assert.equal(stdout, "chat function function\n");
  });

  await t.test("has the types of all of them", async () => {
    const entries = [
      ...new Set([...IMPORTS.map(({ from }) => from), "k6-realtime/engine", "k6-realtime/node"]),
    ];
    const lines = entries.map((from, i) => `export * as entry${i} from "${from}";`);
    const uses = `
      import { ms } from "k6-realtime/pacing";
      import { Sequence } from "k6-realtime/order";
      export const arrival: "in-order" | "reordered" | "duplicated" = new Sequence().arrive(1);
      // @ts-expect-error: milliseconds are no text
      ms("1s");`;
    await writeFile(join(project, "all.ts"), [...lines, uses].join("\n"));
    const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022"];
    const types = ["--typeRoots", join(project, "package/node_modules/@types"), "--types", "k6,node"];
    // Playwright's own types take those of a browser.
    await writeFile(join(project, "pages.ts"), `export * from "k6-realtime/playwright";`);
    const tsc = packageFile("node_modules/typescript/bin/tsc");
    for (const args of [
      ["all.ts", "--lib", "es2023"],
      ["pages.ts", "--lib", "es2023,dom,dom.iterable"],
    ]) {
      await run(process.execPath, [tsc, ...options, ...types, ...args], { cwd: project }).catch((error) => {
        throw new Error(error.stdout);
      });
    }
    assert.ok((await readdir(join(project, "package/dist/types"))).includes("cli"));
  });
});

/** A directory with the packed package in its node_modules. */
async function withPackage(t: TestContext): Promise<string> {
  const project = await temporaryDirectory(t);
  await run("tar", ["xf", await pack(project)], { cwd: project });
  await mkdir(join(project, "node_modules"));
  await symlink(join(project, "package"), join(project, "node_modules/k6-realtime"));
  // Its dependencies are found as npm would have put them.
  await symlink(packageFile("node_modules"), join(project, "package/node_modules"));
  return project;
}

/** Bundles a script as whoever installed the package does. */
async function bundle(project: string, source: string) {
  const entry = join(project, "script.js");
  await writeFile(entry, source);
  const { metafile } = await build({
    entryPoints: [entry],
    ...{ bundle: true, minify: true, format: "esm", write: false, metafile: true, logLevel: "silent" },
    external: ["k6", "k6/*", "node:*"],
    // Of Node.js alone: what is external is told apart by its name.
    ...(source.includes("/node") && { platform: "node", packages: "external" }),
    ...(source.includes("/node") && { alias: { "k6-realtime/node": join(project, "package/dist/node.js") } }),
  });
  const [output] = Object.values(metafile.outputs);
  return { bytes: output!.bytes, imports: output!.imports.map(({ path }) => path) };
}
