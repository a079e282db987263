/** Programs that play k6, so that every way in which k6 can end can be had on demand. */
import { chmod, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { temporaryDirectory } from "../temporary-directory.ts";

/** What `k6 inspect`, `k6 version` and `k6 run` do. */
export interface Part {
  /** Body of `run`, in JavaScript, with the helpers of the template below. */
  readonly run?: string;
  /** Body of `inspect`. Default: at most 45 s of load, planned for 30 s, after at most 5 s of set-up. */
  readonly inspect?: string;
  /** What `version` prints. Default `k6 v2.2.0`. */
  readonly version?: string;
}

/** Writes a program that plays k6 and returns its path, which ends in `/k6`. */
export async function fakeK6(t: TestContext, part: Part): Promise<string> {
  const path = join(await temporaryDirectory(t), "k6");
  await writeFile(
    path,
    `#!${process.execPath}
const { writeFileSync } = require("node:fs");
const [command, ...args] = process.argv.slice(2);
const given = process.env;
const summaryFile = given.RESULTS_DIR + "/soak.summary.json";
const metrics = { ws_replies: { kind: "counter", unit: "1", count: 7 } };
const limit = { metric: "ws_replies", expression: "count>0", ok: true, value: 7 };
const write = (verdict, reason = "as told", thresholds = [limit]) => writeFileSync(summaryFile, JSON.stringify({
  scenario: "soak", verdict, reason, startedAt: new Date().toISOString(), durationMs: 1, plannedMs: 30_000,
  k6: { version: "2.2.0", extension: null }, metrics, thresholds,
}));
/** Tells the test that it runs, what it was given, and by the end of the connection when it is gone. */
const tell = (message) => new Promise((resolve) => {
  const socket = require("node:net").connect(Number(given.CONTROL_PORT), "127.0.0.1", () => {
    socket.write(JSON.stringify(message) + "\\n");
    resolve(socket);
  });
});
/** Leaves what the extension would record: one count of replies, and how the run ended. */
const record = (replies, { limits = { ws_replies: ["count>=0"] }, end = { state: "finished", exitCode: 0 } } = {}) => {
  const flag = (name) => args.find((arg) => arg.startsWith(name + "="))?.slice(name.length + 1);
  const at = new Date().toISOString();
  const lines = [
    { recording: "k6-realtime", version: 1, id: String(process.pid), scenario: "soak", startedAt: at, longestMs: 45_000, plannedMs: 30_000,
      segment: flag("--execution-segment"), thresholds: limits, environment: { os: "linux", arch: "amd64", cpus: 2 } },
    { series: 0, metric: "ws_replies", kind: "counter", unit: "1" },
    { t: Math.floor(Date.parse(at) / 1000), d: [[0, replies]] },
    ...(end ? [{ end: { ...end, at, excluded: { outOfRange: 0, notFinite: 0, withoutTags: 0 } } }] : []),
  ];
  writeFileSync(flag("--out").replace(/^realtime=/, ""), lines.map((line) => JSON.stringify(line) + "\\n").join(""));
};
const forEver = () => setInterval(() => {}, 1e6);
const parts = {
  version() { console.log(${JSON.stringify(part.version ?? "k6 v2.2.0 (go1.26.8, linux/amd64)")}); },
  inspect() { ${part.inspect ?? 'console.log(JSON.stringify({ totalDuration: "45s", setupTimeout: "5s", scenarios: { soak: { env: { PLANNED_MS: "30000" } } } }))'} },
  async run() { ${part.run ?? 'write("pass")'} },
};
parts[command]();
`,
  );
  await chmod(path, 0o755);
  return path;
}

/** One fake k6 at work, as the test sees it. */
export interface Sighting {
  /** What it told. */
  readonly message: unknown;
  /** Lets it go on, where it waits for that. */
  release(): void;
  /** Resolves when the process is gone, however it ended. */
  readonly gone: Promise<void>;
}

/** Where fake k6s report: pass `CONTROL_PORT` to them. */
export async function controlRoom(t: TestContext) {
  const waiting: ((sighting: Sighting) => void)[] = [];
  const arrived: Sighting[] = [];
  const server = createServer((socket: Socket) => {
    const gone = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.on("error", () => {}); // A killed process resets its connection.
    socket.once("data", (data) => {
      const sighting = { message: JSON.parse(String(data)), release: () => socket.end("go\n"), gone };
      const next = waiting.shift();
      if (next) next(sighting);
      else arrived.push(sighting);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const address = server.address();
  return {
    port: String(typeof address === "object" && address?.port),
    /** The next fake k6 that reports. */
    next: () =>
      new Promise<Sighting>((resolve) => {
        const sighting = arrived.shift();
        if (sighting) resolve(sighting);
        else waiting.push(resolve);
      }),
  };
}
