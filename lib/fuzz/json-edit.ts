/** Changes to one place of a JSON text, as source: so that keys may come twice and numbers be larger than any. Pure. */
import { withoutFrameEnd } from "../protocols/template.ts";

/** The place of a value. */
export type Path = readonly (string | number)[];

/** A change at a path. */
export type Edit =
  | { readonly kind: "replace"; readonly json: string }
  | { readonly kind: "remove" }
  /** The key comes again, behind, with this value. */
  | { readonly kind: "twice"; readonly json: string }
  | { readonly kind: "rename"; readonly key: string }
  /** One more member of the object, or element of the list, that is there. */
  | { readonly kind: "add"; readonly key: string; readonly json: string };

/** A message with JSON in it: what stands before and behind. */
export interface JsonMessage {
  readonly head: string;
  readonly value: unknown;
  readonly foot: string;
}

/** The message's JSON, from its first bracket that begins JSON to the end; undefined where there is none. */
export function jsonIn(text: string): JsonMessage | undefined {
  const whole = withoutFrameEnd(text);
  const foot = text.slice(whole.length);
  for (const { index } of whole.matchAll(/[[{]/g)) {
    if (index > 4_096) return undefined;
    try {
      return { head: text.slice(0, index), value: JSON.parse(whole.slice(index)), foot };
    } catch {
      // It may begin further behind.
    }
  }
  return undefined;
}

/** Every value's path, the outermost first. */
export function* pathsOf(value: unknown, path: Path = []): Generator<readonly [path: Path, value: unknown]> {
  yield [path, value];
  if (typeof value !== "object" || value === null || path.length > 12) return;
  const keys = Array.isArray(value) ? [...value.keys()].slice(0, 16) : Object.keys(value);
  for (const key of keys) yield* pathsOf((value as Record<string | number, unknown>)[key], [...path, key]);
}

/** JSON Pointer (RFC 6901). */
export const pointerOf = (path: Path): string =>
  path.map((key) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");

/** The JSON source of a value with one place changed. */
export function edited(value: unknown, path: Path, edit: Edit): string {
  if (path.length === 0) return atRoot(value, edit);
  const [key, ...rest] = path;
  if (Array.isArray(value)) {
    return `[${value.flatMap((one, i) => (i === key ? elementOf(one, rest, edit) : JSON.stringify(one))).join(",")}]`;
  }
  const members = Object.entries(value as object).flatMap(([name, one]) =>
    name === key ? membersOf(name, one, rest, edit) : [member(name, JSON.stringify(one))],
  );
  return `{${members.join(",")}}`;
}

function atRoot(value: unknown, edit: Edit): string {
  if (edit.kind === "replace") return edit.json;
  if (edit.kind !== "add" || typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${[...value.map((one) => JSON.stringify(one)), edit.json].join(",")}]`;
  const members = Object.entries(value).map(([name, one]) => member(name, JSON.stringify(one)));
  return `{${[...members, member(edit.key, edit.json)].join(",")}}`;
}

function elementOf(value: unknown, rest: Path, edit: Edit): string | [] {
  if (rest.length > 0 || edit.kind === "add" || edit.kind === "replace") return edited(value, rest, edit);
  if (edit.kind === "remove") return [];
  return edit.kind === "twice" ? `${JSON.stringify(value)},${edit.json}` : JSON.stringify(value);
}

function membersOf(name: string, value: unknown, rest: Path, edit: Edit): string[] {
  const whole = JSON.stringify(value);
  if (rest.length > 0 || edit.kind === "add" || edit.kind === "replace") {
    return [member(name, edited(value, rest, edit))];
  }
  if (edit.kind === "remove") return [];
  if (edit.kind === "rename") return [member(edit.key, whole)];
  return [member(name, whole), member(name, edit.json)];
}

const member = (name: string, json: string): string => `${JSON.stringify(name)}:${json}`;
