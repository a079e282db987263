/**
 * Checks each message of a connection: which kind it is, and whether it keeps to the contract. Its twin in Go is
 * extension/engine/contract/checker.go; one table of fixtures holds both.
 */
import {
  type Breach,
  type Contract,
  type ContractRole,
  type Kind,
  MOST_NESTED,
  type Rule,
  type Sender,
  UNKNOWN,
} from "./contract.ts";
import { Coverage } from "./coverage.ts";
import { Recogniser } from "./recognise.ts";
import { type Patterns, Validator } from "./validator.ts";
import { textOf } from "./words.ts";

/** The kind of a message, and its breaches of the contract. */
export interface Checked {
  /** The name of its kind, or {@link UNKNOWN}. */
  readonly kind: string;
  /** How it breaks the contract; nothing where it does not. */
  readonly breaches: readonly Breach[];
}

/** A message was not checked, as the {@link CheckBudget} was used up: it is to be counted. */
export const LEFT_OUT = "left-out";

/** What is kept of one connection: which kinds it had. */
export class ContractSession {
  readonly had = new Set<string>();
  /** Who has sent anything. */
  readonly begun = new Set<Sender>();
  /** A message was left out, whose kind is not known. */
  isLost = false;
}

/**
 * How much a virtual user checks of each side's messages, so that measuring has its time. It is counted, for a clock would
 * count the time of other programs too. A message costs one, and one more for each KiB.
 */
export interface CheckBudget {
  /** Milliseconds. */
  now(): number;
  readonly perSecond: number;
  /** How much at once. */
  readonly burst: number;
}

export interface CheckerOptions {
  /** Whether the schemas were checked before. Default false. */
  readonly mayTrust?: boolean;
  /** See {@link Validator}. */
  readonly patterns?: Patterns;
  /** Default: all. */
  readonly budget?: CheckBudget;
  /**
   * Whether the client may pass over the server's first message, as stock k6 does now and then. Its absence is not held
   * against the server then. Default false.
   */
  readonly mayMissFirst?: boolean;
}

export { ContractError } from "./contract.ts";

const SIDES: readonly Sender[] = ["server", "client"];

export class Checker {
  readonly coverage: Coverage;
  readonly #contract: Contract;
  readonly #recogniser: Recogniser;
  readonly #validator: Validator;
  /** What this side sends takes nothing from what is there for the server's. */
  readonly #budgets: ReadonlyMap<Sender, Budget>;
  readonly #first: readonly Kind[];
  readonly #mayMissFirst: boolean;

  /** @throws ContractError if a schema is not valid */
  constructor(
    contract: Contract,
    { mayTrust = false, patterns, budget, mayMissFirst = false }: CheckerOptions = {},
  ) {
    this.#contract = contract;
    this.#recogniser = new Recogniser(contract);
    this.#validator = new Validator(contract, mayTrust, patterns);
    this.coverage = new Coverage(contract, patterns);
    this.#budgets = new Map(budget ? SIDES.map((side) => [side, new Budget(budget)]) : []);
    this.#first = contract.kinds.filter(({ first }) => first === true);
    this.#mayMissFirst = mayMissFirst;
  }

  /**
   * @param message JSON, or bytes that are not JSON
   * @param role what a descriptor takes the message for
   * @returns undefined for a message that is not JSON and that the descriptor knows, or sends: no schema could describe it
   */
  check(
    session: ContractSession,
    message: string | Uint8Array,
    role?: ContractRole,
    sender: Sender = "server",
  ): Checked | typeof LEFT_OUT | undefined {
    if (this.#budgets.get(sender)?.take(message.length) === false) {
      session.isLost = true;
      return LEFT_OUT;
    }
    return this.look(session, message, role, sender);
  }

  /** As {@link check}, whatever the budget. */
  look(
    session: ContractSession,
    message: string | Uint8Array,
    role: ContractRole | undefined,
    sender: Sender,
  ): Checked | undefined {
    const isKnown = role !== undefined || sender === "client";
    if (typeof message !== "string") return isKnown ? undefined : notJson("bytes");
    if (nestsTooDeep(message))
      return unknown("too_deep", `a message of at most ${MOST_NESTED} levels`, "a deeper one");
    const value = parsed(message);
    if (value === NO_JSON) return isKnown ? undefined : notJson(message);
    return this.#judge(session, value, role, sender);
  }

