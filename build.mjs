/**
 * Builds one of the project's products, unless it is up to date:
 *
 *   node build.mjs            dist: scenarios as plain k6 scripts, the command line, the reference server
 *   node build.mjs k6         bin/k6: k6 with the extension
 *   node build.mjs k6-stock   .cache/k6-stock: the same k6 as it is, to test against
 *   node build.mjs influxd    .cache/influxd2: the server of InfluxDB 2, to test against (needs Rust too)
 */
import { buildBundles } from "./tools/bundles.mjs";
import { buildInfluxd2 } from "./tools/influxd.mjs";
import { buildK6, buildStockK6 } from "./tools/k6.mjs";
import { orExit, StepError } from "./tools/step.mjs";

const builds = new Map([
  ["dist", buildBundles],
  ["k6", buildK6],
  ["k6-stock", buildStockK6],
  ["influxd", buildInfluxd2],
]);

await orExit(async (signal) => {
  const name = process.argv[2] ?? "dist";
  const build = builds.get(name);
  if (!build)
    throw new StepError(`unknown product "${name}": expected one of ${[...builds.keys()].join(", ")}`, 2);
  await build(signal);
});
