/** Schemas by their location: `$id`, `$anchor` and `$ref` over the documents of a contract. Pure. */
import fastUri from "fast-uri";
import { ContractError, type Draft, FORMATS } from "./contract.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export type JsonObject = { readonly [name: string]: Json };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The base URL of a contract's documents. Their paths from its folder follow it, so that no machine's paths show. */
export const ROOT = "contract:///";

/** Keywords that hold values, not schemas. */
const VALUES = ["enum", "const", "default", "examples", "example"];

/** Keywords whose members have names of their own. */
const MAPS = [
  "properties",
  "patternProperties",
  "$defs",
  "definitions",
  "dependentSchemas",
  "dependencies",
  "messages",
];

const REFERENCES = ["$ref", "$dynamicRef", "$recursiveRef"] as const;
/** What `$recursiveAnchor` counts as among the dynamic anchors. */
const RECURSIVE = "$recursiveAnchor";
/** What only serves to resolve references. */
const RESOLVING = [
  ...REFERENCES,
  "$id",
  "$anchor",
  "$dynamicAnchor",
  "$recursiveAnchor",
] as readonly string[];

const METASCHEMAS = /^https?:\/\/json-schema\.org\/draft(-07|\/20(19-09|20-12))\//;

/** What bounds a hostile schema. */
const MOST_DOCUMENTS = 200;
const MOST_NODES = 200_000;
const MOST_NESTED_SCHEMAS = 200;

/** An object of a document: a schema, or what holds one. */
export interface Place {
  /** Absolute URI of its document and a JSON Pointer into it. */
  readonly at: string;
  readonly value: Json;
  /** The URI that references in it are relative to. */
  readonly base: string;
}

/** Reads a document beside others; `path` is relative to the contract's folder. */
export type ReadDocument = (path: string) => Json;

/** The position of {@link Documents} in a document. */
interface Indexing {
  readonly at: string;
  readonly base: string;
  readonly path: string;
  readonly depth: number;
  /** Whether the members have names of their own rather than keywords. */
  readonly isMap: boolean;
}

/** The documents of a contract, each read once. */
export class Documents {
  readonly #byUri = new Map<string, Json>();
  readonly #read: ReadDocument;
  readonly #draft: Draft;
  /** By URI without fragment: documents, and schemas with an `$id` of their own. */
  readonly #resources = new Map<string, Place>();
  readonly #anchors = new Map<string, Place>();
  /** How many schemas have each dynamic anchor. */
  readonly #dynamic = new Map<string, number>();
  /** The path of the document that a resource stands in. */
  readonly #paths = new Map<string, string>();
  readonly #places = new WeakMap<object, Place>();
  #nodes = 0;

  constructor(draft: Draft, read: ReadDocument) {
    this.#draft = draft;
    this.#read = read;
  }

