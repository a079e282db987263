import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { refuseK6Variables } from "../../cli/run/k6-options.ts";
import { replacedOptions, replacingVariables } from "../../lib/k6-overrides.ts";

const LOAD = ["CONNECTIONS", "DURATION"];

describe("a variable of k6's that replaces what a scenario says is refused by its name", () => {
  const rows: [name: string, said: string][] = [
    ["K6_VUS", "the load of this script: use -e CONNECTIONS, -e DURATION"],
    ["K6_DURATION", "the load"],
    ["K6_ITERATIONS", "the load"],
    ["K6_STAGES", "the load"],
    ["K6_MIN_ITERATION_DURATION", "the load"],
    ["K6_THRESHOLDS", "the limits of this script: use -e PROFILE"],
    ["K6_SETUP_TIMEOUT", "the timeout of the setup of this script: use -e CONNECT_TIMEOUT"],
    ["K6_SUMMARY_TREND_STATS", "the percentiles"],
    ["K6_NEW_MACHINE_READABLE_SUMMARY", "the data of the summary"],
    ["K6_SYSTEM_TAGS", "the tags, of which k6's url and name may hold a token"],
  ];
  for (const [name, said] of rows) {
    test(name, () => {
      const [problem = "", ...more] = replacingVariables({ [name]: "s3cr3t", K6_OUT: "json=a" }, LOAD);
      assert.ok(problem.startsWith(`${name}: expected nothing, since it would replace ${said}`), problem);
      assert.deepEqual(more, []);
    });
  }

  test("what is empty or false is not given", () =>
    assert.deepEqual(replacingVariables({ K6_VUS: "", K6_NEW_MACHINE_READABLE_SUMMARY: "false" }, LOAD), []));

  for (const [name] of rows) {
    test(`${name}: a run keeps it for itself, too`, () =>
      assert.throws(
        () => refuseK6Variables({ [name]: "s3cr3t" }),
        new RegExp(`^UserError: ${name}: expected`),
      ));
  }
});

describe("options that a run was begun with", () => {
  const own = {
    scenario: "chat-soak",
    limits: { ws_replies: ["count>0"] },
    trendStats: ["p(99)"],
    load: LOAD,
  };
  const options = {
    scenarios: { "chat-soak": {} },
    thresholds: { ws_replies: ["count>0"], more: ["count>0"] },
    summaryTrendStats: ["avg", "p(99)"],
    systemTags: ["proto"],
    minIterationDuration: null,
  };
  test("the scenario's own", () => assert.equal(replacedOptions(options, own), undefined));

  const rows: [sentence: string, changes: object, said: RegExp][] = [
    [
      "another load",
      { scenarios: { default: {} } },
      /^--vus, .*K6_VUS and its like, replace the load .*: use -e CONNECTIONS, -e/,
    ],
    ["no load", { scenarios: null }, /^--vus, /],
    ["an iteration that is made longer", { minIterationDuration: "1h" }, /^--min-iteration-duration /],
    ["other limits", { thresholds: { more: ["count>0"] } }, /^K6_THRESHOLDS replaces the limits/],
    ["other percentiles", { summaryTrendStats: ["avg"] }, /^--summary-trend-stats leaves out .*: p\(99\)$/],
    ["a tag that may hold a token", { systemTags: ["proto", "url"] }, /^--system-tags adds url or name/],
  ];
  for (const [sentence, changes, said] of rows) {
    test(sentence, () => assert.match(replacedOptions({ ...options, ...changes }, own) ?? "", said));
  }
});
