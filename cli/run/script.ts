import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { OLDEST_GO_MINOR } from "../../tools/oldest.mjs";
import { closest, UserError } from "../command.ts";
import type { K6 } from "../find-k6.ts";
import { packageFile } from "../package-file.ts";

/** What k6 is to run. */
export interface Script {
  readonly path: string;
  /** The bundled scenario's name; undefined for a script of the user's own. */
  readonly scenario: string | undefined;
}

/** How a bundle begins the list of what it exports, where it is a scenario: the other programs export no such thing. */
const SCENARIO_EXPORTS = /^export \{[^}]*\bhandleSummary\b/m;

/** The names of the scenarios that come with the toolkit. */
export async function bundledScenarios(): Promise<string[]> {
  const files = (await readdir(packageFile("dist")).catch(() => [])).filter((name) => name.endsWith(".js"));
  const sources = await Promise.all(files.map((name) => readFile(packageFile(`dist/${name}`), "utf8")));
  return files
    .filter((_, index) => SCENARIO_EXPORTS.test(sources[index]!))
    .map((name) => name.slice(0, -".js".length));
}

/**
 * Finds a scenario by its name, or a script by its path, which has a slash or an extension.
 *
 * @throws {@link UserError} naming the scenarios that there are, or the path tried
 */
export async function findScript(given: string | undefined, cwd: string): Promise<Script> {
  const scenarios = await bundledScenarios();
  const scenario = scenarios.find((name) => name === given);
  if (scenario) return { path: packageFile(`dist/${scenario}.js`), scenario };
  if (given === undefined || !/[/\\]|\.[jt]s$/.test(given)) {
    const meant = given === undefined ? undefined : closest(given, scenarios);
    const hint = meant === undefined ? "" : `, did you mean ${meant}?`;
    throw new UserError(
      `SCENARIO: expected ${scenarios.join(", ")} or the path of a script, got ${given === undefined ? "nothing" : `"${given}"${hint}`}`,
    );
  }
  return { path: resolve(cwd, given), scenario: undefined };
}

/** The bundle for a k6: on the sockets of the extension's engine, where both are there (docs/concepts/engine.md). */
export function bundleFor({ path, scenario }: Script, { extension }: K6): string {
  const onEngine = packageFile(`dist/x/${scenario}.js`);
  return extension && scenario !== undefined && existsSync(onEngine) ? onEngine : path;
}

/**
 * Refuses, in time, what stock k6 answers with an attempt to download another k6.
 *
 * @throws {@link UserError} saying how to build the k6 that is needed
 */
export async function requireK6For(script: Script, k6: K6): Promise<void> {
  const source = await readFile(script.path, "utf8").catch((error) => {
    throw new UserError(`SCENARIO: expected a readable file, got ${script.path} (${error.code})`);
  });
  if (k6.extension || !/["']k6\/x\/realtime["']/.test(source)) return;
  throw new UserError(`${script.scenario ?? script.path} needs ${WITH_EXTENSION}, ${without(k6)}`);
}

const WITH_EXTENSION = "k6 with the extension";
const without = ({ command, version }: K6): string =>
  `which ${command} (${version}) lacks. Build it with Go 1.${OLDEST_GO_MINOR} or newer: npx k6-realtime setup.`;

/** @throws {@link UserError} where several instances cannot be put together again */
export function requireK6ForInstances(k6: K6): void {
  if (!k6.extension)
    throw new UserError(`--instances needs ${WITH_EXTENSION}, which records them, ${without(k6)}`);
}
