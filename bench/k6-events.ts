/// <reference path="../extension/index.d.ts" />
/** Reads an event stream by the engine's socket, and tells when each event came. */
import { WebSocket } from "k6/x/realtime";

export default function () {
  const at: number[] = [];
  const socket = new WebSocket(__ENV.URL!);
  socket.onmessage = (event) => {
    at.push((event as unknown as { receivedAtMs: number }).receivedAtMs);
  };
  socket.onclose = () => console.log(`times ${JSON.stringify(at)}`);
}
