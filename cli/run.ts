import { resolve } from "node:path";
import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import { SETTINGS } from "../lib/settings.ts";
import { fold } from "../lib/summary/fold.ts";
import { type Context, readAgain, UserError } from "./command.ts";
import { findK6 } from "./find-k6.ts";
import { terminalScreen } from "./live/displays.ts";
import { browserEnv } from "./run/browser.ts";
import { closingLines } from "./run/closing-lines.ts";
import { examine } from "./run/examine.ts";
import { flagOf, SETTING_ARGS } from "./run/flags.ts";
import { readK6Config } from "./run/k6-config.ts";
import { refuseK6Variables } from "./run/k6-options.ts";
import { readScenarios } from "./run/scenarios.ts";
import { bundleFor, findScript, requireK6For, requireK6ForInstances } from "./run/script.ts";
import { checkK6Flags, outputsBeside, refuseMisspelt, settingsOf } from "./run/settings.ts";
import { runK6 } from "./run-k6.ts";

const ARGS = {
  scenario: {
    type: "positional",
    required: false,
    description: "A scenario's name (k6-realtime list has them all), or the path of a script.",
  },
  ...SETTING_ARGS,
  env: {
    type: "string",
    alias: "e",
    valueHint: "NAME=value",
    description:
      "Any other setting of the scenario; may be given again. k6-realtime list SCENARIO has all of them.",
  },
  instances: {
    type: "string",
    valueHint: "N",
    description: "k6 processes that share the load; judged over all of them together. (1)",
  },
  results: {
    type: "string",
    valueHint: "DIRECTORY",
    description: "Directory for what the run leaves. (results)",
  },
  live: {
    type: "boolean",
    description: "Serve the report while the run goes on, on a free port of 127.0.0.1.",
  },
  json: {
    type: "boolean",
    description: "One JSON object on standard output when the run is over; all else on standard error.",
  },
} as const satisfies ArgsDef;

/** What k6, or another tool, calls what has another name here. */
export const RUN_HINTS: Readonly<Record<string, string>> = {
  vus: "expected --connections",
  clients: "expected --connections",
  concurrency: "expected --connections",
  iterations: "expected --duration: a load lasts for a time",
  stage: "expected --ramp, --duration and --ramp-down",
  time: "expected --duration",
  length: "expected --duration",
  qps: "expected --probe-interval, or of fan-out --publish-rate",
  rps: "expected --probe-interval, or of fan-out --publish-rate",
  header: "expected HEADERS in the environment, as a JSON object",
  out: "expected it behind --, where it goes to k6: -- --out OUTPUT",
  o: "expected it behind --, where it goes to k6: -- --out OUTPUT",
  tag: "expected it behind --, where it goes to k6: -- --tag NAME=value",
  config: "expected it behind --, where it goes to k6: -- -c FILE",
  c: "expected it behind --, where it goes to k6: -- -c FILE",
  insecure: "expected it behind --, where it goes to k6: -- --insecure-skip-tls-verify",
  "insecure-skip-tls-verify": "expected it behind --, where it goes to k6: -- --insecure-skip-tls-verify",
  "results-dir": "expected --results",
  output: "expected --results",
  threshold: "expected --profile FILE, which holds the limits",
  thresholds: "expected --profile FILE, which holds the limits",
  baseline: "expected k6-realtime gate results --baseline RUN behind the run, which compares it",
  scenario: "expected the scenario's name by itself: k6-realtime run chat-soak",
};

/** What `--help` says beyond the flags. */
export const RUN_MANUAL = `WHAT IT DOES

  Checks what this machine allows (see doctor), and runs the scenario: with
  bin/k6, on the sockets of its engine, else with a k6 2 or newer on the PATH.
  The results directory then holds its report (a page to open), its summary
  (JSON, Markdown, JUnit XML) and, by a k6 with the extension, its recording.
  Those of an earlier run of the same scenario are replaced: --results keeps
  them apart.

  While it goes on, a terminal shows the figures so far, and a log gets a line
  of them every ten seconds. --live serves the report as it grows. Both read the
  recording: a k6 without the extension tells its time alone.

  Every setting has a flag: --probe-interval 1s is -e PROBE_INTERVAL=1s. What is
  not given comes from the environment. WS_TOKEN and HEADERS come from the environment alone, for the process
  list shows command lines. What follows -- goes to k6 as it stands. A
  configuration file may be there (-- -c FILE), if it holds neither load nor
  limits: hosts, dns, certificates and the like.

EXAMPLES

  WS_TOKEN=… k6-realtime run chat-soak --url wss://chat.example.com/ws
  k6-realtime run chat-soak --url wss://example.com/ws --protocol-file acme.json \\
    --connections 500 --duration 10m
  k6-realtime run connect --url wss://example.com/ws --rate 200 --hold 30s
  k6-realtime run mass-soak --live --url wss://example.com/ws
  k6-realtime run chat-soak --connections 5000 --instances 4 --results four
  k6-realtime run chat-soak -- --tag testid=monday \\
    --out "realtime-influxdb=http://127.0.0.1:8086/?org=perf&bucket=k6"

EXIT CODE

   0  every limit held
  99  a limit was broken (a script of your own may end with another code)
   3  neither: the generator was the bottleneck, or the run was incomplete,
      which ^C makes it
   2  a flag or a setting is wrong: nothing was sent
   1  this machine, k6 or the script does not let it run: nothing was sent
`;

