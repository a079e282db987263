/** Reads a contract: one JSON Schema, a map of message kinds to schemas, or an AsyncAPI document. */
import {
  type Contract,
  ContractError,
  type ContractRole,
  DRAFTS,
  type Draft,
  type Item,
  type Kind,
  ROLES,
  SENDERS,
  type Sender,
  UNKNOWN,
} from "./contract.ts";
import { marksOf, Outline, tellApart } from "./outline.ts";
import {
  Documents,
  escapeToken,
  isObject,
  type Json,
  type JsonObject,
  type Place,
  ROOT,
  tokensOf,
} from "./refs.ts";

const MOST_KINDS = 200;

/** Reads a JSON file by its path relative to the contract's folder. */
export type ReadJson = (path: string) => Json;

/** Facts about a kind, known before its schema is read. */
export interface Stated {
  readonly name: string;
  readonly place: Place;
  readonly from: Sender;
  readonly where?: Readonly<Record<string, Json>> | undefined;
  readonly role?: ContractRole | undefined;
  readonly first?: boolean | undefined;
  readonly once?: boolean | undefined;
  readonly after?: readonly string[] | undefined;
}

/**
 * Reads the contract of a file.
 *
 * @param path its path, of which only the last part is told
 * @param read reads it, and the files that it refers to
 * @throws {@link ContractError}
 */
export function loadContract(path: string, read: ReadJson): Contract {
  const name = path.replace(/^.*[/\\]/, "");
  const root = read(name);
  if (!isObject(root)) throw new ContractError(`${name}: expected an object, got ${nameOf(root)}`);
  const draft = draftOf(root, name);
  const documents = new Documents(draft, read);
  const place = documents.add(name, root);
  const stated = isObject(root.messages)
    ? statedIn(root.messages, place, name)
    : statedBy(root, place, documents);
  return contractOf(name, draft, documents, stated);
}

/** Puts a contract together once it is known which kinds there are. */
export function contractOf(
  source: string,
  draft: Draft,
  documents: Documents,
  stated: readonly Stated[],
): Contract {
  if (stated.length === 0 || stated.length > MOST_KINDS)
    throw new ContractError(`${source}: expected 1 to ${MOST_KINDS} kinds of message, got ${stated.length}`);
  requireOneDraft(documents, draft);
  const outline = new Outline(documents);
  const items = new Map<string, Item>();
  const nodes = stated.map(({ name, place }) => {
    const node = outline.node(place);
    outline.requireEnds(node);
    outline.items(name, node, items);
    return node;
  });
  const marks = tellApart(stated.map(({ where }, i) => (where ? [] : marksOf(nodes[i]!))));
  const kinds = stated.map((one, i): Kind => {
    const { place, where, ...rest } = one;
    const given =
      where &&
      Object.entries(where).map(([at, value]) => ({ at, values: valuesOf(value, source, one.name) }));
    return { ...rest, schema: place.at, marks: given ?? marks[i]! };
  });
  for (const { name, after = [] } of kinds)
    for (const other of after)
      if (!kinds.some((kind) => kind.name === other))
        throw new ContractError(
          `${source}: messages.${name}.after: expected names of kinds, got ${JSON.stringify(other)}`,
        );
  return {
    source,
    draft,
    documents: documents.resolved(),
    kinds,
    items: [...items.values()],
    isRecursive: outline.isRecursive,
    hasUnicodeClasses: outline.hasUnicodeClasses,
    checksSent: kinds.some(({ from }) => from !== "server"),
  };
}

const URIS: Readonly<Record<string, Draft>> = {
  "http://json-schema.org/draft-07/schema": "7",
  "https://json-schema.org/draft/2019-09/schema": "2019-09",
  "https://json-schema.org/draft/2020-12/schema": "2020-12",
};

