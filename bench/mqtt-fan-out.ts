/**
 * The lag that is reported of MQTT deliveries, held against the packets that the kernel saw. Mosquitto delivers, a client
 * of this file's own stamps and publishes, the engine listens. All share this machine. Needs Linux, mosquitto, and the
 * right to capture packets (CAP_NET_RAW).
 *
 *   npm run bench:mqtt-fan-out [-- SUBSCRIBERS [PUBLICATIONS_PER_SECOND]]
 *
 * Default: 15000 subscribers in 10 rooms, 10 publications a second of all rooms together, which are 15,000 deliveries a
 * second. Prints a table, and writes results/bench-mqtt-fan-out.json.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import mqtt, { type Packet } from "mqtt-packet";
import { WebSocket } from "ws";
import descriptor from "../examples/protocols/mqtt.json" with { type: "json" };
import { count, trend } from "../test/k6/figures.ts";
import { mosquittoIn } from "../test/real-servers/mqtt.ts";
import { writeFigures } from "./figures-file.ts";
import { captured, round, timesOf, timesRows } from "./packets.ts";
import { buildBare, startAndWait } from "./processes.ts";
import { runScenario } from "./scenario.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const ROOMS = 10;
const SECONDS = 10;
/** How long the engine goes on listening after the last publication, at least. */
const DRAIN_SECONDS = 10;
const PAYLOAD = "x".repeat(64);

const [subscribers = 15_000, perSecond = 10] = process.argv.slice(2).map(Number);
if (!Number.isInteger(subscribers) || subscribers < ROOMS || subscribers % ROOMS !== 0) {
  throw new RangeError(`SUBSCRIBERS: expected a multiple of ${ROOMS}, got ${process.argv[2]}`);
}
if (!Number.isInteger(perSecond) || perSecond < 1 || perSecond > 1_000) {
  throw new RangeError(`PUBLICATIONS_PER_SECOND: expected 1 to 1000, got ${process.argv[3]}`);
}
const publications = perSecond * SECONDS;
const due = (publications * subscribers) / ROOMS;

/** A client of the broker that is let in, and what it hears. */
async function connect(url: string, hear: (packet: Packet) => void) {
  const socket = new WebSocket(url, "mqtt");
  const parser = mqtt.parser();
  socket.on("message", (data: Buffer) => parser.parse(data));
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const send = (packet: Packet) => socket.send(mqtt.generate(packet));
  const isIn = new Promise<void>((resolve) => {
    parser.on("packet", (packet) => (packet.cmd === "connack" ? resolve() : hear(packet)));
  });
  send({
    cmd: "connect",
    protocolId: "MQTT",
    protocolVersion: 4,
    clean: true,
    clientId: "bench",
    keepalive: 0,
  });
  await isIn;
  return { send, close: () => socket.close() };
}

/** Publishes once all have subscribed, each publication with the time at which it is sent. */
async function publish(url: string) {
  let all = () => {};
  const subscribed = new Promise<void>((resolve) => {
    all = resolve;
  });
  const { send, close } = await connect(url, (packet) => {
    if (packet.cmd === "publish" && Number(packet.payload) > subscribers) all();
  });
  const topic = "$SYS/broker/subscriptions/count"; // with its own
  send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic, qos: 0 }] });
  await subscribed;
  await sleep(2_000);
  const begun = performance.now();
  for (let n = 0; n < publications; n++) {
    await sleep(Math.max(0, begun + (n * 1_000) / perSecond - performance.now()));
    const known = JSON.stringify({ id: `bench.${n}`, text: PAYLOAD }).slice(0, -1);
    const stamp = (performance.timeOrigin + performance.now()).toFixed(3);
    const room = `rooms/fan-out-room-${n % ROOMS}`;
    send({
      cmd: "publish",
      topic: room,
      payload: `${known},"timestamp":${stamp}}`,
      qos: 0,
      dup: false,
      retain: false,
    });
  }
  close();
}

const directory = await mkdtemp(join(tmpdir(), "k6-realtime-"));
try {
  const protocol = join(directory, "mqtt-stamped.json");
  const { $schema: _, ...rest } = descriptor;
  const delivery = {
    where: { "/cmd": "publish" },
    id: "/payload/id",
    sentAt: { at: "/payload/timestamp", unit: "ms" },
  };
  await writeFile(protocol, JSON.stringify({ ...rest, delivery }));
  const bare = await buildBare();
  const load = round(loadavg()[0]!);
  const { args, env, readyWhen, url } = await mosquittoIn(
    directory,
    ...["log_type information", "connection_messages false", "sys_interval 1", "set_tcp_nodelay true"],
  );
  const broker = await startAndWait("mosquitto", args, readyWhen, env);
  const settings = {
    ...{ PROFILE: join(root, "test/k6/patient-profile.json"), WS_URL: url, PROTOCOL_FILE: protocol },
    ...{ CONNECTIONS: subscribers, RATE: 1_000, ROOMS, PUBLISHERS: 0, REPLY_TIMEOUT: "60s" },
    DURATION: `${SECONDS + DRAIN_SECONDS}s`,
  };
  const { result, kernel } = await captured(bare, "lags", url, async () => {
    const [ran] = await Promise.all([runScenario("fan-out", settings), publish(url)]);
    return ran;
  }).finally(() => broker.stop());
  const { summary, cpuSeconds } = result;
  const reported = timesOf(trend(summary, "ws_fanout_server_lag_ms"));
  const deliveries = count(summary, "ws_deliveries");
  const uncertain = count(summary, "ws_arrivals_uncertain");
  console.log(
    `${subscribers} subscribers, ${ROOMS} rooms, ${perSecond} publications a second for ${SECONDS} s,`,
  );
  console.log(`${cpus().length} processors shared with mosquitto, load average before: ${load}`);
  console.log(
    `${due} deliveries due, ${deliveries} counted, ${kernel.count} in packets, ${kernel.missed} packets missed, ${uncertain} arrivals uncertain`,
  );
  console.table(timesRows("MQTT", reported, kernel));
  await writeFigures("mqtt-fan-out", {
    load,
    subscribers,
    due,
    deliveries,
    uncertain,
    cpuSeconds,
    reported,
    kernel,
  });
  if (deliveries < due) console.log("The broker did not deliver all in time: it was asked for too much");
  if (deliveries !== kernel.count) process.exitCode = 1;
} finally {
  await rm(directory, { recursive: true, force: true });
}
