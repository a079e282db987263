/** JSON in strings of JSON, as some servers send it: Pusher's `"data":"{\\"id\\":1}"`. Pure. */
import { placeOf } from "./source-text.ts";

/**
 * Puts JSON in the place of strings that hold it.
 *
 * @param text a message; what is not JSON stays as it is
 * @param nested the places of the strings, in order: a pointer may lead into a string that an earlier one has
 * unfolded
 */
export function unfold(text: string, nested: readonly (readonly string[])[]): string {
  let whole = text;
  for (const tokens of nested) {
    if (!isJson(whole)) return whole;
    const place = placeOf(whole, tokens);
    if (place === undefined || whole[place.start] !== '"') continue;
    const inside: string = JSON.parse(whole.slice(place.start, place.end));
    if (/^[ \t\r\n]*[{[]/.test(inside) && isJson(inside)) {
      whole = whole.slice(0, place.start) + inside + whole.slice(place.end);
    }
  }
  return whole;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
