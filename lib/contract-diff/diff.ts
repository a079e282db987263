/** What changed between two contracts, and what of it breaks clients that are there. Pure. */
import { type Gap, gapsBetween, type Level } from "./compare.ts";
import { rootOf } from "./flat.ts";
import type { KindSchema } from "./kinds.ts";

export interface Change {
  readonly level: Level;
  readonly kind: string;
  readonly from: "server" | "client";
  /** The place in the message; empty for the message itself. */
  readonly at: string;
  readonly rule: Gap["rule"] | "kind" | "seen";
  /** One sentence, without the kind. */
  readonly what: string;
  readonly subject?: unknown;
}

/**
 * Clients of the old contract go on. What the server sends must be what they expect; what they send, it must still take.
 */
export function changesBetween(
  before: readonly KindSchema[],
  after: readonly KindSchema[],
): readonly Change[] {
  return [...of("server", before, after), ...of("client", before, after)].sort(
    (a, b) => ORDER.indexOf(a.level) - ORDER.indexOf(b.level),
  );
}

const ORDER: readonly Level[] = ["breaking", "risky", "compatible"];

function of(
  from: "server" | "client",
  before: readonly KindSchema[],
  after: readonly KindSchema[],
): Change[] {
  const theirs = (kinds: readonly KindSchema[]) =>
    kinds.filter((kind) => kind.from === from || kind.from === "both");
  const [old, fresh] = [theirs(before), theirs(after)];
  const inBoth = old.flatMap((one) => {
    const now = fresh.find(({ name }) => name === one.name);
    return now ? [{ one, now }] : [];
  });
  const gone = old.filter(({ name }) => !fresh.some((one) => one.name === name));
  const added = fresh.filter(({ name }) => !old.some((one) => one.name === name));
  return [
    ...gone.map(({ name, schema }): Change => {
      const same = added.find((one) => JSON.stringify(one.schema) === JSON.stringify(schema));
      const renamed = same ? `; "${same.name}" may be its new name` : "";
      const what =
        from === "server"
          ? `the server no longer sends it${renamed}`
          : `the server no longer takes it${renamed}`;
      return { level: "breaking", kind: name, from, at: "", rule: "kind", what };
    }),
    ...added.map(({ name }): Change => {
      const what =
        from === "server" ? "the server may send it, and clients do not know it" : "the server takes it now";
      return {
        level: from === "server" ? "risky" : "compatible",
        kind: name,
        from,
        at: "",
        rule: "kind",
        what,
      };
    }),
    ...inBoth.flatMap(({ one, now }) => inKind(from, one, now)),
  ];
}

function inKind(from: "server" | "client", before: KindSchema, after: KindSchema): Change[] {
  const [old, fresh] = [rootOf(before.schema), rootOf(after.schema)];
  const [writer, reader] = from === "server" ? [fresh, old] : [old, fresh];
  const head = { kind: before.name, from };
  const gaps = gapsBetween(writer, reader).map(({ level, at, rule, writes, reads, subject }): Change => {
    const known = { ...head, at, rule, ...(subject !== undefined && { subject }) };
    if (from === "server")
      return { ...known, level, what: `the server may send ${writes}; clients expect ${reads}` };
    // A new optional field changes nothing for senders that leave it out.
    if (rule === "dropped") return { ...known, level: "compatible", what: "the server takes this field now" };
    return { ...known, level, what: `clients may send ${writes}; the server now takes ${reads}` };
  });
  const others = gapsBetween(reader, writer)
    .filter((gap) => !gaps.some(({ at }) => at === gap.at))
    .map(({ at, rule, writes }): Change => {
      return { ...head, level: "compatible", at, rule, what: COMPATIBLE[from][rule].replace("$", writes) };
    });
  return [...gaps, ...others];
}

/**
 * The change that the same gap is in the other direction, where it harms nobody. `$` stands for the value that is no
 * longer allowed, or newly so.
 */
const COMPATIBLE: Readonly<Record<"server" | "client", Readonly<Record<Gap["rule"], string>>>> = {
  server: {
    type: "the server no longer sends $",
    value: "the server no longer sends $",
    missing: "this field is always there now",
    dropped: "a new field",
    extra: "the server no longer sends this field",
    bound: "the server no longer sends values with $",
    text: "the server no longer sends $",
    choice: "the server no longer sends $",
  },
  client: {
    type: "the server takes $, too",
    value: "the server takes $, too",
    missing: "this field need not be sent any more",
    dropped: "the server no longer uses this field",
    extra: "the server takes this field now",
    bound: "the server takes values with $, too",
    text: "the server takes $, too",
    choice: "the server takes $, too",
  },
};
