/** What a script takes along of the package that it imports from. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { build } from "esbuild";
import { packageFile } from "../../cli/package-file.ts";
import { OUR_K6, STOCK_K6 } from "../k6/run.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const soak = (from: string) => `
  import { ms, soak } from "${from}";
  export const { options, setup, run, handleSummary } = soak({
    name: "desk",
    settings: [],
    load: () => ({ connections: 1, ramp: ms(0), hold: ms(10_000), rampDown: ms(0) }),
    traffic: () => ({ session: ms(60_000), probeInterval: ms(500), backoff: { base: ms(500), cap: ms(10_000) } }),
    variables: () => ({}),
    floor: { ws_replies: ["count>0"] },
  });
  export default run;`;

/** Bundles a script in a project that has the package installed. */
async function bundle(t: Parameters<typeof temporaryDirectory>[0], source: string) {
  const project = await temporaryDirectory(t);
  await mkdir(join(project, "node_modules"));
  await symlink(packageFile("."), join(project, "node_modules/k6-realtime"));
  await writeFile(join(project, "script.js"), source);
  const outfile = join(project, "dist/script.js");
  const external = ["k6", "k6/*"];
  const { metafile } = await build({
    entryPoints: [join(project, "script.js")],
    ...{ bundle: true, format: "esm", external, outfile, metafile: true, logLevel: "silent" },
  });
  const [output] = Object.values(metafile.outputs);
  return { outfile, bytes: output!.bytes, imports: output!.imports.map(({ path }) => path) };
}

test("a script that imports little is little", async (t) => {
  const { bytes, imports } = await bundle(
    t,
    `import { ms } from "k6-realtime"; export default () => console.log(ms(1));`,
  );
  assert.ok(bytes < 1_000, `${bytes} bytes`);
  assert.deepEqual(imports, []);
});

for (const [from, sockets, others, k6] of [
  ["k6-realtime", "k6/websockets", "k6/x/realtime", STOCK_K6],
  ["k6-realtime/engine", "k6/x/realtime", "k6/websockets", OUR_K6],
] as const) {
  test(`a scenario from ${from} has its sockets from ${sockets}`, async (t) => {
    const { outfile, imports } = await bundle(t, soak(from));
    assert.ok(imports.includes(sockets), imports.join(", "));
    assert.ok(!imports.includes(others), imports.join(", "));
    const { stdout } = await promisify(execFile)(k6, ["inspect", outfile]);
    assert.deepEqual(Object.keys(JSON.parse(stdout).scenarios), ["desk"]);
  });
}
