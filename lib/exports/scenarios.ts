/// <reference path="../../extension/index.d.ts" preserve="true" />
/** The builders of all scenarios: `import … from "k6-realtime/scenarios"`; from "k6-realtime/engine/scenarios" on the engine's sockets. */
export { type BackpressureSpec, backpressure, type Trial } from "../k6/backpressure.ts";
export { type Arrivals, type ConnectSpec, connect } from "../k6/connect.ts";
export { type Boundary, type HandshakeSpec, handshake } from "../k6/handshake.ts";
export { type IdleSpec, idle, type Silence } from "../k6/idle.ts";
export { type OrderingSpec, ordering, type Talk } from "../k6/ordering.ts";
export { type ReconnectSpec, type Rooms, reconnect } from "../k6/reconnect.ts";
export type { Floor, ScenarioSpec } from "../k6/scenario-spec.ts";
export { type SoakSpec, type SoakTraffic, soak, type User } from "../k6/soak.ts";
export { type SwarmSpec, swarm } from "../k6/swarm.ts";
export { type ExpiringToken, type TokenExpirySpec, tokenExpiry } from "../k6/token-expiry.ts";
export type { Load } from "../load.ts";
export { counter, gauge, type MetricName, type MetricSpec, rate, trend } from "../metrics.ts";
export { type Backoff, backoffOf } from "../pacing.ts";
export type { ProfileName } from "../profile.ts";
export { choice, count, duration, rate as perSecond, type Setting } from "../setting.ts";
export { type SettingName, type Settings, SettingsError } from "../settings.ts";
export { type Duration, type Ms, ms } from "../units.ts";
