import { parsePointer, resolvePointer } from "../protocols/pointer.ts";
import { AsyncApiError, type Place, refuse, refuseAs } from "./problem.ts";
import { type Budget, MOST, parseText } from "./text.ts";

/** A value, and where it stands. */
export interface Located extends Place {
  readonly value: unknown;
}

export type Fields = { readonly [name: string]: unknown };

export const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Reads a file below the folder that may be read.
 *
 * @param path relative, with slashes; never leads out of the folder by its text
 * @throws AsyncApiError if there is no such file, or a symbolic link leads out of the folder
 */
export type ReadText = (path: string) => string;

/** More references one after another are a mistake. */
const MOST_HOPS = 100;

/** The files of one document, each read once, and what their references lead to. Reads local files alone. */
export class Files {
  readonly #read: ReadText;
  readonly #documents = new Map<string, unknown>();
  readonly #budget: Budget = { values: 0 };

  constructor(read: ReadText) {
    this.#read = read;
  }

  /** The whole of a file. */
  open(file: string): Located {
    if (!this.#documents.has(file)) {
      if (this.#documents.size >= MOST.files)
        throw new AsyncApiError(`${file}: expected at most ${MOST.files} files, got one more`);
      this.#documents.set(file, parseText(this.#read(file), file, this.#budget));
    }
    return { value: this.#documents.get(file), file, pointer: "" };
  }

  /** What stands there, or what a `$ref` that stands there leads to in the end. */
  follow(at: Located): Located {
    let here = at;
    for (let hops = 0; isReference(here.value); hops++) {
      if (hops === MOST_HOPS) refuseAs(at, "a $ref that leads to something", "one that leads to itself");
      here = this.target(here.value.$ref, here);
    }
    return here;
  }

  /** A field of an object, followed; undefined where it is not there. */
  field(of: Located, name: string): Located | undefined {
    if (!isFields(of.value) || !Object.hasOwn(of.value, name) || of.value[name] === undefined)
      return undefined;
    return this.follow(inside(of, name));
  }

  /** The fields of an object, followed. None where there is no object. */
  fields(of: Located | undefined): [name: string, Located][] {
    if (of === undefined) return [];
    if (!isFields(of.value)) return refuse(of, "an object", of.value);
    return Object.keys(of.value).map((name) => [name, this.follow(inside(of, name))]);
  }

  /** The items of a list, followed. None where there is no list. */
  items(of: Located | undefined): Located[] {
    if (of === undefined) return [];
    if (!Array.isArray(of.value)) return refuse(of, "a list", of.value);
    return of.value.map((_, i) => this.follow(inside(of, String(i))));
  }

  /** What one reference leads to, which may be another. */
  target(reference: string, at: Place): Located {
    const place = { file: at.file, pointer: `${at.pointer}/$ref` };
    const [path = "", fragment = ""] = split(reference);
    const file = path === "" ? at.file : besides(at.file, decoded(path, place), reference, place);
    const pointer = decoded(fragment, place);
    const tokens = parsePointer(pointer);
    if (tokens === undefined) return refuse(place, "a JSON Pointer behind #", reference);
    const value = resolvePointer(this.open(file).value, tokens);
    if (value === undefined) return refuse(place, "a $ref to something that is there", reference);
    return { value, file, pointer };
  }
}

export const isReference = (value: unknown): value is { readonly $ref: string } =>
  isFields(value) && typeof value.$ref === "string";

/** A part of a value, as it stands there. */
export const inside = ({ value, file, pointer }: Located, token: string): Located => ({
  value: (value as { readonly [token: string]: unknown })[token],
  file,
  pointer: `${pointer}/${token.replaceAll("~", "~0").replaceAll("/", "~1")}`,
});

/** The last part of where something stands, unescaped. */
export const keyOf = ({ pointer }: Place): string =>
  pointer.split("/").at(-1)!.replaceAll("~1", "/").replaceAll("~0", "~");

function split(reference: string): [path: string, fragment: string] {
  const hash = reference.indexOf("#");
  return hash < 0 ? [reference, ""] : [reference.slice(0, hash), reference.slice(hash + 1)];
}

function decoded(text: string, place: Place): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return refuse(place, "a $ref whose %-signs encode UTF-8", text);
  }
}

/** The path of a file that another one names, without a way out of the folder that both are in. */
function besides(from: string, path: string, reference: string, place: Place): string {
  if (/^[a-z][a-z\d+.-]*:|^\/\//i.test(path)) {
    return refuse(place, "a $ref to a local file, since URLs are not read", reference);
  }
  if (/^\/|[\\\0]/.test(path)) return refuse(place, "a $ref with a relative path and slashes", reference);
  const segments = from.split("/").slice(0, -1);
  for (const segment of path.split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment !== "..") segments.push(segment);
    else if (segments.pop() === undefined) return refuse(place, INSIDE, reference);
  }
  return segments.join("/");
}

/** The expectation that an error states when a path leads out of the folder. */
export const INSIDE = "a $ref to a file in the document's folder, or in the one that is given as its root";
