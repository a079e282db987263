/** Mistakes of a first day, each with what is read: what was found, what was expected, and what to do. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { main } from "../../cli/main.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { MISTAKES } from "./mistakes.ts";

test("there are forty of them, and no two alike", () => {
  assert.ok(MISTAKES.length >= 40);
  assert.equal(new Set(MISTAKES.map(({ what }) => what)).size, MISTAKES.length);
});

describe("a mistake is told by what was found, what was expected and what to do", { concurrency: 4 }, () => {
  for (const { what, argv, env = {}, files = {}, says, code = 2 } of MISTAKES) {
    test(what, async (t) => {
      const cwd = await temporaryDirectory(t);
      for (const [name, content] of Object.entries(files)) await writeFile(join(cwd, name), content);
      const [out, err] = [new PassThrough(), new PassThrough()];
      const ended = await main(argv, {
        out,
        err,
        cwd,
        env: { PATH: process.env.PATH, HOME: cwd, ...env },
        signal: new AbortController().signal,
      });
      const said = (await text(err.end())) + (await text(out.end()));
      for (const part of says) {
        const isSaid = typeof part === "string" ? said.includes(part) : part.test(said);
        assert.ok(isSaid, `expected ${part} in:\n${said}`);
      }
      assert.equal(ended, code, said);
      assert.ok(!said.includes("secret"), said);
      assert.doesNotMatch(said, /\n\s+at .*\.(js|ts):\d+/, "a stack is for defects");
    });
  }
});
