/**
 * Four endpoints to fuzz: node examples/fuzzing/server.mjs [PORT]. The chat has a fault on purpose.
 *
 *   /ws/echo                 sends each message back
 *   /ws/subscribe/CHANNEL    everybody on a channel gets what is published there
 *   /ws/private?token=…      takes the token "secret", and closes with 4001 otherwise
 *   /ws/chat                 rooms; a channel with a NUL in its name is a fault of the handler: 1011
 */
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

/** @typedef {import("ws").WebSocket} WebSocket */
/** @typedef {Map<string, Set<WebSocket>>} Groups */

/** @type {Groups} */
const channels = new Map();
/** @type {Groups} */
const rooms = new Map();

/** @type {[RegExp, (ws: WebSocket, path: string[], query: URLSearchParams) => void][]} */
const routes = [
  [/^\/ws\/echo$/, echo],
  [/^\/ws\/subscribe\/([^/]+)$/, subscribe],
  [/^\/ws\/private$/, privately],
  [/^\/ws\/chat$/, chat],
];

/** @param {WebSocket} ws */
function echo(ws) {
  ws.on("message", (data, isBinary) => ws.send(data, { binary: isBinary }));
}

/** @param {WebSocket} ws @param {string[]} path */
function subscribe(ws, [, channel = ""]) {
  const members = memberOf(channels, channel, ws);
  ws.on("message", (data, isBinary) => {
    for (const member of members) member.send(data, { binary: isBinary });
  });
}

/** @param {WebSocket} ws @param {string[]} _ @param {URLSearchParams} query */
function privately(ws, _, query) {
  if (query.get("token") !== "secret") return ws.close(4001, "who are you?");
  ws.on("message", (data) => ws.send(`you said ${String(data).length} characters`));
}

/** @param {WebSocket} ws */
function chat(ws) {
  ws.on("message", (data) => {
    const message = objectIn(String(data));
    if (message?.type === "echo" && typeof message.id === "string")
      return say(ws, { type: "echoed", id: message.id });
    if (message?.type !== "subscribe" || typeof message.channel !== "string")
      return say(ws, { type: "error" });
    // The fault: what reads the name stops at the NUL, and nobody handles that.
    if (message.channel.includes("\u0000")) return ws.close(1011, "invalid channel");
    memberOf(rooms, message.channel, ws);
    say(ws, { type: "subscribed", channel: message.channel });
  });
}

/** @param {WebSocket} ws @param {object} message */
const say = (ws, message) => ws.send(JSON.stringify(message));

/** @param {string} text */
function objectIn(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @param {Groups} groups @param {string} name @param {WebSocket} ws */
function memberOf(groups, name, ws) {
  const members = groups.get(name) ?? new Set();
  if (members.has(ws)) return members;
  groups.set(name, members.add(ws));
  ws.on("close", () => {
    members.delete(ws);
    if (members.size === 0) groups.delete(name);
  });
  return members;
}

const http = createServer();
const sockets = new WebSocketServer({ noServer: true });
http.on("upgrade", (request, socket, head) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://server");
  for (const [pattern, open] of routes) {
    const path = pattern.exec(pathname);
    if (!path) continue;
    return sockets.handleUpgrade(request, socket, head, (ws) => {
      ws.on("error", () => {}); // the close event that follows has the code
      open(ws, path, searchParams);
    });
  }
  return socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
});
http.listen(Number(process.argv[2] ?? 8080), "127.0.0.1", () => {
  const { port } = /** @type {import("node:net").AddressInfo} */ (http.address());
  console.log(`listening on ws://127.0.0.1:${port}`);
});
