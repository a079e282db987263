/**
 * How many planted faults fuzzing finds, each switched on alone: `node --import tsx bench/fuzz-faults.ts [SECONDS] [FAULT…]`.
 * Prints a row for each: found or not, after how many seconds and sequences, how many messages its minimum has, how often
 * it was seen again, and whether the same seed finds it once more. Without a fault, nothing may be found.
 */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { main } from "../cli/main.ts";
import type { Finding } from "../lib/fuzz/finding.ts";
import { ACME, ACME_CONTRACT, besides, FAULTS, type Fault, startFaulty } from "../test/fuzz/faulty-server.ts";

const [seconds = "60", ...named] = process.argv.slice(2);
const directory = mkdtempSync(join(tmpdir(), "k6-realtime-fuzz-"));
const protocol = join(directory, "acme.json");
writeFileSync(protocol, JSON.stringify(ACME));
writeFileSync(join(directory, "contract.json"), JSON.stringify(ACME_CONTRACT));

interface Row {
  readonly findings: readonly Finding[];
  readonly runs: number;
  readonly notes: readonly string[];
  readonly seconds: number;
}

/** One run of the command line; it is stopped at the first finding, as its time is what is asked for. */
async function fuzz(url: string, fault: Fault, seed: number): Promise<Row> {
  const startedAt = performance.now();
  const stop = new AbortController();
  const out = new PassThrough();
  const err = new PassThrough();
  let firstAt: number | undefined;
  err.on("data", (chunk) => {
    if (!String(chunk).includes("found: ")) return;
    firstAt ??= performance.now();
    stop.abort("found");
  });
  const how = ["--protocol-file", protocol, ...besides(fault, url), "--time", `${seconds}s`, "--json"];
  const args = ["fuzz", "--url", url, ...how, "--seed", String(seed)];
  const ended = main(args, { out, err, cwd: directory, env: {}, signal: stop.signal });
  const printed = text(out);
  await ended;
  out.end();
  const { findings, routes } = JSON.parse(await printed);
  const { runs, notes } = routes[0];
  return { findings, runs, notes, seconds: ((firstAt ?? performance.now()) - startedAt) / 1_000 };
}

const faults = (named.length > 0 ? named : Object.keys(FAULTS)) as Fault[];
const minima: number[] = [];
let found = 0;
let again = 0;
console.log("fault                     found  after  sequences  minimum  seen again  same seed  what");
for (const [index, fault] of faults.entries()) {
  const seed = 1_000 + index;
  const server = await startFaulty(fault);
  const first = await fuzz(server.url, fault, seed);
  await server.close();
  const [finding] = first.findings;
  let second: Row | undefined;
  if (finding) {
    const fresh = await startFaulty(fault);
    second = await fuzz(fresh.url, fault, seed);
    await fresh.close();
    found++;
    minima.push(finding.sequence.steps.length);
    if (second.findings[0]?.kind === finding.kind) again++;
  }
  const cells = [
    fault.padEnd(25),
    (finding ? "yes" : "no").padEnd(6),
    `${first.seconds.toFixed(1)} s`.padEnd(7),
    String(first.runs).padStart(8),
    String(finding?.sequence.steps.length ?? "").padStart(8),
    (finding ? `${finding.again.seen} of ${finding.again.of}` : "").padStart(11),
    (second
      ? second.findings[0]?.kind === finding?.kind
        ? "yes"
        : `no: ${second.findings[0]?.kind}`
      : ""
    ).padStart(9),
    ` ${finding?.title.slice(0, 110) ?? first.notes.join("; ").slice(0, 160)}`,
  ];
  console.log(cells.join(" "));
}
minima.sort((a, b) => a - b);
console.log(
  `${found} of ${faults.length} found; median minimum ${minima[minima.length >> 1]}; ${again} of ${found} again by seed`,
);
process.exit(0);