  /** Takes a document in, and every document that it refers to. */
  add(path: string, document: Json, uri: string = ROOT + path): Place {
    const known = this.#resources.get(uri);
    if (known) return known;
    if (this.#paths.size >= MOST_DOCUMENTS)
      throw new ContractError(`${path}: expected at most ${MOST_DOCUMENTS} documents, got more`);
    this.#byUri.set(uri, document);
    this.#paths.set(uri, path);
    const place: Place = { at: `${uri}#`, value: document, base: uri };
    this.#resources.set(uri, place);
    this.#index(document, { at: `${uri}#`, base: uri, path, depth: 0, isMap: false });
    this.#follow(document, path);
    return this.placeOf(document, place);
  }

  /** The documents as they were read, by URI. */
  get all(): Iterable<[uri: string, document: Json]> {
    return this.#byUri;
  }

  /**
   * The documents with every reference made absolute, without what only serves to resolve them and without formats that
   * are not checked: no two validators can differ in these. A dynamic reference becomes one to where it leads at first.
   */
  resolved(): Record<string, Json> {
    return Object.fromEntries(
      [...this.#byUri].map(([uri, document]) => [uri, this.#resolved(document, false)]),
    );
  }

  #resolved(value: Json, isMap: boolean): Json {
    if (Array.isArray(value)) return value.map((one) => this.#resolved(one, false));
    if (!isObject(value)) return value;
    const place = isMap ? undefined : this.#places.get(value);
    const references = place ? this.referencesIn(place) : [];
    if (references.length > 0 && this.#draft === "7") return { $ref: uriOf(references[0]!.at) };
    const members = Object.entries(value)
      .filter(([name, member]) => !place || !(RESOLVING.includes(name) || isFormatUnchecked(name, member)))
      .map(([name, member]) => {
        const isValue = place !== undefined && VALUES.includes(name);
        return [name, isValue ? member : this.#resolved(member, place !== undefined && MAPS.includes(name))];
      });
    const [first, ...more] = references;
    return {
      ...Object.fromEntries(members),
      ...(first && { $ref: uriOf(first.at) }),
      ...(more.length > 0 && {
        allOf: [...((value.allOf as Json[]) ?? []), ...more.map(({ at }) => ({ $ref: uriOf(at) }))],
      }),
    };
  }

  /** What the references of a schema lead to. */
  referencesIn(place: Place): Place[] {
    const { value } = place;
    if (!isObject(value)) return [];
    return REFERENCES.flatMap((keyword) => {
      const reference = value[keyword];
      if (typeof reference !== "string") return [];
      const target = this.target(place, reference);
      if (keyword !== "$ref") this.#requireOneMeaning(place, keyword, reference, target);
      return [target];
    });
  }

  /** A dynamic reference is followed where it can lead to one schema only, however it is come to. */
  #requireOneMeaning(place: Place, keyword: string, reference: string, { value }: Place): void {
    if (!isObject(value)) return;
    const { $dynamicAnchor, $recursiveAnchor } = value;
    const name =
      keyword === "$dynamicRef" && reference.endsWith(`#${$dynamicAnchor}`)
        ? ($dynamicAnchor as string)
        : keyword === "$recursiveRef" && $recursiveAnchor === true
          ? RECURSIVE
          : undefined;
    if (name !== undefined && this.#dynamic.get(name)! > 1) {
      throw new ContractError(
        `${shown(place.at)}: expected ${keyword} to lead to one schema, got ${JSON.stringify(reference)}, which may lead to ${this.#dynamic.get(name)}`,
      );
    }
  }

  /** The place of a schema that was found by walking from another: its own, or `parent`'s with a further pointer. */
  placeOf(value: Json, fallback: Place): Place {
    return (isObject(value) ? this.#places.get(value) : undefined) ?? fallback;
  }

  /** What a reference in `from` leads to. */
  target(from: Place, reference: string): Place {
    const uri = absolute(from.base, reference);
    const [document, fragment] = split(uri);
    // Every validator has the schemas that describe JSON Schema itself.
    if (METASCHEMAS.test(document)) return { at: `${document}#${fragment}`, value: {}, base: document };
    const resource = this.#resources.get(document);
    if (!resource) throw new ContractError(`${shown(from.at)}: ${this.#unknown(document, reference)}`);
    if (fragment === "") return resource;
    if (!fragment.startsWith("/")) {
      const anchor = this.#anchors.get(`${document}#${fragment}`);
      if (anchor) return anchor;
      throw new ContractError(
        `${shown(from.at)}: expected $ref to name an anchor of ${shown(document)}, got ${JSON.stringify(reference)}`,
      );
    }
    return this.#pointed(resource, fragment, from, reference);
  }

  #pointed(resource: Place, pointer: string, from: Place, reference: string): Place {
    let value: Json | undefined = resource.value;
    let place = resource;
    let { at } = resource;
    for (const token of tokensOf(pointer)) {
      value = Array.isArray(value)
        ? (value as readonly Json[])[Number(token)]
        : isObject(value) && Object.hasOwn(value, token)
          ? value[token]
          : undefined;
      if (value === undefined) {
        throw new ContractError(
          `${shown(from.at)}: expected $ref to lead to something, got ${JSON.stringify(reference)}, where there is nothing`,
        );
      }
      at += `/${escapeToken(token)}`;
      place = this.placeOf(value, { at, value, base: place.base });
    }
    return place;
  }

  #unknown(document: string, reference: string): string {
    const what = `got ${JSON.stringify(reference)}`;
    return document.startsWith(ROOT)
      ? `expected $ref to lead to a file that can be read, ${what}`
      : `expected $ref to a file beside the contract, or to an $id in one, ${what}: nothing is fetched`;
  }

  /** Notes every place, with its base URI, `$id` and anchors. */
  #index(value: Json, from: Indexing): void {
    if (typeof value !== "object" || value === null) return;
    const { at, base, path, depth, isMap } = from;
    if (++this.#nodes > MOST_NODES)
      throw new ContractError(
        `${path}: expected documents of at most ${MOST_NODES} objects and lists, got more`,
      );
    if (depth > MOST_NESTED_SCHEMAS)
      throw new ContractError(
        `${path}: expected schemas that nest at most ${MOST_NESTED_SCHEMAS} deep, got deeper ones`,
      );
    const below = { ...from, depth: depth + 1 };
    if (Array.isArray(value)) {
      for (const [i, one] of value.entries()) this.#index(one, { ...below, at: `${at}/${i}`, isMap: false });
      return;
    }
    const object = value as JsonObject;
    const own = isMap ? base : this.#name(object, from);
    if (!isMap) this.#places.set(object, { at, value, base: own });
    for (const [name, member] of Object.entries(object)) {
      if (!isMap && VALUES.includes(name)) continue;
      const isOfNames = !isMap && MAPS.includes(name);
      this.#index(member, { ...below, at: `${at}/${escapeToken(name)}`, base: own, isMap: isOfNames });
    }
  }

  /** Notes what a schema calls itself; gives the URI that references in it are relative to. */
  #name(schema: JsonObject, { at, base, path }: Indexing): string {
    const { $id, $anchor, $dynamicAnchor, $recursiveAnchor, $ref } = schema;
    let own = base;
    const isHidden = this.#draft === "7" && typeof $ref === "string";
    if (typeof $id === "string" && !isHidden) {
      if ($id.startsWith("#")) this.#anchors.set(base + $id, { at, value: schema, base });
      else {
        own = split(absolute(base, $id))[0];
        const known = this.#resources.get(own);
        if (known && known.value !== schema)
          throw new ContractError(
            `${shown(at)}: expected an $id that no other schema has, got ${shown(own)}`,
          );
        this.#resources.set(own, { at, value: schema, base: own });
        this.#paths.set(own, path);
      }
    }
    for (const name of [$dynamicAnchor, $recursiveAnchor === true ? RECURSIVE : undefined])
      if (typeof name === "string") this.#dynamic.set(name, (this.#dynamic.get(name) ?? 0) + 1);
    for (const name of [$anchor, $dynamicAnchor])
      if (typeof name === "string") this.#anchors.set(`${own}#${name}`, { at, value: schema, base: own });
    return own;
  }

  /** Reads what the references of a document lead to. */
  #follow(value: Json, path: string): void {
    if (Array.isArray(value)) for (const one of value) this.#follow(one, path);
    if (!isObject(value)) return;
    const place = this.#places.get(value);
    for (const keyword of REFERENCES) {
      const reference = value[keyword];
      if (place && typeof reference === "string") this.#reach(place, reference, path);
    }
    for (const member of Object.values(value)) this.#follow(member, path);
  }

