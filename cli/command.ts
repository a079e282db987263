/** What the commands share: their context, their exit codes, and flags taken strictly. */
import { type ParseArgsConfig, parseArgs } from "node:util";
import type { ArgDef, ArgsDef } from "citty";
import { distance } from "../lib/distance.ts";

/** What a command sees of the process that it runs in. */
export interface Context {
  readonly out: NodeJS.WritableStream;
  readonly err: NodeJS.WritableStream;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Aborted when the user asks to stop; the reason is the signal's name. */
  readonly signal: AbortSignal;
  /** The source of answers; undefined if there is nobody to ask. */
  readonly input?: NodeJS.ReadableStream;
}

/** Exit codes of every command that runs or judges a test. 99 is k6's own for a broken threshold. */
export const EXIT = { pass: 0, error: 1, usage: 2, undecided: 3, fail: 99 } as const;

/** A mistake of the caller: its message is printed without a stack. */
export class UserError extends Error {
  override name = "UserError";
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.usage) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * Reads a number from 1.
 *
 * @param source How to name it in errors.
 * @throws {@link UserError} if it is not one.
 */
export function wholeNumber(source: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 1) return number;
  throw new UserError(`${source}: expected a whole number from 1, got ${JSON.stringify(text)}`);
}

/**
 * Reads a percentage such as `7.5` or `7.5%`.
 *
 * @param source How to name it in errors.
 * @returns it as a share
 * @throws {@link UserError} if it is not one.
 */
export function percentage(source: string, text: string): number {
  const [, digits] = /^(\d+(?:\.\d+)?)\s*%?$/.exec(text.trim()) ?? [];
  const percent = Number(digits);
  if (percent <= MOST_PERCENT) return percent / 100;
  throw new UserError(`${source}: expected percent from 0 to ${MOST_PERCENT}, got ${JSON.stringify(text)}`);
}

/** Ten times as slow: beyond, a gate would hold nothing. */
const MOST_PERCENT = 1_000;

/** Named, so that a type can be written for whoever uses the package. */
type FlagValues<O extends NonNullable<ParseArgsConfig["options"]>> = ReturnType<
  typeof parseArgs<{ args: string[]; allowPositionals: true; options: O }>
>["values"];

/**
 * Reads the command line of a command that takes any number of runs, as citty does not.
 *
 * @throws {@link UserError} where there is no run
 */
export function flagsAndPaths<const O extends NonNullable<ParseArgsConfig["options"]>>(
  command: string,
  argv: readonly string[],
  options: O,
): { values: FlagValues<O>; paths: string[] } {
  const { values, positionals: paths } = strictly(command, () =>
    parseArgs({ args: [...argv], allowPositionals: true, options }),
  );
  if (paths.length === 0)
    throw new UserError(
      `${command}: expected a RUN, which is a recording or a directory of them such as results, got none`,
    );
  return { values, paths };
}

/** Node.js calls a value that begins with a dash ambiguous. One line reports it, without a stack. */
export function strictly<T>(command: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!code?.startsWith("ERR_PARSE_ARGS")) throw error;
    throw new UserError(`${command}: ${message.split("\n")[0]}`);
  }
}

/**
 * Refuses what citty would accept in silence: flags it does not know, flags without their value, values for
 * flags that take none, and words too many.
 *
 * @throws {@link UserError} naming the first of them.
 */
export function refuseUnknown(
  command: string,
  argv: readonly string[],
  defined: ArgsDef,
  hints: Readonly<Record<string, string>> = {},
): void {
  const named = Object.entries(defined).filter(([, arg]) => arg.type !== "positional");
  const flags = named.flatMap(([name, arg]): [string, ArgDef][] =>
    [name, ...aliasesOf(arg)].map((spelling) => [spelling, arg]),
  );
  const takesValue = (arg: ArgDef) => arg.type === "string" || arg.type === "enum";
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(
      flags.map(([name, arg]) => [name, { type: takesValue(arg) ? "string" : "boolean" }]),
    ),
    strict: false,
    tokens: true,
  });
  let words = 0;
  for (const token of tokens) {
    if (token.kind === "positional") {
      words += 1;
      if (words > Object.keys(defined).length - named.length && !takesMoreWords(defined)) {
        throw new UserError(
          `${command}: unexpected argument "${token.value}"${/^\w+=/.test(token.value) ? `: settings go with -e ${token.value.replace(/=.*/s, "=…")}` : ""}`,
        );
      }
    }
    if (token.kind !== "option") continue;
    const flag = flags.find(([name]) => name === token.name)?.[1];
    if (!flag)
      throw new UserError(`${command}: unknown flag ${token.rawName}${instead(token.name, named, hints)}`);
    if (takesValue(flag) && token.value === undefined) {
      throw new UserError(`${command}: ${token.rawName} expects a value`);
    }
    if (!takesValue(flag) && token.value !== undefined) {
      throw new UserError(`${command}: ${token.rawName} takes no value, got "${token.value}"`);
    }
  }
}

/** The advice for an unknown flag: another way to do it, the nearest flag, or where all are listed. */
function instead(
  name: string,
  named: readonly (readonly [string, ArgDef])[],
  hints: Readonly<Record<string, string>>,
): string {
  if (Object.hasOwn(hints, name)) return `: ${hints[name]}`;
  const meant = closest(name, ["help", ...named.map(([one]) => one)]);
  if (meant !== undefined) return `, did you mean --${meant}?`;
  const listed = named.filter(([, arg]) => !isHidden(arg)).map(([one]) => `--${one}`);
  return `, expected one of ${["--help", ...listed].join(", ")}`;
}

/** Whether a flag is left out where flags are listed. */
export const isHidden = (arg: ArgDef): boolean => (arg as { hidden?: boolean }).hidden === true;

/** The one of several words that another is a slip of; undefined where none is near. */
export function closest(word: string, words: readonly string[]): string | undefined {
  const slips = word.length >= 8 ? 3 : word.length >= 4 ? 2 : 1;
  const [nearest] = words
    .map((one) => ({ one, away: distance(word.toLowerCase(), one) }))
    .filter(({ away }) => away <= slips)
    .sort((a, b) => a.away - b.away);
  return nearest?.one;
}

/**
 * A command line as citty does not read it: every value of a flag that is given again, and what follows `--` left as it
 * stands.
 */
export function readAgain(rawArgs: readonly string[], defined: ArgsDef) {
  const end = rawArgs.includes("--") ? rawArgs.indexOf("--") : rawArgs.length;
  const strings = Object.entries(defined).filter(([, { type }]) => type === "string");
  const options = Object.fromEntries(
    strings.map(([name, arg]) => {
      const short = aliasesOf(arg).find((alias) => alias.length === 1);
      return [name, { type: "string" as const, multiple: true as const, ...(short && { short }) }];
    }),
  );
  const { positionals, values } = parseArgs({ args: rawArgs.slice(0, end), options, strict: false });
  return {
    words: positionals,
    /** All values of a flag, in their order. */
    all: (flag: string): string[] => ((values[flag] ?? []) as unknown[]).map(String),
    rest: rawArgs.slice(end + 1),
  };
}

/** A command that takes any number of words has a hint such as `RUN…`. */
const takesMoreWords = (defined: ArgsDef): boolean =>
  Object.values(defined).some((arg) => arg.type === "positional" && arg.valueHint?.endsWith("…"));

const aliasesOf = (arg: ArgDef): readonly string[] => ("alias" in arg ? [arg.alias ?? []].flat() : []);
