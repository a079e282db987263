/** Path expressions of matching rules, such as `$.items[*].id`, and which of several holds for a value. Pure. */
import { PactError } from "./problem.ts";

/** A key, an index, or any of both. */
export type Token = string | number | typeof ANY;
export const ANY: unique symbol = Symbol("*");

const TOKEN = /\.(\*|[^.[\]\s]+)|\[(?:(\d+)|(\*)|'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]/y;

/** @throws PactError if it is not a path */
export function parsePath(source: string): readonly Token[] {
  const refused = () =>
    new PactError(`expected a path such as "$.items[*].id", got ${JSON.stringify(source)}`);
  if (!source.startsWith("$")) throw refused();
  const tokens: Token[] = [];
  TOKEN.lastIndex = 1;
  while (TOKEN.lastIndex < source.length) {
    const found = TOKEN.exec(source);
    if (!found) throw refused();
    const [, name, index, star, single, double] = found;
    if (star !== undefined || name === "*") tokens.push(ANY);
    else if (index !== undefined) tokens.push(Number(index));
    else tokens.push(name ?? (single ?? double!).replace(/\\(.)/g, "$1"));
  }
  return tokens;
}

/** How well an expression fits a path or one above it; 0 where it does not. */
export function weightOf(expression: readonly Token[], path: readonly (string | number)[]): number {
  if (expression.length > path.length) return 0;
  let weight = 2;
  for (const [i, token] of expression.entries()) {
    if (token === ANY) continue;
    if (token !== path[i]) return 0;
    weight *= 2;
  }
  return weight;
}

/** A path as Pact writes it. */
export const showPath = (path: readonly (string | number)[]): string =>
  path.reduce<string>(
    (text, token) =>
      typeof token === "number"
        ? `${text}[${token}]`
        : /^\w+$/.test(token)
          ? `${text}.${token}`
          : `${text}['${token.replace(/['\\]/g, "\\$&")}']`,
    "$",
  );
