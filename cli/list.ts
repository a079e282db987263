import { readFile } from "node:fs/promises";
import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import type { Setting } from "../lib/setting.ts";
import { SETTINGS, type SettingName } from "../lib/settings.ts";
import { fold } from "../lib/summary/fold.ts";
import { type Context, closest, EXIT, UserError } from "./command.ts";
import { packageFile } from "./package-file.ts";
import { readScenarios, type Scenario } from "./run/scenarios.ts";

const ARGS = {
  scenario: { type: "positional", required: false, description: "A scenario's name, for its settings." },
  json: { type: "boolean", description: "One JSON document instead of text." },
} as const satisfies ArgsDef;

/** What `--help` says beyond the flags. */
export const LIST_MANUAL = `EXAMPLES

  k6-realtime list               every scenario
  k6-realtime list chat-soak     its settings, what they are now, and their flags
`;

/** `k6-realtime list`: the scenarios, and what can be set of each. */
export const list = ({ out }: Pick<Context, "out">): CommandDef =>
  defineCommand({
    meta: { name: "list", description: "List the scenarios, or the settings of one" },
    args: ARGS as ArgsDef,
    async run({ args }): Promise<number> {
      const scenarios = await readScenarios();
      const { scenario: name, json } = args as { scenario?: string; json?: boolean };
      if (name === undefined) {
        const lines = await Promise.all(scenarios.map(lineOf));
        out.write(json ? `${JSON.stringify(scenarios)}\n` : `${lines.flat().join("\n")}\n\n${MORE}\n`);
        return EXIT.pass;
      }
      const found = scenarios.find((one) => one.name === name);
      if (!found)
        throw new UserError(
          unknownScenario(
            name,
            scenarios.map((one) => one.name),
          ),
        );
      out.write(json ? `${JSON.stringify(found)}\n` : `${settingsOf(found).join("\n")}\n`);
      return EXIT.pass;
    },
  });

const MORE = "k6-realtime list SCENARIO has its settings, k6-realtime run SCENARIO --url URL runs it.";

/** The error about an unknown scenario. */
export function unknownScenario(name: string, names: readonly string[]): string {
  const meant = closest(name, names);
  const hint = meant === undefined ? "" : `, did you mean ${meant}?`;
  return `SCENARIO: expected one of ${names.join(", ")}, got "${name}"${hint}`;
}

async function lineOf({ name, does }: Scenario): Promise<string[]> {
  const source = await readFile(packageFile(`dist/${name}.js`), "utf8");
  const needs = /["']k6\/x\/realtime["']/.test(source) ? " Needs k6 with the extension." : "";
  return fold(`${name.padEnd(14)}${does}${needs}`, " ".repeat(14), 100);
}

function settingsOf({ name, does, profile, settings, common, defaults }: Scenario): string[] {
  const others = common.filter((one) => !settings.includes(one));
  return [
    ...fold(`${name}: ${does}`, "  ", 100),
    profile === null
      ? "Judged by its own limits; --profile adds those of a use case."
      : `Judged by the limits of ${profile}, and its own; --profile takes others.`,
    "",
    "Its settings, each with -e NAME=value, in the environment, or as a flag (--name value):",
    ...settings.flatMap((one) => settingLines(one, defaults[one])),
    "",
    "Settings of every scenario:",
    ...others.flatMap((one) => settingLines(one, defaults[one])),
  ];
}

function settingLines(name: SettingName, own: string | undefined): string[] {
  const { help, expects, default: usual }: Setting<unknown> = SETTINGS[name];
  const value = own ?? usual;
  return fold(
    `  ${name.padEnd(19)} ${(value === "" ? "–" : value).padEnd(11)} ${help} Expects ${expects}.`,
    " ".repeat(34),
    110,
  );
}
