/**
 * The extension's own tests, each Go test as one of this run: `go test` alone would count as a single one. Where
 * there is a C compiler they run under the race detector, which needs one.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

/** One line of `go test -json` (`go doc test2json`). */
interface GoEvent {
  readonly Action: string;
  /** Absent from what the compiler says. */
  readonly Package?: string;
  /** Absent from what concerns the whole package; has slashes for a subtest. */
  readonly Test?: string;
  readonly Output?: string;
}

/** Packages of arithmetic on one goroutine: no race is to be found, and looking for one takes ten times as long. */
const ONE_GOROUTINE = /\/samples(\/|$)/;

interface GoRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function go(...args: readonly string[]): Promise<GoRun> {
  const cwd = fileURLToPath(new URL("../extension", import.meta.url));
  const child = spawn("go", args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  return { exitCode, stdout, stderr };
}

test("go test ./...", async (t) => {
  const listed = await go("list", "./...");
  assert.equal(listed.exitCode, 0, listed.stderr);
  const packages = listed.stdout.trim().split("\n");

  const probe = await go("test", "-race", "-run=^$", "./engine/handshake");
  if (probe.exitCode !== 0) t.diagnostic(`without the race detector: ${probe.stdout}${probe.stderr}`);
  const runs: GoRun[] = [];
  // Not from go's cache, which does not see the tables outside the module that tests read.
  for (const [options, of] of [
    [probe.exitCode === 0 ? ["-race"] : [], packages.filter((name) => !ONE_GOROUTINE.test(name))],
    [[], packages.filter((name) => ONE_GOROUTINE.test(name))],
  ] as const)
    runs.push(await go("test", "-json", "-count=1", "-timeout=30m", ...options, ...of));

  const events: GoEvent[] = runs
    .flatMap(({ stdout }) => stdout.split("\n"))
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));

  const tests = new Map<string, GoEvent[]>();
  for (const event of events) {
    if (event.Test === undefined) continue;
    const name = `${event.Package} ${event.Test.split("/")[0]}`;
    tests.set(name, [...(tests.get(name) ?? []), event]);
  }
  for (const [name, said] of tests) {
    await t.test(name, (t) => {
      const end = said.findLast(
        ({ Action, Test }) => !Test?.includes("/") && ["pass", "fail", "skip"].includes(Action),
      );
      if (end?.Action === "skip") t.skip();
      else assert.equal(end?.Action, "pass", outputOf(said));
    });
  }
  const ofPackages = outputOf(events.filter(({ Test }) => Test === undefined));
  for (const { exitCode, stderr } of runs) assert.equal(exitCode, 0, stderr + ofPackages);
  assert.ok(tests.size > 0, "no Go test was run");
});

const outputOf = (events: readonly GoEvent[]): string => events.map(({ Output }) => Output ?? "").join("");
