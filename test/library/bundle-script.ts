import { readdirSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { packageFile } from "../../cli/package-file.ts";

/** Bundles a script as whoever has installed the package does; on the engine's sockets where that is said. */
export async function bundleScript(path: string, outfile: string, engine = false): Promise<string> {
  const library = packageFile(engine ? "dist/x/library" : "dist/library");
  const entries = readdirSync(packageFile("lib/exports")).map((file) => file.replace(/\.ts$/, ""));
  await build({
    entryPoints: [path],
    ...{ bundle: true, format: "esm", outfile, logLevel: "silent", external: ["k6", "k6/*"] },
    alias: Object.fromEntries(
      entries.map((name) => [`k6-realtime/${name}`, join(library, `exports/${name}.js`)]),
    ),
  });
  return outfile;
}
