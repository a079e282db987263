/** In which places, and under which name, `k6-realtime run` finds that a run is stored. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { storedIn } from "../../cli/influxdb/result.ts";

const TO = "realtime-influxdb=http://127.0.0.1:8086/k6";
const NOW = new Date("2026-01-02T03:04:05.678Z");

const rows: [sentence: string, flags: string[], outputs: string[], stored: boolean, args: RegExp][] = [
  ["no output", ["--quiet"], [], false, /^$/],
  ["stock k6's output", ["--out", "influxdb=http://127.0.0.1:8086/k6"], [], false, /^$/],
  ["a flag with a word behind it", ["--out", TO], [], true, /^--tag=testid=20260102T030405Z-[0-9a-f]{8}$/],
  ["a flag with its value", [`--out=${TO}`, "--tag", "testid=x"], [], true, /^$/],
  ["a short flag", ["-o", TO, "--tag=testid=x"], [], true, /^$/],
  ["a short flag with its value", [`-o${TO}`, "--tag=branch=main"], [], true, /^--tag=testid=/],
  ["K6_OUT, or k6's configuration file", [], ["json=x", TO], true, /^--tag=testid=/],
];
for (const [sentence, flags, outputs, stored, args] of rows) {
  test(sentence, () => {
    const found = storedIn(flags, outputs, {}, NOW);
    assert.equal(found !== undefined, stored);
    assert.match((found?.args ?? []).join(" "), args);
    if (found) assert.deepEqual(found.env, { K6_REALTIME_RESULT: "elsewhere" });
  });
}

test("an address with a secret in it is refused, and not repeated", () => {
  const out = "realtime-influxdb=http://admin:wrong-s3cret@127.0.0.1:8086/k6";
  assert.throws(
    () => storedIn(["--out", out], [], {}, NOW),
    ({ message }: Error) => /got credentials in the address/.test(message) && !message.includes("s3cret"),
  );
});
