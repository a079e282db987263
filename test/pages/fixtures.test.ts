/** The fixtures for Playwright, run by Playwright: the examples pass, and what is faulty is told in a sentence. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, describe, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { packageFile } from "../../cli/package-file.ts";
import { startServer } from "../../server/server.ts";
import { chromiumFor } from "../browser.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const server = await startServer();
after(() => server.close());

/** What Playwright says of a test. */
interface Result {
  readonly title: string;
  readonly ok: boolean;
  /** Its errors, without colours. */
  readonly said: string;
}

/** As far as it is read here. */
interface Suite {
  readonly suites?: readonly Suite[];
  readonly specs?: readonly {
    readonly title: string;
    readonly ok: boolean;
    readonly tests: readonly {
      readonly results: readonly { readonly errors: readonly { message: string }[] }[];
    }[];
  }[];
}

// They wait more than they work.
describe("run by Playwright", { concurrency: true }, () => {
  for (const config of ["test/pages/examples", "test/pages/passing", "test/pages/faulty"]) {
    test(`${config}`, async (t) => {
      const executablePath = await chromiumFor(t);
      if (executablePath === undefined) return;
      const results = await run(config, executablePath, await temporaryDirectory(t));
      assert.ok(results.length > 0);
      for (const { title, ok, said } of results) {
        assert.ok(ok, `${title}\n${said}`); // of the faulty: it failed, as it must
        if (config.endsWith("faulty")) assert.ok(said.includes(title), `${title}\n${said}`);
      }
      if (config.endsWith("examples")) assert.equal(results.length, 5);
    });
  }
});

/** The tests of a configuration, whether they pass or not. */
async function run(config: string, executablePath: string, output: string): Promise<Result[]> {
  const args = ["test", "--config", config, "--output", output, "--reporter", "json"];
  const stdout = await new Promise<string>((resolve, reject) => {
    execFile(
      process.execPath,
      [packageFile("node_modules/@playwright/test/cli.js"), ...args],
      {
        cwd: packageFile("."),
        maxBuffer: 2 ** 26,
        env: {
          ...process.env,
          BASE_URL: server.httpUrl,
          K6_BROWSER_EXECUTABLE_PATH: executablePath,
          NODE_OPTIONS: "",
        },
      },
      // It ends with 1 where a test fails, and with more where it cannot run them.
      (error, stdout, stderr) =>
        error && error.code !== 1 ? reject(new Error(stderr + stdout)) : resolve(stdout),
    );
  });
  const report = JSON.parse(stdout) as Suite & { readonly errors: readonly { readonly message: string }[] };
  assert.deepEqual(report.errors, []);
  return resultsIn(report);
}

function resultsIn({ suites = [], specs = [] }: Suite): Result[] {
  const own = specs.map(({ title, ok, tests }) => {
    const errors = tests.flatMap(({ results }) => results.flatMap(({ errors }) => errors));
    const said = errors.map(({ message }) => stripVTControlCharacters(message)).join("\n");
    return { title, ok, said };
  });
  return [...own, ...suites.flatMap(resultsIn)];
}
