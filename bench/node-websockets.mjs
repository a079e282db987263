/** Holds WebSockets of npm's ws: URL CONNECTIONS SECONDS off|deflate. Those that deflate offer context takeover, as browsers do. */
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";

const [url, connections, seconds, compression] = process.argv.slice(2);
const perMessageDeflate = compression === "deflate";
const sockets = [];
for (let i = 0; i < Number(connections); i++) {
  const socket = new WebSocket(String(url), { perMessageDeflate });
  sockets.push(socket);
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  if (perMessageDeflate && !socket.extensions.includes("permessage-deflate"))
    throw new Error(`the server agreed on "${socket.extensions}"`);
  // A listener for each, as an application has.
  socket.on("message", () => {});
}
await sleep(Number(seconds) * 1_000);
for (const socket of sockets) socket.terminate();
