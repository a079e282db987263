/**
 * `node tools/influxd.mjs 1` (or 2) says whether there is a server of that version.
 *
 * The real servers that tests of InfluxDB run: version 1 from a package (Debian's is called influxdb), version 2
 * built from its Go module, as tools/influxd/go.mod pins it.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { filesUnder, fingerprint, isCurrent, markCurrent, root } from "./files.mjs";
import { runTool, step } from "./step.mjs";

const product = ".cache/influxd2";
const module = join(root, "tools/influxd");

/**
 * Builds .cache/influxd2.
 *
 * @param {AbortSignal} signal
 */
export async function buildInfluxd2(signal) {
  const print = fingerprint(filesUnder("tools/influxd"), `${process.platform}-${process.arch}`);
  if (isCurrent(product, print)) return console.log(`${product}: up to date`);
  await step(`Building ${product}, InfluxDB ${version()} (about 5 minutes the first time)`, async () => {
    mkdirSync(join(root, dirname(product)), { recursive: true });
    const temporary = mkdtempSync(join(root, ".cache/build-"));
    try {
      const env = {
        ...process.env,
        TMPDIR: temporary,
        // flux is written in Rust: this one builds its library, and names it to the linker.
        PKG_CONFIG: join(temporary, "pkg-config"),
        // Instead of the tool chain that flux names.
        RUSTUP_TOOLCHAIN: process.env.RUSTUP_TOOLCHAIN ?? "stable",
        RUSTC_WRAPPER: join(module, "rustc-cap-lints.sh"),
      };
      const built = join(temporary, "influxd");
      const options = { cwd: module, env, signal };
      const go = (/** @type {string[]} */ ...args) => runTool("nice", ["go", "build", ...args], options);
      await go("-o", env.PKG_CONFIG, "github.com/influxdata/pkg-config");
      await go(
        "-tags=sqlite_foreign_keys,sqlite_json",
        "-o",
        built,
        "github.com/influxdata/influxdb/v2/cmd/influxd",
      );
      renameSync(built, join(root, product));
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
    markCurrent(product, print);
  });
}

function version() {
  const goMod = readFileSync(join(module, "go.mod"), "utf8");
  return goMod.match(/github\.com\/influxdata\/influxdb\/v2 v(\S+)/)?.[1];
}

/**
 * The path of the server of a version; undefined where there is none. `INFLUXD1` and `INFLUXD2` name one, else it
 * is looked for on the PATH, and version 2 where it is built.
 *
 * @param {1 | 2} major
 * @returns {Promise<string | undefined>}
 */
export async function findInfluxd(major) {
  const named = process.env[`INFLUXD${major}`];
  const candidates = named ? [named] : ["influxd", "/usr/bin/influxd", join(root, product)];
  for (const candidate of candidates) {
    if (candidate.includes("/") && !existsSync(candidate)) continue;
    const said = await runTool(candidate, ["version"]).catch(() => "");
    // "InfluxDB v1.6.7", "InfluxDB v2.7.12"; one built from the module calls itself "dev".
    if ((/^InfluxDB v?1\./.test(said) ? 1 : /^InfluxDB /.test(said) ? 2 : undefined) === major)
      return candidate;
  }
  return undefined;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = await findInfluxd(process.argv[2] === "1" ? 1 : 2);
  console.log(`InfluxDB ${process.argv[2]}: ${found ?? "no server found"}`);
  process.exitCode = found ? 0 : 1;
}
