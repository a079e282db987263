/**
 * The closed loop of `k6-realtime bench` beside a bare one, which only writes and reads on its socket: medians to the
 * kernel's stamp of each echo, against the same server in one run, in turn.
 *
 *   node --import tsx bench/echo.ts [ROUNDS]              5 rounds by default
 *   sudo chrt -r 1 node --import tsx bench/echo.ts        all of it before what else the machine does
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OUR_K6 } from "../test/k6/run.ts";
import { buildBare, startServer, watch } from "./processes.ts";

const rounds = Number(process.argv[2] ?? 5);
const COUNT = 20_000;
const SIZES = [0, 64, 1_024];

const directory = await mkdtemp(join(tmpdir(), "bench-echo-"));
const server = await startServer("echo-server", "--listen", "127.0.0.1:0");
const bare = await buildBare();

async function bareLoop(size: number): Promise<number> {
  const { code, output } = await watch(bare, ["echo", new URL(server.url).host, `${COUNT}`, `${size}`]);
  if (code !== 0) throw new Error(output);
  return JSON.parse(output).medianUs;
}

async function closedLoop(size: number): Promise<number> {
  const spec = join(directory, "spec.json");
  const testset = { mode: "echo", options: { count: COUNT, sync: true }, cases: [{ size }] };
  await writeFile(spec, JSON.stringify({ servers: [{ uri: server.url }], testsets: [testset] }));
  const { code, output } = await watch(OUR_K6, ["x", "echo-bench", spec, "--format", "json"]);
  if (code !== 0) throw new Error(output);
  const [row] = JSON.parse(output.slice(output.indexOf("[\n")));
  return row.medianUs;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

process.env.K6_AUTO_EXTENSION_RESOLUTION = "false";
try {
  for (const size of SIZES) {
    const pairs: { bare: number; ours: number }[] = [];
    for (let round = 0; round < rounds; round++) {
      pairs.push({ bare: await bareLoop(size), ours: await closedLoop(size) });
    }
    const ratios = pairs.map(({ bare, ours }) => ours / bare);
    console.log(
      `${size} bytes: bare ${median(pairs.map(({ bare }) => bare)).toFixed(1)} µs, closed loop ${median(pairs.map(({ ours }) => ours)).toFixed(1)} µs; ratio ${median(ratios).toFixed(3)}, from ${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)} in ${rounds} rounds`,
    );
  }
} finally {
  await server.stop();
  await rm(directory, { recursive: true });
}
