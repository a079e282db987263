/** Patterns of routes: `*` stands for any text, `?` for one character. Pure. */

/** Whether a route is meant by a pattern. */
export function matchesGlob(pattern: string, route: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "su").test(route);
}

/** The routes that some pattern includes and none excludes; without patterns to include by, all are. */
export const chosen = (
  routes: readonly string[],
  include: readonly string[],
  exclude: readonly string[],
): string[] =>
  routes.filter(
    (route) =>
      (include.length === 0 || include.some((pattern) => matchesGlob(pattern, route))) &&
      !exclude.some((pattern) => matchesGlob(pattern, route)),
  );

/** A list of patterns, separated by commas. */
export const globsOf = (text: string | undefined): string[] =>
  (text ?? "")
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean);
