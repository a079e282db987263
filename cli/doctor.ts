import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import { SETTINGS } from "../lib/settings.ts";
import { fold } from "../lib/summary/fold.ts";
import { type Context, EXIT, UserError } from "./command.ts";
import { type Check, checkK6, checkMachine, checkSurrounds } from "./doctor/checks.ts";
import { readMachine, readSurrounds } from "./doctor/machine.ts";
import { findK6 } from "./find-k6.ts";

const ARGS = {
  connections: {
    type: "string",
    valueHint: "N",
    description: `Connections that are to be held at the same time. (${SETTINGS.CONNECTIONS.default})`,
  },
  instances: { type: "string", valueHint: "N", description: "k6 processes that share them. (1)" },
  json: { type: "boolean", description: "One JSON object instead of text." },
} as const satisfies ArgsDef;

/** What `--help` says beyond the flags. */
export const DOCTOR_MANUAL = `WHAT YOU SEE

  One line for each thing that a load generator needs: what was found, and what
  is to be done about it.

    ok      as it should be
    note    it works, but may spoil the figures, or something will be missed
    change  the load asked for cannot work without

EXIT CODE

  0  this machine can make that many connections
  1  something must be changed first
`;

/** `k6-realtime doctor`: whether this machine can make the load asked for, and what to change. */
export const doctor = ({ out, env }: Context): CommandDef =>
  defineCommand({
    meta: { name: "doctor", description: "Check what this machine allows, and say what to change" },
    args: ARGS as ArgsDef,
    async run({ args }): Promise<number> {
      const demand = {
        connections: countOf("--connections", args.connections ?? SETTINGS.CONNECTIONS.default),
        instances: countOf("--instances", args.instances ?? "1"),
        addressPairs: 1,
      };
      const [machine, surrounds, k6] = await Promise.all([
        readMachine(),
        readSurrounds(env),
        findK6(env).catch((error: unknown) => {
          if (error instanceof UserError) return error;
          throw error;
        }),
      ]);
      const checks = [...checkMachine(machine, demand), ...checkK6(k6), ...checkSurrounds(surrounds)];
      const ok = checks.every(({ state }) => state !== "change");
      out.write(
        args.json ? `${JSON.stringify({ ok, ...demand, checks })}\n` : `${linesOf(checks).join("\n")}\n`,
      );
      return ok ? EXIT.pass : EXIT.error;
    },
  });

const INDENT = " ".repeat("change  ".length);

/** One line for each check, and its advice below. */
export function linesOf(checks: readonly Check[]): string[] {
  const widest = Math.max(0, ...checks.map(({ name }) => name.length));
  return checks.flatMap(({ state, name, found, advice }) => [
    `${state.padEnd("change".length)}  ${name.padEnd(widest)}  ${found}`,
    ...(advice ? fold(`${INDENT}${advice}`, INDENT) : []),
  ]);
}

/** Within what {@link SETTINGS} allow for connections. */
function countOf(flag: string, given: unknown): number {
  const value = SETTINGS.CONNECTIONS.parse(String(given));
  if (value !== undefined) return value;
  throw new UserError(`${flag}: expected ${SETTINGS.CONNECTIONS.expects}, got ${JSON.stringify(given)}`);
}
