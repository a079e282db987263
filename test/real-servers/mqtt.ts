import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Aedes, type Client } from "aedes";
import { createWebSocketStream, WebSocketServer } from "ws";
import { freePort } from "../free-port.ts";
import type { Cleanup } from "../k6/run.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

/** What an MQTT broker did, by its own count. */
export interface MqttCounts {
  connected: number;
  refused: number;
  /** Publications that came, by the first level of their topic. */
  readonly published: Record<string, number>;
  /** Publications of rooms that it delivered, one for each subscriber. */
  delivered: number;
  subscribed: number;
  pings: number;
  left: number;
}

/** Aedes over WebSocket. Clients whose name is in `refused` are not let in. */
export async function aedesBroker(t: Cleanup, refused: readonly string[] = []) {
  const aedes = await Aedes.createBroker();
  const http = createServer();
  const sockets = new WebSocketServer({ server: http, handleProtocols: () => "mqtt" });
  const seen: MqttCounts = {
    ...{ connected: 0, refused: 0, delivered: 0, subscribed: 0, pings: 0, left: 0 },
    published: {},
  };
  sockets.on("connection", (socket, request) => {
    const stream = createWebSocketStream(socket);
    stream.on("error", () => {}); // a client that goes while it is written to
    aedes.handle(stream, request);
  });
  aedes.authenticate = (client, _name, _password, done) => {
    const isRefused = refused.includes(client.id);
    if (isRefused) seen.refused++;
    done(null, !isRefused);
  };
  aedes.on("client", () => seen.connected++);
  aedes.on("clientDisconnect", () => seen.left++);
  aedes.on("subscribe", () => seen.subscribed++);
  aedes.on("ping", () => seen.pings++);
  aedes.on("publish", ({ topic }, client: Client | null) => {
    if (!client) return; // its own, of what it does
    const level = topic.split("/")[0]!;
    seen.published[level] = (seen.published[level] ?? 0) + 1;
  });
  aedes.authorizeForward = (_client, packet) => {
    if (packet.topic.startsWith("rooms/")) seen.delivered++;
    return packet;
  };
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets.clients) socket.terminate();
    http.close();
    aedes.close();
  });
  return { url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}`, seen };
}

/** How to start mosquitto, with files in a folder and further settings. It runs once it has said so. */
export async function mosquittoIn(folder: string, ...settings: readonly string[]) {
  const port = await freePort();
  const config = join(folder, "mosquitto.conf");
  await writeFile(
    config,
    [
      "per_listener_settings true",
      `listener 0 ${join(folder, "socket")}`, // without one that is no WebSocket it does not start
      ...[`listener ${port} 127.0.0.1`, "protocol websockets", "socket_domain ipv4", "allow_anonymous true"],
      ...["log_dest stderr", "persistence false", "max_queued_messages 0", "user root", ...settings],
    ].join("\n"),
  );
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
  const readyWhen = /mosquitto version .* running/;
  return { args: ["-c", config], env, readyWhen, url: `ws://127.0.0.1:${port}` };
}

/**
 * Mosquitto, of which its own log tells what it did, with a second listener: nobody may publish at `url`, if
 * `publishersApart`. Undefined where it is not installed.
 */
export async function mosquitto(
  t: Cleanup & Parameters<typeof temporaryDirectory>[0],
  { publishersApart = false } = {},
) {
  const folder = await temporaryDirectory(t);
  const onlyReads = join(folder, "acl");
  await writeFile(onlyReads, "topic read rooms/#\n");
  const port = await freePort();
  const { args, env, readyWhen, url } = await mosquittoIn(
    folder,
    "log_type all",
    ...(publishersApart ? [`acl_file ${onlyReads}`] : []),
    ...[`listener ${port} 127.0.0.1`, "protocol websockets", "socket_domain ipv4", "allow_anonymous true"],
  );
  const broker = spawn("mosquitto", args, { stdio: ["ignore", "ignore", "pipe"], env });
  t.after(() => broker.kill());
  if (!(await started(broker))) return undefined;
  let log = "";
  const listening = new Promise<void>((resolve, reject) => {
    broker.stderr!.setEncoding("utf8").on("data", (text: string) => {
      log += text;
      if (readyWhen.test(log)) resolve();
    });
    broker.once("exit", () => reject(new Error(log)));
  });
  await listening;
  /** Ends it, so that all of its log is there, and counts what its lines say. */
  const counts = async () => {
    const ended = once(broker, "close");
    broker.kill();
    await ended;
    const lines = (pattern: RegExp) => log.match(pattern)?.length ?? 0;
    return {
      connected: lines(/New client connected/g),
      probes: lines(/Received PUBLISH from .*'users\//g),
      acknowledged: lines(/Sending PUBACK to/g),
      published: lines(/Received PUBLISH from .*'rooms\//g),
      denied: lines(/Denied PUBLISH from/g),
      delivered: lines(/Sending PUBLISH to .*'rooms\//g),
      deliveriesAcknowledged: lines(/Received PUBACK from/g),
    };
  };
  return { url, publishUrl: `ws://127.0.0.1:${port}`, counts };
}

const started = (child: ChildProcess): Promise<boolean> =>
  Promise.race([once(child, "spawn").then(() => true), once(child, "error").then(() => false)]);