/** `k6-realtime run`: one scenario, from checking the machine to its verdict. */
export const run = ({ out, err, cwd, env, signal }: Context): CommandDef =>
  defineCommand({
    meta: { name: "run", description: "Run a scenario, record it, and judge it" },
    args: ARGS as ArgsDef,
    async run({ args, rawArgs }): Promise<number> {
      const { words, all, rest: k6Flags } = readAgain(rawArgs, ARGS);
      const json = args.json === true;
      const instances = instancesOf(args.instances);
      checkK6Flags(k6Flags);
      const script = await findScript(words[0], cwd);
      const settings: Record<string, string> = {
        // Enough of them, where a scenario is cut into as few as it is told.
        ...(instances > 1 && env.SHARDS === undefined && { SHARDS: String(instances) }),
        ...settingsOf(flagsGiven(all), all("env"), await goesToStreams(script.scenario)),
      };
      if (script.scenario !== undefined) refuseMisspelt(settings);
      const k6Env = { ...env, ...settings }; // which reach k6 alike
      refuseK6Variables(k6Env);
      const config = await readK6Config(k6Flags, cwd, k6Env);
      if (config.hosts !== undefined && k6Env.CONNECT_TO) {
        throw new UserError(`-- -c: hosts: expected nothing beside CONNECT_TO, which takes its place`);
      }
      const k6 = await findK6(env);
      await requireK6For(script, k6);
      if (instances > 1) requireK6ForInstances(k6);
      const plan = { scenario: script.scenario, env: k6Env, k6Flags, instances, cwd };
      for (const line of await examine(plan)) err.write(`${line}\n`);
      const browser = await browserEnv(script.scenario, k6Env);

      const say = (line: string) => (json ? err : out).write(`${line}\n`);
      say(`Using k6 ${k6.version} (${k6.command}), ${k6.extension ? "with" : "without"} the extension`);
      const isTerminal = "isTTY" in out && out.isTTY === true && !json;
      const { shown, ...result } = await runK6({
        k6,
        script: bundleFor(script, k6),
        settings,
        resultsDir: resolve(cwd, String(args.results ?? "results")),
        args: ["--quiet", ...k6Flags], // k6's own progress has none of the figures
        outputs: outputsBeside(k6Flags, k6Env, config.out),
        instances,
        live: args.live === true,
        env: { ...env, ...browser, PWD: cwd }, // scenarios take relative paths from there
        signal,
        output: instances > 1 ? say : json ? "stderr" : "inherit",
        ...(isTerminal ? { screen: terminalScreen(out as NodeJS.WriteStream) } : { say }),
      });
      if (json) out.write(`${JSON.stringify(result)}\n`);
      for (const line of closingLines({ ...result, shown }, cwd)) say(line);
      const more = script.scenario === undefined ? undefined : await howToDoMore(script.scenario, k6Env);
      if (more) for (const line of more) say(line);
      return result.exitCode;
    },
  });

/** Whether a scenario goes to an event stream unless told otherwise. */
async function goesToStreams(name: string | undefined): Promise<boolean> {
  if (name === undefined) return false;
  return (await readScenarios()).find((one) => one.name === name)?.defaults.SSE_URL !== undefined;
}

/** What to say behind a run of which nothing was set: it is a short one. */
async function howToDoMore(name: string, env: NodeJS.ProcessEnv): Promise<string[] | undefined> {
  const scenario = (await readScenarios()).find((one) => one.name === name);
  if (!scenario || env.PROFILE || scenario.settings.some((one) => env[one] !== undefined)) return undefined;
  const flags = [
    ["CONNECTIONS", "1000"],
    ["RATE", "200"],
    ["DURATION", "10m"],
    ["IDLE", "5m"],
  ] as const;
  const shown = flags.filter(([one]) => scenario.settings.includes(one)).slice(-2);
  if (shown.length === 0) return undefined;
  const example = shown.map(([one, value]) => `--${flagOf(one)} ${value}`).join(" ");
  return fold(
    `More:    this was a short run, for a first look. ${example} makes it a longer one; k6-realtime list ${name} has every setting.`,
    "         ",
  );
}

/** What the flags of settings were given, each as often as it was. */
const flagsGiven = (all: (flag: string) => string[]): [flag: string, value: string][] =>
  Object.keys(SETTING_ARGS).flatMap((flag) => all(flag).map((value) => [flag, value] as [string, string]));

/** As many as {@link SETTINGS} allow parts of a load. */
function instancesOf(given: unknown): number {
  const value = SETTINGS.SHARDS.parse(String(given ?? "1"));
  if (value !== undefined) return value;
  throw new UserError(`--instances: expected ${SETTINGS.SHARDS.expects}, got ${JSON.stringify(given)}`);
}
