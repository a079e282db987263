/** The way through a cluster, on this machine: the pods' commands as k6-operator makes them, and the gate Job's. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { WebSocketServer } from "ws";
import type { Judged } from "../../cli/gate/judge.ts";
import type { ServerOptions } from "../../server/options.ts";
import { startServer } from "../../server/server.ts";
import { freePort } from "../free-port.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { readYaml } from "./schemas.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const K6 = join(root, "bin/k6");

interface TestRun {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly arguments: string; readonly script: { readonly localFile?: string } };
}

/** A load for this machine, in the place of the manifest's. */
const LOAD: Readonly<Record<string, string>> = {
  CONNECTIONS: "80",
  RATE: "100",
  ROOMS: "16",
  PUBLISH_RATE: "16",
  DURATION: "3s",
};

/** The manifest's arguments, with another URL and a smaller load. Four processes that start at once are slow to connect. */
function argumentsOf({ spec }: TestRun, url: string): string[] {
  const replaced: Readonly<Record<string, string>> = { ...LOAD, WS_URL: url };
  return `${spec.arguments} -e CONNECT_TIMEOUT=60s`
    .trim()
    .split(/\s+/)
    .map((word) => {
      const name = /^([A-Z_]+)=/.exec(word)?.[1];
      return name !== undefined && replaced[name] !== undefined ? `${name}=${replaced[name]}` : word;
    });
}

/** What k6-operator starts in pod `index` (from 1) of `count`. */
const podCommand = (run: TestRun, url: string, index: number, count: number, port: number): string[] =>
  operatorCommand(
    run,
    [...argumentsOf(run, url), join(root, run.spec.script.localFile!.replace("/opt/k6-realtime/", ""))],
    { index, count, port },
  );

/** The same around a run's own arguments and script. */
function operatorCommand(
  run: TestRun,
  own: readonly string[],
  { index, count, port }: { index: number; count: number; port: number },
): string[] {
  const bound = (i: number) => (i === 0 ? "0" : i === count ? "1" : `${i}/${count}`);
  return [
    "run",
    "--quiet",
    `--execution-segment=${bound(index - 1)}:${bound(index)}`,
    `--execution-segment-sequence=${Array.from({ length: count + 1 }, (_, i) => bound(i)).join(",")}`,
    ...own,
    `--address=127.0.0.1:${port}`,
    "--paused",
    ...["--tag", `instance_id=${index}`],
    ...["--tag", `testrun_name=${run.metadata.name}`],
  ];
}

