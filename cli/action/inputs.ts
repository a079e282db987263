/** The action's inputs, as its steps get them: from the environment, never from a shell's command line. Pure. */
import { redactUrl } from "../../lib/url.ts";
import { UserError } from "../command.ts";

/** What a run of the action was asked for. */
export interface Inputs {
  /** A scenario's name, or the path of a script in the workspace. */
  readonly scenario: string;
  readonly url: string;
  /** Empty: the scenario's own. */
  readonly profile: string;
  /** Variables of the scenario, each as `NAME=value`. */
  readonly settings: readonly string[];
  /** Empty: as many as `k6-realtime run` takes by itself. */
  readonly instances: string;
  /** Flags for k6, each a word of its own. */
  readonly flags: readonly string[];
}

/** The environment variable that holds an input. */
export const variable = (input: string) => `INPUT_${input.toUpperCase().replaceAll("-", "_")}`;

/**
 * Reads the inputs that a run needs.
 *
 * @throws {@link UserError} naming the input, the expected value and the actual one
 */
export function readInputs(env: NodeJS.ProcessEnv): Inputs {
  const inputs: Inputs = {
    scenario: line(env, "scenario"),
    url: line(env, "url"),
    profile: line(env, "profile"),
    settings: lines(env, "settings"),
    instances: line(env, "instances"),
    flags: lines(env, "flags"),
  };
  if (inputs.scenario === "" || inputs.scenario.startsWith("-")) {
    throw wrong("scenario", "a scenario's name or the path of a script", inputs.scenario);
  }
  if (!/^wss?:\/\//i.test(inputs.url) || !URL.canParse(inputs.url)) {
    throw wrong("url", "a ws:// or wss:// URL", redactUrl(inputs.url));
  }
  return inputs;
}

/**
 * The `k6-realtime` command that does what the inputs say. Values are part of their flag: none can be one. The URL goes
 * into the environment: its query may hold a token, and everyone on the machine may read command lines.
 */
export function runCommand(inputs: Inputs, resultsDir: string): { args: string[]; env: NodeJS.ProcessEnv } {
  const args = [
    "run",
    inputs.scenario,
    ...(inputs.profile === "" ? [] : [`--profile=${inputs.profile}`]),
    ...inputs.settings.map((pair) => `--env=${pair}`),
    ...(inputs.instances === "" ? [] : [`--instances=${inputs.instances}`]),
    `--results=${resultsDir}`,
    "--json",
    ...(inputs.flags.length > 0 ? ["--", ...inputs.flags] : []),
  ];
  return { args, env: { WS_URL: inputs.url } };
}

/** An input that is one line of text. */
export function line(env: NodeJS.ProcessEnv, input: string): string {
  const value = (env[variable(input)] ?? "").trim();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  if (/[\u0000-\u001f\u007f]/.test(value)) throw wrong(input, "one line of text", value);
  return value;
}

/** An input with one value on each line. */
const lines = (env: NodeJS.ProcessEnv, input: string): string[] =>
  (env[variable(input)] ?? "")
    .split(/\r?\n/)
    .map((text) => text.trim())
    .filter((text) => text !== "");

const wrong = (input: string, expected: string, got: string) =>
  new UserError(`input ${input}: expected ${expected}, got ${JSON.stringify(got)}`);
