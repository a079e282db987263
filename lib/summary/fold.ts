/**
 * Breaks a line at its spaces, so that none is wider than `columns` where words allow it.
 *
 * @param indent what the second and later lines begin with
 * @param columns Default 100, as the summary.
 */
export function fold(line: string, indent = "", columns = 100): string[] {
  const lines: string[] = [];
  let rest = line.trimEnd();
  let least = 0;
  while (rest.length > columns) {
    const before = rest.lastIndexOf(" ", columns);
    const at = before > least ? before : rest.indexOf(" ", Math.max(columns, least));
    if (at < 0) break;
    lines.push(rest.slice(0, at).trimEnd());
    rest = indent + rest.slice(at).trimStart();
    least = indent.length;
  }
  return [...lines, rest];
}
