/** Which kind of message is this? The one module that answers it. Pure. */
import type { Contract, ContractRole, Kind, Mark, MarkValue, Sender } from "./contract.ts";
import { tokensOf } from "./refs.ts";
import { foundOf, textOf } from "./words.ts";

/** The kinds that a message may be of, by their index among those of the contract. */
export interface Recognised {
  readonly candidates: readonly number[];
  /** Whether the message has what tells its kind: the only candidate is it, whether or not it is valid. */
  readonly isCertain: boolean;
}

interface CompiledMark {
  readonly at: readonly string[];
  readonly values: ReadonlySet<MarkValue>;
}

/** Tells the kinds of one contract apart. */
export class Recogniser {
  readonly #marks: readonly (readonly CompiledMark[])[];
  readonly #kinds: readonly Kind[];

  constructor({ kinds }: Contract) {
    this.#kinds = kinds;
    this.#marks = kinds.map(({ marks }) =>
      marks.map(({ at, values }: Mark) => ({ at: tokensOf(at), values: new Set(values) })),
    );
  }

  /** What stands at the places of all marks, for a message of no kind: `/type "ping"`. */
  describe(message: unknown): string {
    const places = new Set(this.#kinds.flatMap(({ marks }) => marks.map(({ at }) => at)));
    const found = [...places].flatMap((at) => {
      const value = valueAt(message, tokensOf(at));
      return value === undefined ? [] : [`${at} ${foundOf("const", value, at)}`];
    });
    return found.length > 0 ? found.join(", ") : textOf(message);
  }

  /**
   * Kinds of the sender alone, if any may fit. The only kind of a sender is certain, unless marks tell another.
   *
   * @param message as JSON gives it
   * @param role what a descriptor takes it for, where there is one
   */
  recognise(message: unknown, role?: ContractRole, sender: Sender = "server"): Recognised {
    const kinds = this.#kinds;
    if (kinds.length === 1) return { candidates: [0], isCertain: true };
    const marked: number[] = [];
    const unmarked: number[] = [];
    for (let i = 0; i < kinds.length; i++) {
      const marks = this.#marks[i]!;
      if (kinds[i]!.role !== undefined) {
        if (kinds[i]!.role === role && marks.every((mark) => hasMark(message, mark))) marked.push(i);
      } else if (marks.length === 0) unmarked.push(i);
      else if (marks.every((mark) => hasMark(message, mark))) marked.push(i);
    }
    const isOwn = (kind: number) => kinds[kind]!.from === sender || kinds[kind]!.from === "both";
    if (marked.length > 0) {
      const own = marked.filter(isOwn);
      const candidates = own.length > 0 ? own : marked;
      return { candidates, isCertain: candidates.length === 1 };
    }
    // A loose schema of the other side takes any message: it says nothing about one of this side.
    const own = unmarked.filter(isOwn);
    if (own.length === 0) return { candidates: unmarked, isCertain: false };
    return { candidates: own, isCertain: kinds.filter((_, i) => isOwn(i)).length === 1 };
  }
}

const hasMark = (message: unknown, { at, values }: CompiledMark): boolean =>
  values.has(valueAt(message, at) as MarkValue);

function valueAt(message: unknown, at: readonly string[]): unknown {
  let value = message;
  for (const token of at) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    if (!Object.hasOwn(value, token)) return undefined;
    value = (value as Record<string, unknown>)[token];
  }
  return value;
}
