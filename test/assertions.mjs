/**
 * Loaded before tests: an assertion without a message fails at once. Node.js looks for its source text, by a position in
 * what tsx made of the file. That can take minutes, during which no server of the test answers.
 */
import assert from "node:assert/strict";

/** @type {typeof assert.ok} */
const ok = assert.ok;
assert.ok = (/** @type {unknown[]} */ ...args) => {
  const [value, message = "expected a true value"] = args;
  ok(value, /** @type {string | Error} */ (message));
};