function k6(t: TestContext, args: readonly string[], out: string, cwd: string) {
  const env = { ...process.env, WS_TOKEN: "test-token", K6_OUT: out };
  const child = spawn(K6, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  t.after(() => child.kill("SIGKILL"));
  return { child, said: Promise.all([text(child.stdout), text(child.stderr)]), ended: once(child, "exit") };
}

interface Status {
  readonly data: { readonly attributes: { readonly paused: boolean } };
}

/** As the operator's starter does, once the API answers. */
async function release(port: number, child: ChildProcess): Promise<void> {
  const status = `http://127.0.0.1:${port}/v1/status`;
  const body = JSON.stringify({ data: { attributes: { paused: false }, id: "default", type: "status" } });
  while (child.exitCode === null) {
    const answer = await fetch(status)
      .then((answer) => answer.json() as Promise<Status>)
      .catch(() => undefined); // not yet
    if (answer?.data.attributes.paused === true) {
      const { ok } = await fetch(status, {
        method: "PATCH",
        headers: { "content-type": "application/json" },
        body,
      });
      assert.ok(ok, "k6 takes the release");
      return;
    }
    await sleep(50);
  }
  throw new Error(`k6 ended (${child.exitCode}) before it was released`);
}

async function gate(recordings: string, profile: string): Promise<{ exitCode: number; judged: Judged }> {
  // The Job's command, which a shell gives the files of all pods.
  const command = `exec node "$CLI" gate --json --profile "$PROFILE" "$RECORDINGS"/"$TESTRUN"-*.realtime.jsonl`;
  const env = {
    ...process.env,
    CLI: join(root, "dist/cli.js"),
    PROFILE: profile,
    RECORDINGS: recordings,
    TESTRUN: "fan-out",
  };
  const ran = promisify(execFile)("sh", ["-c", command], { env, maxBuffer: 2 ** 26 });
  const { code, stdout, stderr } = await ran.then(
    (said) => ({ code: 0, ...said }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
  assert.notEqual(stdout, "", `the gate said nothing, with exit code ${code}: ${stderr}`);
  return { exitCode: code, judged: JSON.parse(stdout) };
}

/** Those on times are far above what a busy machine adds; what is not among them the scenario's own profile limits. */
const LIMITS = {
  ws_fanout_lag_ms: ["p(95)<30000"],
  ws_connect_latency_ms: ["p(95)<30000"],
  ws_delivery_success_rate: ["rate>0.95"],
};

const cases: [sentence: string, server: Partial<ServerOptions>, verdict: string, exitCode: number][] = [
  ["a service that holds the limits", {}, "pass", 0],
  [
    "a service that loses a fifth of what is published",
    { faults: { loseDeliveries: { every: 5 } } },
    "fail",
    99,
  ],
];

// Most of the time they wait for the load to pass, and what they assert is no time.
describe("the way through a cluster", { concurrency: true }, () => {
  for (const [sentence, options, verdict, exitCode] of cases) {
    test(`four pods, released together, and the gate over their recordings: ${sentence}`, async (t) => {
      // One for each of the two ways: in the rooms of one server they would meet.
      const [server, other] = [await startServer(options), await startServer(options)];
      t.after(() => Promise.all([server.close(), other.close()]));
      const url = `${server.url}/ws/chat`;
      const directory = await temporaryDirectory(t);
      const [pods, whole] = [join(directory, "pods"), join(directory, "whole")];
      await Promise.all([mkdir(pods), mkdir(whole)]);
      const profile = join(directory, "limits.json");
      await writeFile(profile, JSON.stringify({ description: "a test's", thresholds: LIMITS }));
      const [run] = (await readYaml(join(root, "deploy/k6-operator/fan-out.yaml"))) as [TestRun];

      const ports = await Promise.all([1, 2, 3, 4].map(freePort));
      const processes = ports.map((port, i) =>
        k6(
          t,
          podCommand(run, url, i + 1, 4, port),
          `realtime=${pods}/fan-out-${i + 1}-x7f2p.realtime.jsonl`,
          directory,
        ),
      );
      await Promise.all(processes.map(({ child }, i) => release(ports[i]!, child)));
      const alone = k6(
        t,
        ["run", "--quiet", ...argumentsOf(run, `${other.url}/ws/chat`), join(root, "dist/fan-out.js")],
        `realtime=${whole}/fan-out-1-q9k4d.realtime.jsonl`,
        directory,
      );
      for (const { ended, said } of [...processes, alone]) {
        assert.deepEqual(await ended, [0, null], (await said).join(""));
      }

      const [fromPods, fromOne] = [await gate(pods, profile), await gate(whole, profile)];
      assert.equal(fromPods.judged.verdict, verdict, fromPods.judged.reason);
      assert.equal(fromOne.judged.verdict, verdict, fromOne.judged.reason);
      assert.deepEqual([fromPods.exitCode, fromOne.exitCode], [exitCode, exitCode]);
      assert.deepEqual([fromPods.judged.instances, fromOne.judged.instances], [4, 1]);
      for (const { judged } of [fromPods, fromOne]) {
        const opened = judged.summary.metrics.ws_sessions_opened;
        assert.equal(
          opened?.kind === "counter" && opened.count,
          96,
          "80 subscribers, a publisher in each room",
        );
      }
      assert.equal((await readdir(pods)).length, 4);
      assert.match(
        await readFile(join(pods, "fan-out-2-x7f2p.realtime.jsonl"), "utf8"),
        /"segment":"1\/4:1\/2"/,
      );
    });
  }

  test("a benchmark of echoes: four pods, and the Job that leads them", async (t) => {
    const received: string[] = [];
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    server.on("connection", (socket) =>
      socket.on("message", (data, isBinary) => {
        received.push(`${data}`);
        socket.send(data as Buffer, { binary: isBinary });
      }),
    );
    await once(server, "listening");
    t.after(() => server.close());
    const [config, , job] = (await readYaml(join(root, "deploy/k6-operator/echo-bench.yaml"))) as [
      { data: Record<string, string> },
      unknown,
      { spec: { template: { spec: { containers: { command: string[] }[] } } } },
    ];
    const [run] = (await readYaml(join(root, "deploy/k6-operator/echo-bench-instances.yaml"))) as [TestRun];
    const directory = await temporaryDirectory(t);
    const spec = JSON.parse(config.data["spec.json"]!);
    spec.servers[0].uri = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    spec.testsets[0].options.count = 401;
    await writeFile(join(directory, "spec.json"), JSON.stringify(spec));
    await writeFile(join(directory, "instance.js"), config.data["instance.js"]!);

    const leader = `127.0.0.1:${await freePort()}`;
    const [, ...command] = job.spec.template.spec.containers[0]!.command.map((word) =>
      word.replace("/etc/echo-bench", directory).replace("0.0.0.0:9900", leader),
    );
    const env = { ...process.env, K6_PATH: K6, K6_AUTO_EXTENSION_RESOLUTION: "false" };
    const args = [join(root, "dist/cli.js"), ...command, "--format", "json"];
    const leads = spawn(process.execPath, args, { cwd: directory, env, stdio: ["ignore", "pipe", "pipe"] });
    t.after(() => leads.kill("SIGKILL"));
    const rows = text(leads.stdout);
    const ended = once(leads, "close");
    let said = "";
    await new Promise<void>((resolve) => {
      leads.stderr.on("data", (chunk) => {
        said += chunk;
        if (said.includes("waiting on")) resolve();
      });
      leads.on("close", () => resolve());
    });
    const ports = await Promise.all([1, 2, 3, 4].map(freePort));
    const pods = ports.map((port, i) => {
      const own = run.spec.arguments.split(" ").map((word) => word.replace("echo-bench:9900", leader));
      const how = { index: i + 1, count: 4, port };
      return k6(t, operatorCommand(run, [...own, join(directory, "instance.js")], how), "", directory);
    });
    await Promise.all(pods.map(({ child }, i) => release(ports[i]!, child)));
    for (const { ended, said } of pods) assert.deepEqual(await ended, [0, null], (await said).join(""));
    assert.deepEqual(await ended, [0, null], said);
    assert.deepEqual(
      JSON.parse(await rows).map((row: Record<string, unknown>) =>
        ["size", "outcome", "echoes", "connections"].map((column) => row[column]),
      ),
      [0, 64, 1024].map((size) => [size, "PASSED", 401, 40]),
    );
    const sizes = received.map(({ length }) => length);
    assert.deepEqual(
      [0, 64, 1024].map((size) => sizes.filter((one) => one === size).length),
      [401, 401, 401],
    );
  });

  test("the recordings of three pods of four are no run", async (t) => {
    const server = await startServer();
    t.after(() => server.close());
    const directory = await temporaryDirectory(t);
    const [run] = (await readYaml(join(root, "deploy/k6-operator/fan-out.yaml"))) as [TestRun];
    const url = `${server.url}/ws/chat`;
    const pods = [1, 2, 3].map(async (index) => {
      const args = podCommand(run, url, index, 4, await freePort()).filter((word) => word !== "--paused");
      const short = args.map((word) => (word.startsWith("DURATION=") ? "DURATION=1s" : word));
      const { ended, said } = k6(
        t,
        short,
        `realtime=${directory}/fan-out-${index}-a.realtime.jsonl`,
        directory,
      );
      assert.deepEqual(await ended, [0, null], (await said).join(""));
    });
    await Promise.all(pods);
    const { exitCode, judged } = await gate(directory, "chat");
    assert.equal(exitCode, 3);
    assert.equal(judged.reason, "recordings are missing: of instances that ran 25 % of the load");
  });
});
