/** Which messages that one side may write the other would not expect. Pure. */
import { type Flat, flatten, includes, LOWER, type Schema, UPPER } from "./flat.ts";

export type Level = "breaking" | "risky" | "compatible";

/** Something that the writer may send and the reader does not expect. */
export interface Gap {
  readonly level: Level;
  /** JSON Pointer, with `*` for each item of a list and each other field. */
  readonly at: string;
  readonly rule: "type" | "value" | "missing" | "dropped" | "extra" | "bound" | "text" | "choice";
  /** What the writer may send, in words. */
  readonly writes: string;
  /** What the reader expects, in words. */
  readonly reads: string;
  /** Of a value: it. Of a field: its name. */
  readonly subject?: unknown;
}

const MOST_GAPS = 500;
const MOST_DEPTH = 40;

/** @param writer, reader what the one may send, and what the other expects */
export function gapsBetween(writer: Schema, reader: Schema): readonly Gap[] {
  const comparison = new Comparison();
  comparison.compare(writer, reader, "", 0);
  return comparison.gaps;
}

class Comparison {
  readonly gaps: Gap[] = [];
  readonly #under = new Set<string>();

  compare(writer: Schema, reader: Schema, at: string, depth: number): void {
    if (depth > MOST_DEPTH || this.gaps.length >= MOST_GAPS || reader.value === true) return;
    // Schemas that refer to themselves come around to the same pair.
    const pair = `${depth > 6 ? JSON.stringify([writer.value, reader.value]) : at}`;
    if (this.#under.has(pair)) return;
    this.#under.add(pair);
    const [written, read] = [flatten(writer), flatten(reader)];
    if (written.choices.length > 0 || read.choices.length > 0)
      this.#choices(written, read, { writer, reader }, at, depth);
    this.#values(written, read, at);
    this.#bounds(written, read, at);
    this.#fields(written, read, at, depth);
    if (written.items && read.items) this.compare(written.items, read.items, `${at}/*`, depth + 1);
    this.#under.delete(pair);
  }

  /** Each branch of the writer's must be one of the reader's. */
  #choices(
    written: Flat,
    read: Flat,
    { writer, reader }: { writer: Schema; reader: Schema },
    at: string,
    depth: number,
  ) {
    const branches = written.choices.length > 0 ? written.choices : [writer];
    const expected = read.choices.length > 0 ? read.choices : [reader];
    if (branches[0] === writer && expected[0] === reader) return;
    for (const [i, branch] of branches.entries()) {
      const results = expected.map((one) => branchGaps(branch, one, at, depth));
      const nearest = [...results].sort((a, b) => weightOf(a) - weightOf(b))[0] ?? [];
      if (nearest.length === 0) continue;
      const isOther = results.every((gaps) =>
        gaps.some(({ rule, level }) => level === "breaking" && (rule === "value" || rule === "type")),
      );
      if (isOther)
        this.#add({
          level: "breaking",
          at,
          rule: "choice",
          writes: `form ${i + 1} of ${branches.length}`,
          reads: `one of ${expected.length} forms`,
          subject: i,
        });
      else for (const gap of nearest) this.#add(gap);
    }
  }

  #values(written: Flat, read: Flat, at: string): void {
    if (written.values) {
      const reads = read.values ? valuesOf(read.values) : read.types ? listOf(read.types) : "other values";
      for (const value of written.values)
        if (!accepts(read, value))
          this.#add({ level: "breaking", at, rule: "value", writes: show(value), reads, subject: value });
      return;
    }
    const { types } = written;
    if (read.types && !types && written.choices.length === 0) {
      const writes = "a value of any type";
      this.#add({ level: "breaking", at, rule: "type", writes, reads: listOf(read.types) });
      return;
    }
    const other = [...(types ?? [])].filter((type) => read.types && !isAmong(type, read.types));
    if (other.length > 0)
      this.#add({ level: "breaking", at, rule: "type", writes: listOf(other), reads: listOf(read.types!) });
    else if (read.values && written.choices.length === 0)
      this.#add({ level: "breaking", at, rule: "value", writes: "any value", reads: valuesOf(read.values) });
  }

  #bounds(written: Flat, read: Flat, at: string): void {
    for (const [names, isWithin] of [
      [LOWER, (value: number, bound: number) => value >= bound],
      [UPPER, (value: number, bound: number) => value <= bound],
    ] as const) {
      for (const name of names) {
        const [own, bound] = [written.numbers[name], read.numbers[name]];
        if (bound === undefined || (own !== undefined && isWithin(own, bound)) || isFixed(written)) continue;
        this.#add({
          level: "breaking",
          at,
          rule: "bound",
          writes: own === undefined ? `no ${name}` : `${name} ${own}`,
          reads: `${name} ${bound}`,
        });
      }
    }
    for (const [name, text] of Object.entries(read.texts)) {
      if (written.texts[name] === text || isFixed(written)) continue;
      const own = written.texts[name];
      this.#add({
        level: "risky",
        at,
        rule: "text",
        writes: own === undefined ? `any ${name}` : `${name} ${own}`,
        reads: `${name} ${text}`,
      });
    }
  }

  #fields(written: Flat, read: Flat, at: string, depth: number): void {
    for (const [name, schema] of read.properties) {
      const field = `${at}/${escaped(name)}`;
      const own = written.properties.get(name);
      const isNeeded = read.required.has(name) && !written.required.has(name);
      const other = otherNameOf(name, written, read);
      if (!own && written.additional !== true) {
        // Its schema rules it out, or says what it would be.
        if (typeof written.additional !== "boolean")
          this.compare(written.additional, schema, field, depth + 1);
      }
      if (isNeeded)
        this.#add({
          level: "breaking",
          at: field,
          rule: "missing",
          writes: own ? "a message without it" : other,
          reads: "always this field",
          subject: name,
        });
      else if (!own)
        this.#add({
          level: "risky",
          at: field,
          rule: "dropped",
          writes: other,
          reads: "this field, sometimes",
          subject: name,
        });
      if (own) this.compare(own, schema, field, depth + 1);
    }
    for (const [name, schema] of written.properties) {
      if (read.properties.has(name) || read.additional === true) continue;
      const field = `${at}/${escaped(name)}`;
      if (read.additional === false)
        this.#add({
          level: "breaking",
          at: field,
          rule: "extra",
          writes: "this field",
          reads: "no other fields",
          subject: name,
        });
      else this.compare(schema, read.additional as Schema, field, depth + 1);
    }
    if (typeof written.additional !== "boolean" && typeof read.additional !== "boolean")
      this.compare(written.additional, read.additional, `${at}/*`, depth + 1);
  }

  #add(gap: Gap): void {
    if (this.gaps.length < MOST_GAPS) this.gaps.push(gap);
  }
}

