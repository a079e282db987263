/** What a schema says of fields, values and references, without validating: marks, coverage, and what is hostile. Pure. */
import { ContractError, type Item, type Mark, type MarkValue } from "./contract.ts";
import {
  type Documents,
  escapeToken,
  isObject,
  type Json,
  type JsonObject,
  type Place,
  shown,
} from "./refs.ts";

/** A schema, with the schemas that it applies. */
export interface Node {
  /** Its absolute location. */
  readonly at: string;
  readonly required: readonly string[];
  readonly properties: Map<string, Node>;
  /** Of items, additional and pattern properties: those of a value below. */
  readonly below: Node[];
  /** The items of a list by their place, and those after them. */
  readonly prefix: Node[];
  rest: Node | undefined;
  /** The nodes that all hold for the same value. */
  readonly all: Node[];
  /** Those of which one or another holds for the same value. */
  readonly some: Node[];
  /** Those of `not`, `contains` and of names. */
  readonly aside: Node[];
  readonly values: readonly Json[] | undefined;
  /** Whether its values are an enum's, each an item of the coverage. */
  readonly isEnum: boolean;
}

/** Applied to the same value, all of them. */
const ALL = ["allOf"] as const;
/** Applied to the same value, one or another. */
const SOME = ["anyOf", "oneOf"] as const;
const CONDITIONAL = ["if", "then", "else"] as const;

/** Fields and values that coverage follows; of more it follows the first. */
const MOST_ITEMS = 1_000;

const LONGEST_PATTERN = 1_000;

export class Outline {
  readonly #documents: Documents;
  readonly #nodes = new Map<string, Node>();
  /** Nodes that were found not to apply themselves to the same value. */
  readonly #ends = new Set<Node>();
  isRecursive = false;
  hasUnicodeClasses = false;

  constructor(documents: Documents) {
    this.#documents = documents;
  }

  /** @throws ContractError where a schema is hostile: it applies itself to the same value, or has a pattern refused */
  node(place: Place): Node {
    const known = this.#nodes.get(place.at);
    if (known) return known;
    const { value: schema, at } = place;
    const of: JsonObject = isObject(schema) ? schema : {};
    const isEnum = Array.isArray(of.enum);
    const node: Node = {
      at,
      required: Array.isArray(of.required) ? (of.required as string[]) : [],
      properties: new Map(),
      below: [],
      prefix: [],
      rest: undefined,
      all: [],
      some: [],
      aside: [],
      values: isEnum ? (of.enum as Json[]) : Object.hasOwn(of, "const") ? [of.const!] : undefined,
      isEnum,
    };
    this.#nodes.set(at, node);
    if (isObject(schema)) this.#fill(node, schema, place);
    return node;
  }

  #fill(node: Node, schema: JsonObject, place: Place): void {
    const sub = (value: Json, ...tokens: string[]): Node => {
      const at = `${place.at}${tokens.map((token) => `/${escapeToken(token)}`).join("")}`;
      return this.node(this.#documents.placeOf(value, { at, value, base: place.base }));
    };
    this.#requirePattern(schema.pattern, place.at);
    for (const one of this.#documents.referencesIn(place)) node.all.push(this.node(one));
    for (const [name, property] of members(schema.properties))
      node.properties.set(name, sub(property, "properties", name));
    for (const keyword of ["patternProperties", "dependentSchemas"] as const)
      for (const [name, property] of members(schema[keyword])) {
        if (keyword === "patternProperties") this.#requirePattern(name, place.at);
        (keyword === "patternProperties" ? node.below : node.some).push(sub(property, keyword, name));
      }
    for (const [name, dependency] of members(schema.dependencies))
      if (!Array.isArray(dependency)) node.some.push(sub(dependency, "dependencies", name));
    for (const keyword of ["additionalProperties", "unevaluatedProperties"] as const)
      if (isObject(schema[keyword])) node.below.push(sub(schema[keyword]!, keyword));
    this.#fillLists(node, schema, sub);
    for (const keyword of ALL)
      for (const [i, one] of list(schema[keyword]).entries()) node.all.push(sub(one, keyword, String(i)));
    for (const keyword of SOME)
      for (const [i, one] of list(schema[keyword]).entries()) node.some.push(sub(one, keyword, String(i)));
    for (const keyword of CONDITIONAL)
      if (schema[keyword] !== undefined) node.some.push(sub(schema[keyword]!, keyword));
    // These keywords do not describe what a message holds, but may be hostile all the same.
    for (const keyword of ["not", "propertyNames", "contains"] as const)
      if (isObject(schema[keyword])) node.aside.push(sub(schema[keyword]!, keyword));
  }

  #fillLists(node: Node, schema: JsonObject, sub: (value: Json, ...tokens: string[]) => Node): void {
    const { items, prefixItems, additionalItems, unevaluatedItems } = schema;
    const first = Array.isArray(prefixItems) ? prefixItems : Array.isArray(items) ? items : [];
    const keyword = Array.isArray(prefixItems) ? "prefixItems" : "items";
    for (const [i, one] of first.entries()) node.prefix.push(sub(one, keyword, String(i)));
    if (isObject(items)) node.rest = sub(items, "items");
    else if (isObject(additionalItems)) node.rest = sub(additionalItems, "additionalItems");
    else if (isObject(unevaluatedItems)) node.rest = sub(unevaluatedItems, "unevaluatedItems");
  }

