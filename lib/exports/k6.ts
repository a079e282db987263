/// <reference path="../../extension/index.d.ts" preserve="true" />
/** What scripts do inside k6: `import … from "k6-realtime/k6"`; from "k6-realtime/engine/k6" on the engine's sockets. */
export { CLIENT_METRICS, Client, type Traffic } from "../k6/client.ts";
export { callAt, every, now, sleepUntil, unixOffset } from "../k6/clock.ts";
export {
  CONNECTION_METRICS,
  Connection,
  type ConnectionOptions,
  type Outcome,
  PROBE_METRICS,
  type Probing,
} from "../k6/connection.ts";
export { publishWhenDue, randomMark } from "../k6/publish.ts";
export { type Record, recorder } from "../k6/recorder.ts";
