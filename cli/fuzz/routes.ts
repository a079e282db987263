/** The routes of a server: a list, a file of one a line, or what an OpenAPI or AsyncAPI document tells. */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { parse } from "yaml";
import { AsyncApiError, isAsyncApi, loadAsyncApi } from "../../lib/asyncapi/index.ts";
import { chosen } from "../../lib/fuzz/globs.ts";
import { UserError } from "../command.ts";

const wrong = (expected: string, got: string) => new UserError(`--routes: expected ${expected}, got ${got}`);

/** The largest document taken. */
const MOST_BYTES = 8 * 1024 * 1024;

/**
 * @param given a list such as `/ws/chat,/ws/feed`, or the path or URL of a document
 * @returns the routes that are to be fuzzed
 * @throws {@link UserError}
 */
export async function routesOf(
  given: string,
  { include, exclude }: { readonly include: readonly string[]; readonly exclude: readonly string[] },
  cwd: string,
): Promise<string[]> {
  const all = await routesIn(given, cwd);
  const routes = chosen([...new Set(all)], include, exclude);
  if (routes.length > 0) return routes;
  if (all.length === 0) throw wrong("routes of WebSockets", "none");
  throw wrong("a route that --include and --exclude leave", `none of ${all.join(", ")}`);
}

async function routesIn(given: string, cwd: string): Promise<string[]> {
  if (/^https?:\/\//i.test(given)) return inText(await fetched(given), given);
  if (given.startsWith("/") && !/\.(json|ya?ml|txt)$/i.test(given))
    return given.split(",").map((one) => one.trim());
  const path = resolve(cwd, given);
  const text = await readFile(path, "utf8").catch((error) => {
    throw wrong("a list such as /ws/chat,/ws/feed, or a document that can be read", error.message);
  });
  return inText(text, path);
}

async function fetched(url: string): Promise<string> {
  const response = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(10_000) }).catch(
    (error) => {
      throw wrong("a document at the URL", `${url} (${error.cause?.message ?? error.message})`);
    },
  );
  if (!response.ok) throw wrong("a document at the URL", `${url} (status ${response.status})`);
  const text = await response.text();
  if (text.length > MOST_BYTES) throw wrong(`a document of at most ${MOST_BYTES} bytes`, `${text.length}`);
  return text;
}

/** OpenAPI and AsyncAPI documents are objects; anything else is a list. */
function inText(text: string, source: string): string[] {
  const document = parsed(text);
  if (isAsyncApi(document)) return asyncApiRoutes(source);
  if (isOpenApi(document)) return openApiRoutes(document);
  if (typeof document === "object" && document !== null && !Array.isArray(document)) {
    throw wrong("an OpenAPI or AsyncAPI document, or a route a line", source);
  }
  return text
    .split(/\r?\n/)
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line.startsWith("/"));
}

function parsed(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 100 });
  } catch {
    return undefined;
  }
}

function asyncApiRoutes(source: string): string[] {
  if (/^https?:/i.test(source))
    throw wrong("the path of an AsyncAPI document, which may refer to other files", source);
  try {
    const { channels } = loadAsyncApi(basename(source), (path) =>
      readFileSync(resolve(dirname(source), path), "utf8"),
    );
    return channels.flatMap(({ address }) =>
      address === undefined ? [] : [address.startsWith("/") ? address : `/${address}`],
    );
  } catch (error) {
    if (!(error instanceof AsyncApiError)) throw error;
    throw wrong("an AsyncAPI document", error.message);
  }
}

interface OpenApi {
  readonly paths: Readonly<Record<string, unknown>>;
}

const isOpenApi = (value: unknown): value is OpenApi =>
  typeof value === "object" &&
  value !== null &&
  ("openapi" in value || "swagger" in value) &&
  typeof (value as Partial<OpenApi>).paths === "object" &&
  (value as Partial<OpenApi>).paths !== null;

/**
 * OpenAPI has no word for WebSocket. A path counts that says it by `x-websocket`, or whose GET is answered with 101, or,
 * where none does, that has a segment such as `ws` or `websocket`.
 */
function openApiRoutes({ paths }: OpenApi): string[] {
  const entries = Object.entries(paths) as [string, Record<string, Record<string, unknown>> | null][];
  const says = ([, item]: (typeof entries)[number]) =>
    item !== null &&
    (item["x-websocket"] !== undefined ||
      Object.values(item).some((operation) => {
        if (typeof operation !== "object" || operation === null) return false;
        return (
          operation["x-websocket"] !== undefined ||
          Object.hasOwn((operation.responses ?? {}) as object, "101")
        );
      }));
  const told = entries.filter(says).map(([path]) => path);
  if (told.length > 0) return told;
  return entries.map(([path]) => path).filter((path) => /\/(ws|wss|websocket|socket)(\/|$)/i.test(path));
}