  /**
   * Refuses schemas that apply themselves to the same value, of which no validator would ever come to an end.
   *
   * @throws ContractError naming one
   */
  requireEnds(from: Node): void {
    const everything = (node: Node) => [...inner(node), ...same(node)];
    const all = reachable(from, everything);
    const looped = all.find((node) => !this.#ends.has(node) && leadsBack(node, same, this.#ends));
    if (looped) {
      throw new ContractError(
        `${shown(looped.at)}: expected a schema that applies itself only to parts of a value, got one that applies itself to the same value`,
      );
    }
    this.isRecursive ||= leadsBack(from, everything, new Set());
  }

  #requirePattern(pattern: Json | undefined, at: string): void {
    if (typeof pattern !== "string") return;
    const problem = wrongWith(pattern);
    if (problem) throw new ContractError(`${shown(at)}: expected a pattern ${problem}, got ${cut(pattern)}`);
    this.hasUnicodeClasses ||= /\\p\{/i.test(pattern);
  }

  /** The fields and values below a kind's schema. */
  items(kind: string, from: Node, into: Map<string, Item>): void {
    const seen = new Set<Node>();
    const walk = (node: Node, path: string): void => {
      if (seen.has(node) || into.size >= MOST_ITEMS) return;
      seen.add(node);
      if (node.isEnum && node.values!.length > 1) {
        for (const [i, value] of node.values!.entries()) {
          const at = `${node.at}/enum/${i}`;
          add(into, { at, name: `${path}=${typeof value === "string" ? value : JSON.stringify(value)}` });
        }
      }
      for (const [name, property] of node.properties) {
        add(into, { at: property.at, name: `${path}/${escapeToken(name)}` });
        walk(property, `${path}/${escapeToken(name)}`);
      }
      for (const one of [...node.all, ...node.some]) walk(one, path);
      for (const one of [...node.prefix, ...(node.rest ? [node.rest] : []), ...node.below])
        walk(one, `${path}/*`);
    };
    walk(from, kind);
  }
}

function add(into: Map<string, Item>, item: Item): void {
  if (into.size < MOST_ITEMS && !into.has(item.at)) into.set(item.at, item);
}

const same = (node: Node): Node[] => [...node.all, ...node.some, ...node.aside];

function reachable(from: Node, next: (node: Node) => Node[]): Node[] {
  const found = new Set([from]);
  for (const node of found) for (const one of next(node)) found.add(one); // which the loop then comes to
  return [...found];
}

/** Whether a way from a node meets itself. `ends` collects the nodes that it went through without meeting itself. */
function leadsBack(from: Node, next: (node: Node) => Node[], ends: Set<Node>): boolean {
  const way = new Set<Node>();
  const stack: { readonly node: Node; readonly left: Node[] }[] = [];
  const enter = (node: Node) => {
    way.add(node);
    stack.push({ node, left: next(node) });
  };
  enter(from);
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const one = top.left.pop();
    if (one === undefined) {
      stack.pop();
      way.delete(top.node);
      ends.add(top.node);
    } else if (way.has(one)) return true;
    else if (!ends.has(one)) enter(one);
  }
  return false;
}

const inner = (node: Node): Node[] => [
  ...node.properties.values(),
  ...node.below,
  ...node.prefix,
  ...(node.rest ? [node.rest] : []),
];

const members = (value: Json | undefined): [string, Json][] => (isObject(value) ? Object.entries(value) : []);
const list = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);

/** How deep marks are looked for. */
const DEEPEST_MARK = 4;
const MOST_MARK_VALUES = 100;

