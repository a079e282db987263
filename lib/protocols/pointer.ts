/** JSON Pointer (RFC 6901): where in a JSON document a field is. */

/**
 * Splits a pointer into its unescaped reference tokens: `/a~1b/0` → `["a/b", "0"]`, `""` → `[]` (the whole
 * document). Returns undefined for what is no pointer.
 */
export function parsePointer(pointer: string): readonly string[] | undefined {
  if (pointer === "") return [];
  if (!pointer.startsWith("/") || /~(?![01])/.test(pointer)) return undefined;
  return pointer
    .slice(1)
    .split("/")
    .map((token) => token.replace(/~1/g, "/").replace(/~0/g, "~"));
}

/** The value that the tokens lead to in a parsed document; undefined when there is none. */
export function resolvePointer(document: unknown, tokens: readonly string[]): unknown {
  let value = document;
  // Not for-of: this runs for each condition on each message, and an iterator costs k6 several times as much.
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    if (typeof value !== "object" || value === null) return undefined;
    if (Array.isArray(value) && !isArrayIndex(token)) return undefined;
    if (!Object.hasOwn(value, token)) return undefined;
    value = (value as Record<string, unknown>)[token];
  }
  return value;
}

/** RFC 6901 section 4: digits without a leading zero. */
export const isArrayIndex = (token: string): boolean => /^(?:0|[1-9][0-9]*)$/.test(token);
