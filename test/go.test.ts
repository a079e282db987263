/** The extension's own tests, each Go test as one of this run: `go test` alone would count as a single one. */
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

test("go test ./...", async (t) => {
  const cwd = fileURLToPath(new URL("../extension", import.meta.url));
  const go = spawn("go", ["test", "-json", "-timeout=5m", "./..."], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(go.stdout),
    text(go.stderr),
    once(go, "close"),
  ]);
  const events: GoEvent[] = stdout
    .split("\n")
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
  assert.equal(exitCode, 0, stderr + outputOf(events.filter(({ Test }) => Test === undefined)));
  assert.ok(tests.size > 0, "no Go test was run");
});

const outputOf = (events: readonly GoEvent[]): string => events.map(({ Output }) => Output ?? "").join("");
