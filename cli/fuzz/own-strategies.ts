/** A user's own strategies, by route: messages in a JSON file, or arbitraries of fast-check in a module. */
import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import * as v from "valibot";
import { matchesGlob } from "../../lib/fuzz/globs.ts";
import { hexOf } from "../../lib/fuzz/hex.ts";
import type { KnownMessage, Message } from "../../lib/fuzz/vocabulary.ts";
import { UserError } from "../command.ts";
import type { Extra } from "./route.ts";

/** What values of a strategy are sent as: a text, the JSON of a value, or bytes. */
export const KINDS = ["text", "json", "bytes"] as const;
export type StrategyKind = (typeof KINDS)[number];

/** How a strategies module registers one. */
export type RegisterStrategy = (
  pattern: string,
  kind: StrategyKind,
  arbitrary: fc.Arbitrary<unknown>,
) => void;

/** What a strategies module exports by default. */
export type StrategiesModule = (given: {
  readonly register: RegisterStrategy;
  readonly fc: typeof fc;
}) => void | Promise<void>;

const kind = v.picklist(KINDS, KINDS.map((one) => `"${one}"`).join(" or "));

const StrategiesFile = v.array(
  v.strictObject({
    route: v.string("a pattern of routes such as /ws/*"),
    kind,
    messages: v.pipe(v.array(v.unknown(), "a list of messages"), v.minLength(1, "at least one message")),
  }),
  "a list of strategies",
);

interface Registered {
  readonly pattern: string;
  readonly messages: readonly KnownMessage[];
  readonly arbitrary?: fc.Arbitrary<Message>;
}

/**
 * Reads a strategies file.
 *
 * @param path absolute
 * @returns the strategies of a route: of a path, or undefined for the URL as it was given
 * @throws {@link UserError}
 */
export async function readStrategies(path: string): Promise<(route: string | undefined) => Extra> {
  const registered = extname(path) === ".json" ? await fromJson(path) : await fromModule(path);
  return (route) => {
    // The URL as it was given is the only route that there is.
    const own = registered.filter(({ pattern }) => route === undefined || matchesGlob(pattern, route));
    return {
      messages: own.flatMap(({ messages }) => messages),
      own: own.flatMap(({ arbitrary }) => arbitrary ?? []),
    };
  };
}

const wrong = (expected: string, got: string) =>
  new UserError(`--strategies: expected ${expected}, got ${got}`);

async function fromJson(path: string): Promise<Registered[]> {
  const source = await readFile(path, "utf8").catch((error) => {
    throw wrong("a readable file", error.message);
  });
  let json: unknown;
  try {
    json = JSON.parse(source);
  } catch (error) {
    throw wrong("JSON", `${path} (${(error as Error).message})`);
  }
  const result = v.safeParse(StrategiesFile, json);
  if (!result.success) {
    const [issue] = result.issues;
    throw wrong(`${issue.message} at ${v.getDotPath(issue) ?? "the document"}`, path);
  }
  return result.output.map(({ route, kind, messages }) => ({
    pattern: route,
    messages:
      kind === "bytes"
        ? []
        : messages.map((value, i) => ({
            name: `${route} ${i + 1}`,
            text: kind === "text" ? String(value) : JSON.stringify(value),
            coded: false,
            source: "strategy",
          })),
    ...(kind === "bytes" && { arbitrary: asMessages(route, kind, fc.constantFrom(...messages)) }),
  }));
}

async function fromModule(path: string): Promise<Registered[]> {
  const registered: Registered[] = [];
  const register: RegisterStrategy = (pattern, given, arbitrary) => {
    if (!v.is(kind, given))
      throw wrong(`${KINDS.join(", ")} as the kind for ${pattern}`, JSON.stringify(given));
    if (typeof (arbitrary as Partial<fc.Arbitrary<unknown>> | undefined)?.generate !== "function") {
      throw wrong(`an arbitrary of fast-check for ${pattern}`, typeof arbitrary);
    }
    registered.push({ pattern, messages: [], arbitrary: asMessages(pattern, given, arbitrary) });
  };
  const module = await import(pathToFileURL(path).href).catch((error) => {
    const isType =
      error.code === "ERR_UNKNOWN_FILE_EXTENSION" || error.code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX";
    throw wrong(isType ? "a .json, .js or .mjs file" : "a module that loads", `${path} (${error.message})`);
  });
  if (typeof module.default !== "function") {
    throw wrong("a module whose default export is a function of { register, fc }", typeof module.default);
  }
  await module.default({ register, fc });
  if (registered.length === 0) throw wrong("a module that registers a strategy", "none");
  return registered;
}

const asMessages = (
  pattern: string,
  kind: StrategyKind,
  arbitrary: fc.Arbitrary<unknown>,
): fc.Arbitrary<Message> =>
  arbitrary.map((value) => {
    const origin = { name: `strategy ${pattern}`, change: kind };
    if (kind === "text") return { origin, text: String(value) };
    if (kind === "json") return { origin, text: JSON.stringify(value) ?? "null" };
    return { origin, hex: value instanceof Uint8Array ? hexOf(value) : hexOfText(String(value)) };
  });

/** Bytes in a JSON file are hexadecimal digits. */
const hexOfText = (text: string): string => {
  if (/^([\da-f]{2})*$/i.test(text)) return text.toLowerCase();
  throw wrong("bytes in hexadecimal digits", JSON.stringify(text));
};
