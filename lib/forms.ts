/** What the forms of several files share: descriptors, login requests, cases of the handshake. */
import * as v from "valibot";
import { TOKEN } from "./shape.ts";

/** An object that refuses fields it does not know and says which it does. */
export const object = <E extends v.ObjectEntries>(entries: E, what: string) => {
  const known = Object.keys(entries)
    .filter((name) => !name.startsWith("$"))
    .join(", ");
  return v.pipe(
    v.strictObject(entries, ({ expected }) => {
      if (expected === "never") return `a field of this object (${known})`;
      if (expected === "Object") return "an object";
      return `${choiceOf(entries, expected)}, since this field is required`;
    }),
    v.check((value) => !Array.isArray(value), "an object"),
    v.description(what),
  );
};

/** What a field may be, by its name in quotes: one of its choices, where it has some. */
function choiceOf(entries: v.ObjectEntries, quoted: string | null): string {
  const entry = entries[JSON.parse(quoted ?? '""')];
  const choices = entry?.type === "picklist" && "message" in entry ? entry.message : undefined;
  return typeof choices === "string" ? choices : "a value";
}

/** The name of a header line. */
export const headerName = () => v.pipe(v.string(), v.regex(TOKEN, "the name of a header"));

/** A list of HTTP statuses, none below `least`. */
export const statuses = (least: number, what: string) =>
  v.pipe(
    v.array(
      v.pipe(
        v.number("a status"),
        v.integer("a whole number"),
        v.minValue(least, `a status from ${least} to 599`),
        v.maxValue(599, `a status from ${least} to 599`),
      ),
      "a list of statuses",
    ),
    v.minLength(1, "at least one status"),
    v.description(what),
  );
