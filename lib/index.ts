/// <reference path="../extension/index.d.ts" preserve="true" />
/**
 * The parts of your own load tests, in scripts for k6: `import { soak } from "k6-realtime"`. docs/learn/tutorial.md
 * makes one. The other entry points of the package are in lib/exports/, one file each.
 */
export * from "./exports/scenarios.ts";
