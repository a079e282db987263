/** Real servers of InfluxDB, each in a directory of its own, on ports of this machine alone. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { findInfluxd } from "../../tools/influxd.mjs";
import type { Cleanup } from "../k6/run.ts";

export type Major = 1 | 2;

export const DATABASE = "k6";
const USER = "admin";
const SECRET = "a-secret-that-nothing-prints";

export interface InfluxServer {
  readonly major: Major;
  readonly url: string;
  /** What `--out realtime-influxdb=` takes. */
  readonly out: string;
  /** What the command line takes as the place to read runs from; the same. */
  readonly env: Readonly<Record<string, string>>;
  /** For `--out influxdb=`, which k6 has built in. */
  readonly stock: { readonly out: string; readonly env: Readonly<Record<string, string>> };
  readonly secret: string;
  /** Rows of an InfluxQL query, by series. */
  query(influxql: string): Promise<InfluxSeries[]>;
  /** As a crash ends it. */
  kill(): Promise<void>;
  /** On the same port, with the same data. */
  start(): Promise<void>;
}

export interface InfluxSeries {
  readonly name: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly columns: readonly string[];
  readonly values: readonly (readonly (string | number | null)[])[];
}

/**
 * Starts a server; stops it after the test. Without one on this machine the test is skipped, or fails where `CI` is
 * set.
 */
export async function startInflux(t: TestContext, major: Major): Promise<InfluxServer | undefined> {
  const server = await launchInflux(t, major);
  if (!server) t.skip(`no server of InfluxDB ${major}`);
  return server;
}

/** The same for several tests: undefined where there is none. */
export async function launchInflux(cleanup: Cleanup, major: Major): Promise<InfluxServer | undefined> {
  const binary = await findInfluxd(major);
  if (!binary) {
    const how =
      major === 1
        ? "install the package influxdb, or name its server in INFLUXD1"
        : "run `node build.mjs influxd`, or name a server in INFLUXD2";
    const message = `no server of InfluxDB ${major} on this machine: ${how}`;
    if (process.env.CI) throw new Error(message);
    console.error(`\n*** NOT TESTED: ${message} ***\n`);
    return undefined;
  }
  const directory = await mkdtemp(join(tmpdir(), "k6-realtime-influx-"));
  const server = new Server(major, binary, directory);
  cleanup.after(async () => {
    await server.kill();
    await rm(directory, { recursive: true, force: true });
  });
  await server.start();
  await server.setUp();
  return server;
}

/** The line of its log that names the port of its API. */
const LISTENS = {
  1: /msg="Listening on HTTP" .*addr=127\.0\.0\.1:(\d+)\s/,
  2: /msg=Listening .*transport=http .*port=(\d+)\s/,
} as const;

class Server implements InfluxServer {
  readonly major: Major;
  readonly env: Readonly<Record<string, string>>;
  readonly secret = SECRET;
  readonly #binary: string;
  readonly #directory: string;
  /** Chosen by the system when it first starts: 0 until then. */
  #port = 0;
  #process: ChildProcess | undefined;