/** The required members of a kind that have no more than some values, at any of several places. */
export function marksOf(from: Node): Mark[] {
  const marks: Mark[] = [];
  const walk = (nodes: readonly Node[], at: string, depth: number): void => {
    const all = nodes.flatMap((node) => together(node));
    const values = commonValues(all);
    if (at !== "" && values) marks.push({ at, values });
    if (depth === DEEPEST_MARK) return;
    // A member may be required by one schema and described by another that holds as well.
    for (const name of new Set(all.flatMap(({ required }) => required))) {
      const described = all.flatMap(({ properties }) => properties.get(name) ?? []);
      if (described.length > 0) walk(described, `${at}/${escapeToken(name)}`, depth + 1);
    }
  };
  walk([from], "", 0);
  return marks;
}

/**
 * The marks that tell the kinds apart, and no others. A message may be wrong at another mark and still be of the same
 * kind.
 */
export function tellApart(all: readonly (readonly Mark[])[]): readonly (readonly Mark[])[] {
  const chosen: (readonly Mark[])[] = all.map(() => []);
  const choose = (kinds: readonly number[], left: ReadonlyMap<number, readonly Mark[]>): void => {
    const at = bestPlace(kinds.flatMap((kind) => left.get(kind)!));
    if (at === undefined) return;
    const here = new Map<number, Mark>();
    for (const kind of kinds) {
      const mark = left.get(kind)!.find((one) => one.at === at);
      if (mark) here.set(kind, mark);
    }
    for (const [kind, mark] of here) chosen[kind] = [...chosen[kind]!, mark];
    const isShared = (kind: number) =>
      [...here].some(
        ([other, { values }]) =>
          other !== kind && values.some((value) => here.get(kind)!.values.includes(value)),
      );
    const others = new Map([...left].map(([kind, marks]) => [kind, marks.filter((one) => one.at !== at)]));
    choose([...here.keys()].filter(isShared), others);
    choose(
      kinds.filter((kind) => !here.has(kind)),
      others,
    );
  };
  choose([...all.keys()], new Map(all.entries()));
  return chosen;
}

/** The place that most kinds have a mark at; of several that with the fewest values, then the shortest. */
function bestPlace(marks: readonly Mark[]): string | undefined {
  const places = new Map<string, { kinds: number; values: number }>();
  for (const { at, values } of marks) {
    const { kinds, values: before } = places.get(at) ?? { kinds: 0, values: 0 };
    places.set(at, { kinds: kinds + 1, values: before + values.length });
  }
  const [best] = [...places].sort(
    ([a, { kinds: m, values: x }], [b, { kinds: n, values: y }]) =>
      n - m || x - y || a.length - b.length || (a < b ? -1 : 1),
  );
  return best?.[0];
}

function commonValues(nodes: readonly Node[]): readonly MarkValue[] | undefined {
  let common: readonly MarkValue[] | undefined;
  for (const { values } of nodes) {
    if (!values || values.length > MOST_MARK_VALUES || !values.every(isMarkValue)) continue;
    common = common ? common.filter((value) => values.includes(value)) : (values as readonly MarkValue[]);
  }
  return common;
}

function together(node: Node, seen: Set<Node> = new Set()): Node[] {
  if (seen.has(node)) return [];
  seen.add(node);
  return [node, ...node.all.flatMap((one) => together(one, seen))];
}

const isMarkValue = (value: Json): value is MarkValue => typeof value !== "object" || value === null;

const cut = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);

/** Why a pattern is refused: some take time without bound, and RE2, which the engine has, knows none of those. */
function wrongWith(pattern: string): string | undefined {
  if (pattern.length > LONGEST_PATTERN) return `of at most ${LONGEST_PATTERN} characters`;
  const plain = pattern.replace(/\\[^1-9k]/gs, "").replace(/\[[^\]]*\]/g, "");
  if (/\(\?(=|!|<=|<!)/.test(plain))
    return "without lookahead and lookbehind, which can take time without bound";
  if (/\\[1-9k]/.test(plain)) return "without backreferences, which can take time without bound";
  const counts = [...plain.matchAll(/\{(\d+)(?:,(\d*))?\}/g)].map(([, from, to]) => Number(to || from));
  if (counts.some((count) => count > 1_000)) return "that repeats at most 1000 times";
  try {
    new RegExp(pattern, "u");
  } catch {
    return "that is a regular expression";
  }
  return undefined;
}
