/**
 * The Levenshtein distance of two words. A distance above `atMost` may be any number above it.
 *
 * Packages for this keep tables for all characters: 256 KB for each virtual user of k6.
 */
export function distance(from: string, to: string, atMost = Number.POSITIVE_INFINITY): number {
  let above = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const here = [row];
    let least = row;
    for (let column = 1; column <= to.length; column++) {
      const replaced = above[column - 1]! + (from[row - 1] === to[column - 1] ? 0 : 1);
      const edits = Math.min(replaced, above[column]! + 1, here[column - 1]! + 1);
      here.push(edits);
      least = Math.min(least, edits);
    }
    if (least > atMost) return least;
    above = here;
  }
  return above[to.length]!;
}
