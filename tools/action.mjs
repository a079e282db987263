/**
 * The action's steps that set it up, in a fresh checkout of it:
 *
 *   node tools/action.mjs key     sets the output `key`, the name under which this k6 is cached
 *   node tools/action.mjs name    sets the output `artifact`, what the results of this run are called
 *   node tools/action.mjs setup   npm dependencies and bundles, and k6 unless INPUT_EXTENSION is false
 */
import { appendFileSync } from "node:fs";
import { basename } from "node:path";
import { fingerprintOfK6 } from "./k6.mjs";
import { setUp } from "./setup.mjs";
import { orExit, StepError } from "./step.mjs";

await orExit(async (signal) => {
  const [step] = process.argv.slice(2);
  if (step === "key") setOutput("key", `k6-realtime-${fingerprintOfK6()}`);
  else if (step === "name") setOutput("artifact", artifactName());
  else if (step === "setup") await setUp(withExtension() ? "k6" : "no k6", signal);
  else throw new StepError(`expected key, name or setup, got ${JSON.stringify(step)}`, 2);
});

function withExtension() {
  const given = process.env.INPUT_EXTENSION;
  if (given === "true" || given === "false") return given === "true";
  throw new StepError(`input extension: expected true or false, got ${JSON.stringify(given)}`, 2);
}

/** Of characters that artifacts may have in their names, and never more than one line. */
function artifactName() {
  const { INPUT_NAME, INPUT_SCENARIO = "" } = process.env;
  const name = INPUT_NAME || basename(INPUT_SCENARIO).replace(/\.[^.]*$/, "");
  return `k6-realtime-${name.replace(/[^\w.-]+/g, "-").slice(0, 100)}`;
}

/**
 * @param {string} name
 * @param {string} value One line.
 */
function setOutput(name, value) {
  const file = process.env.GITHUB_OUTPUT;
  if (!file) throw new StepError("GITHUB_OUTPUT is not set: this is a step of GitHub Actions", 2);
  appendFileSync(file, `${name}=${value}\n`);
}
