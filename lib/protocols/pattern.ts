/**
 * Regular expressions that mean the same in JavaScript and in RE2 (Go): the subset is read here, anything
 * else is refused. Go compiles a pattern as it is written; JavaScript gets a translation, because there `.`
 * and `[^x]` see UTF-16 units where RE2 sees characters, and `\s` and `.` know other characters.
 *
 * Allowed: literals, `.`, classes, `\d \w \s \D \W \S \b`, `^ $`, `(?:…)`, `(…)` (groups only), named groups
 * `(?<name>…)`, `|`, and the repetitions `* + ? {n} {n,} {n,m}`, each also lazy.
 */

/** A compiled pattern. */
export interface Pattern {
  /** Names of its groups, in order. */
  readonly names: readonly string[];
  /** Matches anywhere in the text unless anchored with `^`. */
  match(text: string): PatternMatch | undefined;
}

export interface PatternMatch {
  /** What each named group took; undefined where it took no part. */
  readonly groups: readonly (string | undefined)[];
  /** The start of the text after the match. */
  readonly end: number;
}

/** Why a pattern was refused: `message` continues "expected". */
export class PatternError extends Error {}

/** Largest count that RE2 takes in `{n,m}`. */
const MAX_REPEAT = 1000;

const SPACE = "\\t\\n\\f\\r ";
const CLASSES = new Map([
  ["d", "0-9"],
  ["w", "0-9A-Za-z_"],
  ["s", SPACE],
]);
const CONTROLS = new Map([
  ["t", 9],
  ["n", 10],
  ["v", 11],
  ["f", 12],
  ["r", 13],
]);
const PUNCTUATION = /^[!-/:-@[-`{-~]$/;
const PAIR = "[\\uD800-\\uDBFF][\\uDC00-\\uDFFF]";

/** Translates and compiles. Throws {@link PatternError}. */
export function compilePattern(source: string): Pattern {
  const { js, names } = new PatternParser(source).parse();
  const regex = new RegExp(js);
  return {
    names,
    match(text) {
      const found = regex.exec(text);
      return found ? { groups: found.slice(1), end: found.index + found[0].length } : undefined;
    },
  };
}

/** Facts about a part of the pattern that was read. */
interface Piece {
  readonly js: string;
  /** Whether it can match nothing: repeating that differs between the two engines. */
  readonly nullable: boolean;
  /** Whether it captures: what a repeated group keeps differs between the two engines. */
  readonly captures: boolean;
  /** Whether a repetition may follow. */
  readonly repeatable: boolean;
  /** Largest number of times that a counted repetition inside repeats, for RE2's limit. */
  readonly repeats: number;
}

/** A single character: its JavaScript source and its code. */
interface Character {
  readonly js: string;
  readonly code: number;
}

const piece = (js: string, traits: Partial<Piece> = {}): Piece => ({
  js,
  nullable: false,
  captures: false,
  repeatable: true,
  repeats: 1,
  ...traits,
});

class PatternParser {
  readonly #source: string;
  readonly #names: string[] = [];
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  parse(): { js: string; names: string[] } {
    const whole = this.#alternatives();
    if (this.#at < this.#source.length) this.#refuse(`no unmatched ")"`);
    return { js: whole.js, names: this.#names };
  }

  #alternatives(): Piece {
    const branches = [this.#sequence()];
    while (this.#take("|")) branches.push(this.#sequence());
    return join(
      branches,
      branches.map((b) => b.js).join("|"),
      branches.some((b) => b.nullable),
    );
  }

  #sequence(): Piece {
    const pieces: Piece[] = [];
    while (this.#at < this.#source.length && this.#peek() !== "|" && this.#peek() !== ")") {
      pieces.push(this.#repetition(this.#atom()));
    }
    return join(
      pieces,
      pieces.map((p) => p.js).join(""),
      pieces.every((p) => p.nullable),
    );
  }

  #atom(): Piece {
    const c = this.#next();
    if (c === "^" || c === "$") return piece(c, { nullable: true, repeatable: false });
    if (c === ".") return piece(`(?:${PAIR}|[^\\n\\uD800-\\uDFFF])`);
    if (c === "(") return this.#group();
    if (c === "[") return this.#class();
    if (c === "\\") return this.#escape();
    if ("*+?{".includes(c)) this.#refuse(`something before "${c}" (a literal one is written "\\${c}")`);
    if (c === "]" || c === "}") this.#refuse(`"\\${c}" for a literal "${c}"`);
    return piece(literal(c));
  }

  #group(): Piece {
    let open = "(?:";
    if (this.#take("?")) {
      if (this.#take("<")) {
        if (this.#peek() === "=" || this.#peek() === "!") this.#refuse("no lookbehind: RE2 has none");
        open = "(";
        this.#names.push(this.#groupName());
      } else if (!this.#take(":")) {
        if (this.#peek() === "=" || this.#peek() === "!") this.#refuse("no lookahead: RE2 has none");
        this.#refuse(`"(?:" or "(?<name>": flags and other kinds of group differ`);
      }
    }
    const inner = this.#alternatives();
    if (!this.#take(")")) this.#refuse(`a ")"`);
    return {
      ...inner,
      js: `${open}${inner.js})`,
      captures: inner.captures || open === "(",
      repeatable: true,
    };
  }

  #groupName(): string {
    const end = this.#source.indexOf(">", this.#at);
    const name = end === -1 ? "" : this.#source.slice(this.#at, end);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) this.#refuse("a group's name of letters, digits and _");
    if (this.#names.includes(name)) this.#refuse(`one group named "${name}", not two`);
    this.#at = end + 1;
    return name;
  }

  #escape(): Piece {
    const c = this.#next("a character after the backslash");
    if (c === "b") return piece("\\b", { nullable: true, repeatable: false });
    if (CLASSES.has(c)) return piece(`[${CLASSES.get(c)}]`);
    if (CLASSES.has(c.toLowerCase())) return piece(negated(CLASSES.get(c.toLowerCase())!));
    if (/[1-9k]/.test(c)) this.#refuse("no backreference: RE2 has none");
    return piece(this.#escapedCharacter(c).js);
  }

  #escapedCharacter(c: string): Character {
    const control = CONTROLS.get(c);
    if (control !== undefined || PUNCTUATION.test(c))
      return { js: `\\${c}`, code: control ?? c.charCodeAt(0) };
    if (c === "x") {
      const digits = this.#source.slice(this.#at, this.#at + 2);
      if (!/^[0-9A-Fa-f]{2}$/.test(digits)) this.#refuse(`two hexadecimal digits after "\\x"`);
      this.#at += 2;
      return { js: `\\x${digits}`, code: Number.parseInt(digits, 16) };
    }
    return this.#refuse(`none of "\\${c}": it differs or is unknown in JavaScript or RE2`);
  }

  #class(): Piece {
    const negate = this.#take("^");
    let inside = "";
    if (this.#peek() === "]") this.#refuse(`"\\]" for a "]" in a class`);
    while (!this.#take("]")) {
      const low = this.#classItem();
      if (this.#peek() !== "-" || this.#source[this.#at + 1] === "]") {
        inside += low.js;
        continue;
      }
      this.#next();
      const high = this.#classItem();
      if (low.code === undefined || high.code === undefined || low.code > high.code) {
        this.#refuse("a range from a lower to a higher character");
      }
      inside += `${low.js}-${high.js}`;
    }
    return piece(negate ? negated(inside) : `[${inside}]`);
  }

  /** One character of a class, or a class such as `\d`, which has no code. */
  #classItem(): Partial<Character> & { js: string } {
    const c = this.#next(`a "]"`);
    if (c === "[") this.#refuse(`"\\[" for a "[" in a class`);
    if (c.length > 1) this.#refuse("no character above U+FFFF in a class");
    if (c !== "\\") return { js: c === "^" || c === "-" ? `\\${c}` : literal(c), code: c.charCodeAt(0) };
    const escaped = this.#next("a character after the backslash");
    if (CLASSES.has(escaped)) return { js: CLASSES.get(escaped)! };
    return this.#escapedCharacter(escaped);
  }

  #repetition(atom: Piece): Piece {
    const quantifier = this.#quantifier();
    if (!quantifier) return atom;
    if (!atom.repeatable) this.#refuse("no repetition of an anchor");
    if (atom.captures && quantifier.max > 1) this.#refuse("no named group inside a repetition");
    if (atom.nullable) this.#refuse("no repetition of what can match nothing");
    const repeats = atom.repeats * (quantifier.counted || 1);
    if (repeats > MAX_REPEAT) this.#refuse(`at most ${MAX_REPEAT} repetitions`);
    const lazy = this.#take("?") ? "?" : "";
    if (this.#peek() && "*+?{".includes(this.#peek()!)) this.#refuse("one repetition, not two in a row");
    // A character above U+FFFF is two units, which a repetition must take together.
    const js = atom.js.length > 1 && /^\\u/.test(atom.js) ? `(?:${atom.js})` : atom.js;
    return { ...atom, js: js + quantifier.js + lazy, nullable: quantifier.min === 0, repeats };
  }

  #quantifier(): { js: string; min: number; max: number; counted: number } | undefined {
    const c = this.#peek();
    if (c === "*" || c === "+" || c === "?") {
      this.#next();
      return { js: c, min: c === "+" ? 1 : 0, max: c === "?" ? 1 : Number.POSITIVE_INFINITY, counted: 0 };
    }
    if (c !== "{") return undefined;
    const found = /^\{([0-9]{1,4})(?:(,)([0-9]{1,4})?)?\}/.exec(this.#source.slice(this.#at, this.#at + 12));
    if (!found)
      this.#refuse(`a repetition such as "{2}", "{2,}" or "{2,5}" (a literal one is written "\\{")`);
    const min = Number(found[1]);
    const max = found[3] ? Number(found[3]) : found[2] ? Number.POSITIVE_INFINITY : min;
    const counted = found[3] ? max : min;
    if (max < min || max === 0) this.#refuse("a repetition from a lower to a higher number, above zero");
    if (counted > MAX_REPEAT) this.#refuse(`at most ${MAX_REPEAT} repetitions`);
    this.#at += found[0].length;
    return { js: found[0], min, max, counted };
  }

  #peek(): string | undefined {
    return this.#source[this.#at];
  }

  #next(expected = "more"): string {
    const point = this.#source.codePointAt(this.#at);
    if (point === undefined) this.#refuse(expected);
    const c = String.fromCodePoint(point);
    this.#at += c.length;
    return c;
  }

  #take(c: string): boolean {
    if (this.#peek() !== c) return false;
    this.#at++;
    return true;
  }

  #refuse(expected: string): never {
    throw new PatternError(`${expected} (at character ${this.#at})`);
  }
}

function join(pieces: readonly Piece[], js: string, nullable: boolean): Piece {
  return piece(js, {
    nullable,
    captures: pieces.some((p) => p.captures),
    repeats: Math.max(1, ...pieces.map((p) => p.repeats)),
  });
}

const negated = (inside: string): string => `(?:${PAIR}|[^${inside}\\uD800-\\uDFFF])`;

/** A character as JavaScript source: anything but plain ASCII by its UTF-16 units. */
function literal(c: string): string {
  if (/^[ -~]$/.test(c)) return PUNCTUATION.test(c) ? `\\${c}` : c;
  return [...Array(c.length).keys()]
    .map((i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, "0")}`)
    .join("");
}
