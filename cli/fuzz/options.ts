/** What the flags of `fuzz` say, besides whom to connect to. */
import { randomInt } from "node:crypto";
import { type Expectations, ExpectError, parseExpectations } from "../../lib/fuzz/expect.ts";
import { globsOf } from "../../lib/fuzz/globs.ts";
import { FINDING_KINDS } from "../../lib/fuzz/oracle.ts";
import { STRATEGY_NAMES, type StrategyName } from "../../lib/fuzz/strategies.ts";
import { parseDuration } from "../../lib/units.ts";
import { UserError, wholeNumber } from "../command.ts";

/** Defaults of the flags that are numbers or durations, as they would be given. */
export const DEFAULTS = {
  time: "60s",
  "max-messages": "10",
  connections: "4",
  neighbours: "3",
  "neighbour-limit": "200ms",
  "message-timeout": "2s",
  "max-message-size": "65536",
  "close-codes": "1000,1001",
  again: "7",
} as const;

/** Messages a second, where nothing else is said: on this machine, and elsewhere. */
export const RATES = { loopback: 200, elsewhere: 20 } as const;

export interface Options {
  readonly seed: number;
  readonly timeMs: number;
  readonly runs: number;
  readonly maxMessages: number;
  readonly connections: number;
  readonly rate: number | undefined;
  readonly neighbours: number;
  readonly neighbourLimitMs: number;
  readonly messageTimeoutMs: number;
  readonly maxMessageBytes: number;
  readonly closeCodes: readonly number[];
  readonly only: readonly StrategyName[];
  readonly again: number;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly expect: Expectations;
}

type Args = Readonly<Record<string, string | boolean | undefined>>;

/** @throws {@link UserError} naming the flag that is wrong */
export function optionsOf(args: Args): Options {
  const textOf = (name: string) => (args[name] === undefined ? undefined : String(args[name]));
  const number = (name: string, fallback: number, most: number, least = 1) => {
    const given = textOf(name);
    if (given === undefined) return fallback;
    if (least === 0 && given === "0") return 0;
    const value = wholeNumber(`--${name}`, given);
    if (value <= most) return value;
    throw new UserError(`--${name}: expected at most ${most}, got ${value}`);
  };
  const counted = (name: keyof typeof DEFAULTS, most: number, least = 1) =>
    number(name, Number(DEFAULTS[name]), most, least);
  const duration = (name: keyof typeof DEFAULTS) => {
    const value = parseDuration(textOf(name) ?? DEFAULTS[name]);
    if (value) return value as number;
    throw new UserError(
      `--${name}: expected a duration above 0 such as 500ms or 5s, got ${JSON.stringify(args[name])}`,
    );
  };
  return {
    seed: number("seed", randomInt(1, 2 ** 31 - 1), 2 ** 31 - 1),
    timeMs: duration("time"),
    runs: number("runs", Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER),
    maxMessages: counted("max-messages", 1_000),
    connections: counted("connections", 8),
    rate: args.rate === undefined ? undefined : number("rate", 0, 100_000),
    neighbours: counted("neighbours", 3, 0),
    neighbourLimitMs: duration("neighbour-limit"),
    messageTimeoutMs: duration("message-timeout"),
    maxMessageBytes: counted("max-message-size", 16_777_216),
    closeCodes: codesOf(textOf("close-codes") ?? DEFAULTS["close-codes"]),
    only: onlyOf(textOf("only")),
    again: counted("again", 100),
    include: globsOf(textOf("include")),
    exclude: globsOf(textOf("exclude")),
    expect: expectationsOf(textOf("expect") ?? ""),
  };
}

function codesOf(text: string): number[] {
  return text.split(",").map((one) => {
    const code = /^\d{1,5}$/.test(one.trim()) ? Number(one) : -1;
    if (code >= 0 && code <= 65_535) return code;
    throw new UserError(`--close-codes: expected a list such as 1000,1001, got ${JSON.stringify(one)}`);
  });
}

function onlyOf(text: string | undefined): StrategyName[] {
  if (text === undefined) return [...STRATEGY_NAMES];
  return text.split(",").map((one) => {
    const name = STRATEGY_NAMES.find((known) => known === one.trim());
    if (name) return name;
    throw new UserError(`--only: expected some of ${STRATEGY_NAMES.join(", ")}, got ${JSON.stringify(one)}`);
  });
}

function expectationsOf(text: string): Expectations {
  try {
    return parseExpectations(text, FINDING_KINDS);
  } catch (error) {
    if (!(error instanceof ExpectError)) throw error;
    throw new UserError(`--expect: expected ${error.message}`);
  }
}
