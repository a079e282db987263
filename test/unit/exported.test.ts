import assert from "node:assert/strict";
import { test } from "node:test";
import { exportsNoSummary } from "../../lib/summary/exported.ts";

const withIt = [
  "export { handleSummary, options };",
  "var a;export{a as default,b as handleSummary};",
  "export const { options, setup, run, handleSummary } = soak({});",
  "export const {\n  options,\n  handleSummary,\n} = soak({});",
  "export function handleSummary(data) {}",
  "export const handleSummary = () => {};",
  'export * from "./other.js";',
  // CommonJS, and what cannot be read
  "exports.options = {};",
  "",
];
const without = [
  "export { options, run };",
  "const { handleSummary } = soak({});\nexport const options = {};",
  "export default function () {}",
  "var a;export{a as default,b as options};",
  'console.log("handleSummary");\nexport { options }',
];

for (const [expected, sources] of [
  [false, withIt],
  [true, without],
] as const) {
  for (const source of sources) {
    test(`${expected ? "no summary" : "a summary, or nobody knows"}: ${JSON.stringify(source)}`, () => {
      assert.equal(exportsNoSummary(source), expected);
    });
  }
}
