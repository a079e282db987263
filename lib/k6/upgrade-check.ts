import { fail } from "k6";
import ws from "k6/ws";
import type { Identity } from "../identity.ts";
import { connectReason } from "../reasons.ts";
import { redactUrlOf } from "../url.ts";
import type { Record } from "./recorder.ts";

/**
 * Ends the run unless the server takes a WebSocket upgrade, naming what it did instead. With `k6/ws`,
 * because `k6/websockets` hides the status of a refusal. A server that accepts the TCP connection and
 * never answers is bounded by the scenario's `setupTimeout`.
 */
export function requireUpgrade(identity: Identity, record: Record): void {
  const { url, headers, subprotocols } = identity;
  const asked = subprotocols.length > 0 ? { "Sec-WebSocket-Protocol": subprotocols.join(", ") } : {};
  const response = ws.connect(url, { headers: { ...headers, ...asked } }, (socket) => socket.close());
  if (response.status === 101) return;
  const answer = response.status ? `HTTP ${response.status}` : response.error;
  const reason = connectReason(response.status ? `http_${response.status}` : String(response.error));
  record("ws_connect_failures", 1, { reason });
  fail(`expected ${redactUrlOf(identity)} to accept a WebSocket upgrade (101), got ${answer}`);
}