function draftOf(root: JsonObject, at: string): Draft {
  if (root.$schema === undefined) return "2020-12";
  const draft = typeof root.$schema === "string" ? URIS[root.$schema.replace(/#$/, "")] : undefined;
  if (draft) return draft;
  throw new ContractError(
    `${at}: $schema: expected JSON Schema draft ${DRAFTS.join(", ")}, got ${JSON.stringify(root.$schema)}`,
  );
}

/** Schemas of several drafts side by side no two validators take alike. */
function requireOneDraft(documents: Documents, draft: Draft): void {
  for (const [uri, document] of documents.all) {
    if (!isObject(document) || document.$schema === undefined) continue;
    const own = draftOf(document, uri.slice(ROOT.length));
    if (own !== draft)
      throw new ContractError(
        `${uri.slice(ROOT.length)}: $schema: expected the contract's draft, ${draft}, got draft ${own}`,
      );
  }
}

const KIND_FIELDS = ["schema", "from", "where", "role", "first", "once", "after", "description"];

/** The kinds of a map: a schema for each, or an object that holds one and says more. */
function statedIn(messages: JsonObject, root: Place, source: string): Stated[] {
  return Object.entries(messages).map(([name, value]) => {
    const at = `${source}: messages.${name}`;
    requireName(name, `${source}: messages`);
    const own: Place = { at: `${root.at}/messages/${escapeToken(name)}`, value, base: root.base };
    if (!isObject(value) || value.schema === undefined) {
      if (!isObject(value) && typeof value !== "boolean")
        throw new ContractError(`${at}: expected a JSON Schema, got ${nameOf(value)}`);
      return { name, place: own, from: "server" };
    }
    for (const field of Object.keys(value))
      if (!KIND_FIELDS.includes(field))
        throw new ContractError(
          `${at}: expected ${KIND_FIELDS.join(", ")} beside "schema", got ${JSON.stringify(field)}`,
        );
    const { schema, from = "server", where, role, first = false, once = false, after } = value;
    if (!SENDERS.includes(from as Sender)) wrong(at, "from", SENDERS.join(" or "), from);
    if (role !== undefined && !ROLES.includes(role as ContractRole))
      wrong(at, "role", ROLES.join(", "), role);
    if (typeof first !== "boolean") wrong(at, "first", "true or false", first);
    if (typeof once !== "boolean") wrong(at, "once", "true or false", once);
    if (where !== undefined && !isObject(where))
      wrong(at, "where", "JSON Pointers, each with a value", where);
    for (const pointer of Object.keys((where as JsonObject) ?? {}))
      if (!pointer.startsWith("/")) wrong(at, "where", 'JSON Pointers such as "/type"', pointer);
    const names = typeof after === "string" ? [after] : after;
    if (names !== undefined && !(Array.isArray(names) && names.every((one) => typeof one === "string")))
      wrong(at, "after", "the name of a kind, or a list of them", after ?? null);
    return {
      name,
      place: { at: `${own.at}/schema`, value: schema!, base: root.base },
      from: from as Sender,
      ...(where !== undefined && { where: where as JsonObject }),
      ...(role !== undefined && { role: role as ContractRole }),
      ...(first && { first }),
      ...(once && { once }),
      ...(names !== undefined && { after: names as string[] }),
    };
  });
}

/** What a schema may have beside a choice, if its branches are to be the kinds. */
const BESIDE =
  /^(\$schema|\$id|\$defs|definitions|\$comment|\$anchor|title|description|examples|discriminator)$/;

/** The kinds of one schema: the branches of its choice, or itself. */
function statedBy(schema: JsonObject, root: Place, documents: Documents): Stated[] {
  const keywords = Object.keys(schema).filter((keyword) => !BESIDE.test(keyword));
  const choice = keywords[0]!;
  if (keywords.length !== 1 || (choice !== "oneOf" && choice !== "anyOf")) {
    return [{ name: tagOf(schema.title) ?? "message", place: root, from: "server" }];
  }
  const branches = schema[choice] as readonly Json[];
  if (!Array.isArray(branches))
    wrong(root.at.slice(ROOT.length), choice, "a list of schemas", schema[choice]!);
  const taken = new Set<string>();
  return branches.map((branch, i) => {
    const at = `${root.at}/${choice}/${i}`;
    const place = documents.placeOf(branch, { at, value: branch, base: root.base });
    let name = nameOfBranch(branch) ?? `kind${i}`;
    if (taken.has(name)) name = `${name}${i}`;
    taken.add(name);
    return { name, place, from: "server" };
  });
}

function nameOfBranch(branch: Json): string | undefined {
  if (!isObject(branch)) return undefined;
  const { $ref, title } = branch;
  const last = typeof $ref === "string" ? tokensOf($ref.replace(/^[^/]*/, "")).at(-1) : undefined;
  return tagOf(last?.replace(/(\.schema)?\.(json|ya?ml)$/, "")) ?? tagOf(title);
}

/** A text as the name of a kind; undefined if no name can be made from it. */
export function tagOf(text: Json | undefined): string | undefined {
  if (typeof text !== "string") return undefined;
  const name = text
    .trim()
    .replace(/[^\w.-]+/g, "_")
    .slice(0, 64);
  return name === "" || name === UNKNOWN ? undefined : name;
}

function requireName(name: string, at: string): void {
  if (!/^[\w.-]{1,64}$/.test(name) || name === UNKNOWN)
    throw new ContractError(
      `${at}: expected names of up to 64 letters, digits, "_", "-" and "." other than "${UNKNOWN}", got ${JSON.stringify(name.slice(0, 80))}`,
    );
}

function valuesOf(value: Json, source: string, kind: string) {
  const values = Array.isArray(value) ? value : [value];
  for (const one of values)
    if (typeof one === "object" && one !== null)
      wrong(`${source}: messages.${kind}`, "where", "texts, numbers, true, false or null", one);
  return values as (string | number | boolean | null)[];
}

function wrong(at: string, field: string, expected: string, got: Json): never {
  throw new ContractError(`${at}.${field}: expected ${expected}, got ${JSON.stringify(got)}`);
}

const nameOf = (value: unknown): string =>
  value === null ? "null" : Array.isArray(value) ? "a list" : `a ${typeof value}`;
