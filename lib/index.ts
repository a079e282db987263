/// <reference path="../extension/index.d.ts" preserve="true" />
/**
 * What load tests of one's own are made of, in scripts for k6: `import { soak } from "k6-realtime"`. docs/tutorial.md
 * makes one.
 */
export { type Arrivals, type ConnectSpec, connect } from "./k6/connect.ts";
export type { ScenarioSpec } from "./k6/scenario.ts";
export { type SoakSpec, type SoakTraffic, soak } from "./k6/soak.ts";
export type { Load } from "./load.ts";
export type { MetricName } from "./metrics.ts";
export { type Backoff, backoffOf } from "./pacing.ts";
export type { ProfileName } from "./profile.ts";
export type { SettingName, Settings } from "./settings.ts";
export { type Ms, ms } from "./units.ts";