  #reach(from: Place, reference: string, path: string): void {
    const uri = split(absolute(from.base, reference))[0];
    if (this.#resources.has(uri) || METASCHEMAS.test(uri)) return;
    const [file = ""] = split(reference);
    const isRelative = file !== "" && !/^([a-z][a-z0-9+.-]*:|[/\\])/i.test(file);
    if (!isRelative) {
      const refused = /^(file:|[/\\])/i.test(file)
        ? `expected $ref to a path relative to the document, got ${JSON.stringify(reference)}`
        : this.#unknown(uri, reference);
      throw new ContractError(`${shown(from.at)}: ${refused}`);
    }
    const beside = join(path, decodeURIComponent(file));
    if (beside === undefined) {
      throw new ContractError(
        `${shown(from.at)}: expected $ref to a file in the contract's folder or below, got ${JSON.stringify(reference)}`,
      );
    }
    const place = this.add(beside, this.#resources.get(ROOT + beside)?.value ?? this.#read(beside));
    // Of a document with an $id its neighbours are known by URIs of that kind.
    if (!this.#resources.has(uri)) this.#resources.set(uri, place);
  }
}

const absolute = (base: string, reference: string): string => {
  if (reference.startsWith("#")) return split(base)[0] + reference;
  return fastUri.resolve(base, reference);
};

function split(uri: string): [document: string, fragment: string] {
  const at = uri.indexOf("#");
  if (at === -1) return [uri, ""];
  let fragment = uri.slice(at + 1);
  try {
    fragment = decodeURIComponent(fragment);
  } catch {
    // Then it is not a percent-encoding.
  }
  return [uri.slice(0, at), fragment];
}

/** A path relative to the folder of `from`; undefined outside of the contract's. */
function join(from: string, file: string): string | undefined {
  const parts = from.split("/").slice(0, -1);
  for (const part of file.split(/[/\\]/)) {
    if (part === "..") {
      if (parts.pop() === undefined) return undefined;
    } else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.join("/");
}

const isFormatUnchecked = (keyword: string, value: Json): boolean =>
  keyword === "format" && !(FORMATS as readonly Json[]).includes(value);

export const escapeToken = (token: string): string => token.replaceAll("~", "~0").replaceAll("/", "~1");
export const tokensOf = (pointer: string): string[] =>
  pointer === ""
    ? []
    : pointer
        .slice(1)
        .split("/")
        .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));

/** A location as a URI: what stands in its pointer is encoded. */
export function uriOf(at: string): string {
  const [document = "", ...pointer] = at.split("#");
  return `${document}#${encodeURI(pointer.join("%23")).replaceAll("%2523", "%23")}`;
}

/** A location as people read it. */
export const shown = (uri: string): string => (uri.startsWith(ROOT) ? uri.slice(ROOT.length) : uri);