function branchGaps(writer: Schema, reader: Schema, at: string, depth: number): readonly Gap[] {
  const comparison = new Comparison();
  comparison.compare(writer, reader, at, depth + 1);
  return comparison.gaps;
}

const weightOf = (gaps: readonly Gap[]): number =>
  gaps.reduce(
    (sum, { level, rule }) =>
      sum + (level === "breaking" ? (rule === "value" || rule === "type" ? 100 : 10) : 1),
    0,
  );

/** What took a field's place: one of the same schema that is new, where there is exactly one. */
function otherNameOf(name: string, written: Flat, read: Flat): string {
  if (written.properties.has(name)) return "a message without it";
  const same = JSON.stringify(read.properties.get(name)?.value);
  const fresh = [...written.properties].filter(
    ([one, { value }]) => !read.properties.has(one) && JSON.stringify(value) === same,
  );
  return fresh.length === 1
    ? `no such field; ${JSON.stringify(fresh[0]![0])} may be its new name`
    : "no such field";
}

/** Whether a reader takes the value, by its type, its listed values and its bounds. */
function accepts({ types, values, numbers }: Flat, value: unknown): boolean {
  if (values && !includes(values, value)) return false;
  if (types && !typesOf(value).some((type) => types.has(type))) return false;
  const measures = typeof value === "number" ? NUMBERS : typeof value === "string" ? LENGTHS : [];
  const size = typeof value === "number" ? value : String(value).length;
  return measures.every(([name, isWithin]) => numbers[name] === undefined || isWithin(size, numbers[name]));
}

type Measure = readonly [name: string, isWithin: (size: number, bound: number) => boolean];
const NUMBERS: readonly Measure[] = [
  ["minimum", (size, bound) => size >= bound],
  ["maximum", (size, bound) => size <= bound],
  ["exclusiveMinimum", (size, bound) => size > bound],
  ["exclusiveMaximum", (size, bound) => size < bound],
];
const LENGTHS: readonly Measure[] = [
  ["minLength", (size, bound) => size >= bound],
  ["maxLength", (size, bound) => size <= bound],
];

function typesOf(value: unknown): string[] {
  if (value === null) return ["null"];
  if (Array.isArray(value)) return ["array"];
  if (typeof value === "number") return Number.isInteger(value) ? ["integer", "number"] : ["number"];
  return [typeof value];
}

/** Whether all that may be written is told value by value. */
const isFixed = ({ values }: Flat): boolean => values !== undefined;

const isAmong = (type: string, types: ReadonlySet<string>): boolean =>
  types.has(type) || (type === "integer" && types.has("number"));

const escaped = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");
const listOf = (types: Iterable<string>): string => [...types].join(" or ");
const show = (value: unknown): string => {
  const json = JSON.stringify(value) ?? "nothing";
  return json.length > 60 ? `${json.slice(0, 60)}…` : json;
};
const valuesOf = (values: readonly unknown[]): string =>
  values.length > 8 ? `one of ${values.length} values` : values.map(show).join(", ");