  #judge(session: ContractSession, value: unknown, role: ContractRole | undefined, sender: Sender): Checked {
    const { candidates, isCertain } = this.#recogniser.recognise(value, role, sender);
    let kind = isCertain ? candidates[0] : candidates.find((one) => this.#validator.isValid(one, value));
    if (kind === undefined) {
      kind = candidates.find((one) => this.#isMarked(one));
      if (kind === undefined) {
        session.begun.add(sender);
        return unknown("unknown_kind", "a message that a schema describes", this.#recogniser.describe(value));
      }
    }
    if (sender === "server" && !this.coverage.isComplete) this.coverage.note(kind, value);
    const breaches = [
      ...this.#validator.breaches(kind, value),
      ...this.#wrongSender(this.#contract.kinds[kind]!, sender),
      ...this.#wrongTime(this.#contract.kinds[kind]!, session, sender),
    ];
    return { kind: this.#contract.kinds[kind]!.name, breaches };
  }

  #isMarked(kind: number): boolean {
    const { role, marks } = this.#contract.kinds[kind]!;
    return role !== undefined || marks.length > 0;
  }

  #wrongSender({ from }: Kind, sender: Sender): Breach[] {
    if (from === "both" || from === sender) return [];
    return [ownBreach("wrong_sender", `one that the ${from} sends`, `one from the ${sender}`)];
  }

  #wrongTime({ name, first, once, after = [] }: Kind, session: ContractSession, sender: Sender): Breach[] {
    const begun = session.begun.has(sender);
    const lacksFirst = !first && !begun && this.#first.some(({ from }) => from === sender || from === "both");
    const { had } = session;
    const lacksOther = after.length > 0 && !after.some((other) => had.has(other));
    if (this.#mayMissFirst && sender === "server" && !begun && (lacksFirst || lacksOther))
      session.isLost = true;
    const { isLost } = session;
    const wrong = ((): [expected: string, found: string] | undefined => {
      if (isLost) return undefined;
      if (first && begun) return ["to be the first message", "one that came before it"];
      if (lacksFirst) return ["another kind to be the first message", "this one"];
      if (once && had.has(name)) return ["to come once", "another"];
      if (lacksOther) return ["a message of another kind before it", "none"];
      return undefined;
    })();
    had.add(name);
    session.begun.add(sender);
    return wrong ? [ownBreach("wrong_time", ...wrong)] : [];
  }
}

/** The rules that a message breaks, each once, as they are counted. */
export const rulesOf = ({ breaches }: Checked): Rule[] => [...new Set(breaches.map(({ rule }) => rule))];

const ownBreach = (rule: Rule, expected: string, found: string): Breach => ({
  rule,
  at: "",
  schema: "",
  expected,
  found,
});

const unknown = (rule: Rule, expected: string, found: string): Checked => ({
  kind: UNKNOWN,
  breaches: [ownBreach(rule, expected, found)],
});

const notJson = (message: string): Checked => unknown("not_json", "JSON", textOf(message));

const NO_JSON = Symbol("no JSON");

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return NO_JSON;
  }
}

/** Whether objects and lists nest deeper than is taken. */
function nestsTooDeep(text: string): boolean {
  if (text.length <= MOST_NESTED) return false;
  if (text.split("{").length + text.split("[").length - 2 <= MOST_NESTED) return false;
  let depth = 0;
  let isText = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (isText) {
      if (c === "\\") i++;
      else if (c === '"') isText = false;
    } else if (c === '"') isText = true;
    else if (c === "{" || c === "[") {
      if (++depth > MOST_NESTED) return true;
    } else if (c === "}" || c === "]") depth--;
  }
  return false;
}

/** Bounds how much is checked. What was not used is kept for a while, for messages come in bursts. */
class Budget {
  readonly #budget: CheckBudget;
  #left: number;
  /** Undefined before the first: in k6's init context there is no clock. */
  #since: number | undefined;

  constructor(budget: CheckBudget) {
    this.#budget = budget;
    this.#left = budget.burst;
  }

  /** Takes what a message of that size costs; false where that is not left. */
  take(size: number): boolean {
    const { perSecond, burst } = this.#budget;
    const now = this.#budget.now();
    this.#left = Math.min(this.#left + ((now - (this.#since ?? now)) * perSecond) / 1_000, burst);
    this.#since = now;
    if (this.#left <= 0) return false;
    this.#left -= 1 + size / 1_024;
    return true;
  }
}
