/** Whether a server's messages are the ones that a pact expects. Pure. */
import { isLosslessNumber } from "lossless-json";
import { compare, type Mismatch } from "./match.ts";
import type { Expected, Interaction, Pact } from "./read.ts";
import { rulesAt } from "./rules.ts";
import type { Passed } from "./traffic.ts";

export interface Verified {
  readonly interaction: Interaction;
  readonly isKept: boolean;
  /** Messages, or exchanges, that are as expected. */
  readonly right: number;
  /** The number of expected messages that did not come. */
  readonly wrong: number;
  /** The mismatches of the first of them, or of the message that comes nearest. */
  readonly mismatches: readonly Mismatch[];
  /** Why it is not kept. */
  readonly why?: string;
}

export function verify({ interactions }: Pact, traffic: readonly Passed[]): readonly Verified[] {
  return interactions.map((interaction) =>
    interaction.kind === "message" ? ofMessage(interaction, traffic) : ofExchange(interaction, traffic),
  );
}

const mismatchesOf = ({ contents, rules }: Expected, { value }: Passed): readonly Mismatch[] =>
  compare(contents, value, rules);

function ofMessage(interaction: Interaction, traffic: readonly Passed[]): Verified {
  const [expected] = interaction.messages;
  const received = traffic.filter(({ from }) => from === "server");
  const fixed = fixedFields(expected!);
  // What has all that is fixed is this message, and has to be right in everything else.
  const own = fixed.length > 0 ? received.filter(({ value }) => fixed.every((one) => has(value, one))) : [];
  const results = (own.length > 0 ? own : received).map((message) => mismatchesOf(expected!, message));
  const right = results.filter(({ length }) => length === 0).length;
  const wrong = own.length > 0 ? own.length - right : 0;
  const nearest =
    [...results].filter(({ length }) => length > 0).sort((a, b) => a.length - b.length)[0] ?? [];
  const isKept = right > 0 && wrong === 0;
  return {
    interaction,
    isKept,
    right,
    wrong,
    mismatches: isKept ? [] : nearest,
    ...(!isKept && {
      why:
        wrong > 0
          ? `${wrong} of ${own.length} were otherwise`
          : `none of ${received.length} messages was like it`,
    }),
  };
}

function ofExchange(interaction: Interaction, traffic: readonly Passed[]): Verified {
  const { request, messages } = interaction;
  const isAsked = (passed: Passed) => passed.from === "client" && mismatchesOf(request!, passed).length === 0;
  const asked = traffic.flatMap((passed, i) => (isAsked(passed) ? [i] : []));
  const results = asked.map((at) => {
    const after = traffic.slice(at + 1).filter(({ from }) => from === "server");
    return answersIn(after, messages);
  });
  const right = results.filter(({ length }) => length === 0).length;
  const wrong = results.length - right;
  const isKept = right > 0 && wrong === 0;
  return {
    interaction,
    isKept,
    right,
    wrong,
    mismatches: results.find(({ length }) => length > 0) ?? [],
    ...(!isKept && {
      why:
        asked.length === 0
          ? "its request was never sent: use a descriptor that sends it"
          : `${wrong} of ${asked.length} requests had no such answer`,
    }),
  };
}

/** Looks for the answers in their order; gives the mismatches of the message nearest to the first missing one. */
function answersIn(received: readonly Passed[], expected: readonly Expected[]): readonly Mismatch[] {
  let from = 0;
  for (const message of expected) {
    const results = received.slice(from).map((passed) => mismatchesOf(message, passed));
    const found = results.findIndex(({ length }) => length === 0);
    if (found < 0) {
      const [nearest] = [...results].sort((a, b) => a.length - b.length);
      return nearest ?? [{ path: "$", rule: "equality", expected: "an answer", found: "nothing" }];
    }
    from += found + 1;
  }
  return [];
}

interface FixedField {
  readonly path: readonly string[];
  readonly value: string | number | boolean;
}

/** Fields of objects whose values no rule loosens. */
function fixedFields({ contents, rules }: Expected): readonly FixedField[] {
  const fields: FixedField[] = [];
  const look = (value: unknown, path: readonly string[]) => {
    const list = rulesAt(rules, path);
    const isFixed = !list || list.rules.every(({ match }) => match === "equality");
    if (typeof value === "object" && value !== null && !Array.isArray(value) && !isLosslessNumber(value)) {
      for (const [key, inner] of Object.entries(value)) look(inner, [...path, key]);
    } else if (isFixed && path.length > 0) {
      const plain = isLosslessNumber(value) ? Number(value.value) : value;
      if (typeof plain === "string" || typeof plain === "number" || typeof plain === "boolean")
        fields.push({ path, value: plain });
    }
  };
  look(contents, []);
  return fields;
}

function has(value: unknown, { path, value: wanted }: FixedField): boolean {
  let here = value;
  for (const key of path) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, key)) return false;
    here = (here as { readonly [key: string]: unknown })[key];
  }
  return isLosslessNumber(here) ? Number(here.value) === wanted : here === wanted;
}