  constructor(major: Major, binary: string, directory: string) {
    this.major = major;
    this.#binary = binary;
    this.#directory = directory;
    this.env = major === 1 ? { INFLUX_USERNAME: USER, INFLUX_PASSWORD: SECRET } : { INFLUX_TOKEN: SECRET };
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get out(): string {
    return this.major === 1 ? `${this.url}/${DATABASE}` : `${this.url}/?org=perf&bucket=${DATABASE}`;
  }

  get stock(): InfluxServer["stock"] {
    return {
      out: `${this.url}/${DATABASE}`,
      env: { K6_INFLUXDB_USERNAME: USER, K6_INFLUXDB_PASSWORD: SECRET },
    };
  }

  async start(): Promise<void> {
    this.#port = await this.#spawn(await this.#arguments());
    const health = this.url + (this.major === 1 ? "/ping" : "/health");
    while (!(await fetch(health).catch(() => undefined))?.ok) {
      if (!this.#isRunning) throw new Error(`InfluxDB ${this.major} ended before it answered ${health}`);
      await sleep(50);
    }
  }

  async #arguments(): Promise<string[]> {
    if (this.major === 2) return arguments2(this.#directory, this.#port);
    const config = join(this.#directory, "influxdb.conf");
    await writeFile(config, config1(this.#directory, this.#port));
    return ["run", "-config", config];
  }

  /** Resolves to the port of the process that it started, which another server's would not answer for. */
  #spawn(args: readonly string[]): Promise<number> {
    const process = spawn(this.#binary, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = process;
    return new Promise((resolve, reject) => {
      let said = "";
      const failed = (why: string) =>
        reject(new Error(`InfluxDB ${this.major} did not start: ${why}\n${said}`));
      process.once("error", ({ message }) => failed(message));
      process.once("exit", (code) => failed(`it ended with ${code}`));
      for (const stream of [process.stdout, process.stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => {
          said = (said + text).slice(-10_000);
          const port = LISTENS[this.major].exec(said)?.[1];
          if (port) resolve(Number(port));
        });
      }
    });
  }

  async kill(): Promise<void> {
    if (!this.#isRunning) return;
    const exited = once(this.#process!, "exit");
    this.#process!.kill("SIGKILL");
    await exited;
  }

  get #isRunning(): boolean {
    return this.#process?.exitCode === null && this.#process.signalCode === null;
  }

  /** Who may write, and where to. */
  async setUp(): Promise<void> {
    if (this.major === 1) {
      const create = `CREATE USER "${USER}" WITH PASSWORD '${SECRET}' WITH ALL PRIVILEGES`;
      await this.#ok(await fetch(`${this.url}/query?q=${encodeURIComponent(create)}`, { method: "POST" }));
      await this.query(`CREATE DATABASE "${DATABASE}"`);
      return;
    }
    const { bucket } = await this.#post("/api/v2/setup", {
      username: USER,
      password: SECRET,
      org: "perf",
      bucket: DATABASE,
      token: SECRET,
    });
    await this.#post("/api/v2/dbrps", {
      org: "perf",
      bucketID: bucket.id,
      database: DATABASE,
      retention_policy: "autogen",
      default: true,
    });
  }

  async query(influxql: string): Promise<InfluxSeries[]> {
    const answer = await this.#ok(
      await fetch(`${this.url}/query`, {
        method: "POST",
        headers: { Authorization: `Basic ${Buffer.from(`${USER}:${SECRET}`).toString("base64")}` },
        body: new URLSearchParams({ db: DATABASE, epoch: "ms", q: influxql }),
      }),
    );
    const { results, error } = JSON.parse(answer);
    const failed = error ?? results.find((result: { error?: string }) => result.error)?.error;
    if (failed) throw new Error(`${failed}: ${influxql}`);
    return results.flatMap((result: { series?: InfluxSeries[] }) => result.series ?? []);
  }

  async #post(path: string, body: object) {
    const headers = { Authorization: `Token ${SECRET}`, "Content-Type": "application/json" };
    const response = await fetch(this.url + path, { method: "POST", headers, body: JSON.stringify(body) });
    return JSON.parse(await this.#ok(response));
  }

  async #ok(response: Response): Promise<string> {
    const text = await response.text();
    if (!response.ok) throw new Error(`InfluxDB ${this.major}: ${response.status} ${text}`);
    return text;
  }
}

const arguments2 = (directory: string, port: number): string[] => [
  `--http-bind-address=127.0.0.1:${port}`,
  `--bolt-path=${join(directory, "influxd.bolt")}`,
  `--sqlite-path=${join(directory, "influxd.sqlite")}`,
  `--engine-path=${join(directory, "engine")}`,
  "--reporting-disabled",
  "--ui-disabled",
];

const config1 = (directory: string, port: number): string => `
reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
  dir = "${join(directory, "meta")}"
[data]
  dir = "${join(directory, "data")}"
  wal-dir = "${join(directory, "wal")}"
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:${port}"
  auth-enabled = true
  log-enabled = false
`;
