/// <reference path="../../extension/index.d.ts" preserve="true" />
/** What scripts do inside k6: `import … from "k6-realtime/k6"`; from "k6-realtime/engine/k6" on the engine's sockets. */
export { arrivalOf, type SocketEvent } from "../k6/arrival.ts";
export { CLIENT_METRICS, Client, type Traffic } from "../k6/client.ts";
export { callAt, every, now, sleep, sleepUntil, unixOffset } from "../k6/clock.ts";
export {
  CONNECTION_METRICS,
  Connection,
  type ConnectionOptions,
  type Outcome,
  type Probing,
} from "../k6/connection.ts";
export {
  FAN_OUT_METRICS,
  FanOut,
  type FanOutOptions,
  type FanOutPublication,
  type Publishing,
  type Subscriber,
} from "../k6/fan-out.ts";
export { MeasuredSocket, type MeasuredSocketOptions, SOCKET_METRICS } from "../k6/measured-socket.ts";
export { PROBE_METRICS } from "../k6/probes.ts";
export { publishWhenDue, randomMark } from "../k6/publish.ts";
export { type Record, recorder } from "../k6/recorder.ts";
export { ROUND_TRIP_METRICS, type RoundTripOptions, RoundTrips, type Schedule } from "../k6/round-trips.ts";
export { type ScriptSpec, script } from "../k6/script.ts";
export { counter, gauge, type MetricName, type MetricSpec, rate, trend } from "../metrics.ts";
export type { Duration, Ms } from "../units.ts";
