/** Which changes of a contract break clients that are there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { generate, type JsonSchema as Sampled } from "json-schema-faker";
import { type Change, changesBetween } from "../../lib/contract-diff/diff.ts";
import type { KindSchema } from "../../lib/contract-diff/kinds.ts";
import { weigh } from "../../lib/contract-diff/seen.ts";
import { validatorOf } from "../../lib/import/sample.ts";

type Schema = Readonly<Record<string, unknown>>;

const kind = (from: KindSchema["from"], schema: Schema, name = "m"): KindSchema => ({ name, from, schema });
const shown = (changes: readonly Change[]) =>
  changes.map(({ level, at, rule }) => `${level} ${at} ${rule}`.replace("  ", " "));
const changesOf = (from: "server" | "client", before: Schema, after: Schema) =>
  shown(changesBetween([kind(from, before)], [kind(from, after)]));

const object = (properties: Schema, required: readonly string[] = [], more: Schema = {}): Schema => ({
  type: "object",
  properties,
  required,
  ...more,
});
const text = { type: "string" };
const whole = { type: "integer" };
const closed = { additionalProperties: false };

const rows: [sentence: string, before: Schema, after: Schema, server: string[], client: string[]][] = [
  ["nothing changed", object({ a: text }, ["a"]), object({ a: text }, ["a"]), [], []],
  [
    "an optional field that is new",
    object({}),
    object({ a: text }),
    ["compatible /a dropped"],
    ["compatible /a dropped"],
  ],
  [
    "a required field that is new",
    object({}),
    object({ a: text }, ["a"]),
    ["compatible /a missing"],
    ["breaking /a missing"],
  ],
  [
    "a new field where none may be",
    object({}, [], closed),
    object({ a: text }, [], closed),
    ["breaking /a extra"],
    ["compatible /a dropped"],
  ],
  [
    "a required field that is gone",
    object({ a: text }, ["a"]),
    object({}),
    ["breaking /a missing"],
    ["compatible /a missing"],
  ],
  [
    "an optional field that is gone",
    object({ a: text }),
    object({}),
    ["risky /a dropped"],
    ["compatible /a dropped"],
  ],
  [
    "a field that is gone where none else may be",
    object({ a: text }, [], closed),
    object({}, [], closed),
    ["risky /a dropped"],
    ["breaking /a extra"],
  ],
  [
    "a field that must be there no longer",
    object({ a: text }, ["a"]),
    object({ a: text }),
    ["breaking /a missing"],
    ["compatible /a missing"],
  ],
  ["another type", object({ a: text }), object({ a: whole }), ["breaking /a type"], ["breaking /a type"]],
  [
    "a wider type",
    object({ a: whole }),
    object({ a: { type: "number" } }),
    ["breaking /a type"],
    ["compatible /a type"],
  ],
  [
    "a narrower type",
    object({ a: { type: ["string", "null"] } }),
    object({ a: text }),
    ["compatible /a type"],
    ["breaking /a type"],
  ],
  [
    "a value more",
    object({ a: { enum: ["x"] } }),
    object({ a: { enum: ["x", "y"] } }),
    ["breaking /a value"],
    ["compatible /a value"],
  ],
  [
    "a value less",
    object({ a: { enum: ["x", "y"] } }),
    object({ a: { enum: ["x"] } }),
    ["compatible /a value"],
    ["breaking /a value"],
  ],
  [
    "another constant",
    object({ a: { const: 1 } }),
    object({ a: { const: 2 } }),
    ["breaking /a value"],
    ["breaking /a value"],
  ],
  [
    "any value in place of some",
    object({ a: { type: "string", enum: ["x"] } }),
    object({ a: text }),
    ["breaking /a value"],
    ["compatible /a value"],
  ],
  [
    "a bound that is looser",
    object({ a: { type: "integer", maximum: 5 } }),
    object({ a: { type: "integer", maximum: 9 } }),
    ["breaking /a bound"],
    ["compatible /a bound"],
  ],
  [
    "a bound that is tighter",
    object({ a: { type: "integer", minimum: 1 } }),
    object({ a: { type: "integer", minimum: 3 } }),
    ["compatible /a bound"],
    ["breaking /a bound"],
  ],
  [
    "a pattern that is new",
    object({ a: text }),
    object({ a: { type: "string", pattern: "^x" } }),
    ["compatible /a text"],
    ["risky /a text"],
  ],
  [
    "what is in a list",
    object({ a: { type: "array", items: text } }),
    object({ a: { type: "array", items: whole } }),
    ["breaking /a/* type"],
    ["breaking /a/* type"],
  ],
  [
    "what is nested",
    object({ a: object({ b: text }, ["b"]) }),
    object({ a: object({ b: text }) }),
    ["breaking /a/b missing"],
    ["compatible /a/b missing"],
  ],
  [
    "what comes by references",
    { ...object({ a: { $ref: "#/definitions/A" } }), definitions: { A: text } },
    { ...object({ a: { $ref: "#/definitions/B" } }), definitions: { B: { allOf: [whole] } } },
    ["breaking /a type"],
    ["breaking /a type"],
  ],
  [
    "a form more",
    { oneOf: [{ type: "string" }] },
    { oneOf: [{ type: "string" }, { type: "integer" }] },
    ["breaking choice"],
    ["compatible choice"],
  ],
];
for (const [sentence, before, after, server, client] of rows) {
  test(`${sentence}: to who reads the server, and to who writes to it`, () => {
    assert.deepEqual(changesOf("server", before, after), server, "from the server");
    assert.deepEqual(changesOf("client", before, after), client, "from clients");
  });
}

test("kinds that are gone, new, or have another name", () => {
  const one = object({ a: text });
  const other = object({ b: text });
  const before = [kind("server", one, "old"), kind("client", other, "ask")];
  const after = [kind("server", one, "fresh"), kind("server", other, "more")];
  const changes = changesBetween(before, after);
  assert.deepEqual(
    changes.map(({ level, kind, from, what }) => [level, kind, from, what]),
    [
      ["breaking", "old", "server", 'the server no longer sends it; "fresh" may be its new name'],
      ["breaking", "ask", "client", "the server no longer takes it"],
      ["risky", "fresh", "server", "the server may send it, and clients do not know it"],
      ["risky", "more", "server", "the server may send it, and clients do not know it"],
    ],
  );
});

test("a field that has another name is told as such", () => {
  const changes = changesBetween(
    [kind("server", object({ user_id: whole, name: text }, ["user_id"]))],
    [kind("server", object({ userId: whole, name: text }, ["userId"]))],
  );
  assert.match(
    changes[0]!.what,
    /no such field; "userId" may be its new name; clients expect always this field/,
  );
});

test("schemas that refer to themselves come to an end", () => {
  const tree = (value: Schema): Schema => ({
    ...object({ value, children: { type: "array", items: { $ref: "#/definitions/Tree" } } }),
    definitions: {
      Tree: object({ value, children: { type: "array", items: { $ref: "#/definitions/Tree" } } }),
    },
  });
  const [first, ...more] = changesOf("server", tree(text), tree(whole));
  assert.equal(first, "breaking /value type");
  assert.ok(more.length > 0 && more.length < 100);
  assert.deepEqual(changesOf("server", tree(text), tree(text)), []);
});

test("what was seen is said of each change, and messages that would be refused are counted", () => {
  const before = [
    kind("client", object({ t: { const: "ask" }, how: { enum: ["x", "y"] }, extra: text }, ["t"]), "ask"),
    kind("server", object({ t: { const: "tell" }, price: whole }, ["t"]), "tell"),
  ];
  const after = [
    kind("client", object({ t: { const: "ask" }, how: { enum: ["x"] } }, ["t"], closed), "ask"),
    kind("server", object({ t: { const: "tell" } }, ["t"]), "tell"),
  ];
  const client = (value: object) => ({ from: "client" as const, value: { t: "ask", ...value } });
  const server = (value: object) => ({ from: "server" as const, value: { t: "tell", ...value } });
  const messages = [client({ how: "x" }), client({ how: "y" }), client({}), server({ price: 1 }), server({})];
  const weighed = weigh(changesBetween(before, after), before, after, messages);
  assert.deepEqual(
    weighed.map(({ kind, at, rule, seen }) => [kind, at, rule, seen]),
    [
      ["ask", "/how", "seen", "in 1 of 3 messages seen"],
      ["ask", "/how", "value", "in 1 of 3 messages seen"],
      ["ask", "/extra", "extra", "not in any of 3 messages seen"],
      ["tell", "/price", "dropped", "in 1 of 2 messages seen"],
    ],
  );
});

/** Schemas of one object, with fields of few types. */
const leaf = fc.oneof(
  fc.constantFrom<Schema>(text, whole, { type: "number" }, { type: "boolean" }, { type: ["string", "null"] }),
  fc.subarray(["x", "y", "z"], { minLength: 1 }).map((values): Schema => ({ enum: values })),
  fc
    .tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 6, max: 9 }))
    .map(([minimum, maximum]): Schema => ({ type: "integer", minimum, maximum })),
  fc.constantFrom<Schema>({ type: "array", items: text }, { type: "array", items: whole, minItems: 1 }),
);
const schemas = fc
  .tuple(
    fc.dictionary(fc.constantFrom("a", "b", "c"), leaf, { maxKeys: 3, noNullPrototype: true }),
    fc.subarray(["a", "b", "c"]),
    fc.boolean(),
  )
  .map(([properties, required, isClosed]) =>
    object(
      properties,
      required.filter((name) => Object.hasOwn(properties, name)),
      isClosed ? closed : {},
    ),
  );

test("where nothing breaks, messages by the new contract follow the old one", async () => {
  let kept = 0;
  await fc.assert(
    fc.asyncProperty(schemas, schemas, fc.integer({ min: 1, max: 1_000 }), async (before, after, seed) => {
      const changes = changesBetween([kind("server", before)], [kind("server", after)]);
      if (changes.some(({ level }) => level === "breaking")) return;
      kept++;
      const validate = validatorOf(before);
      for (const optionalsProbability of [0, 0.5, 1]) {
        const message = await generate(after as Sampled, { seed, optionalsProbability });
        // The sampler adds fields that nobody named; those of an open object are any.
        assert.ok(validate(message), JSON.stringify({ before, after, message, errors: validate.errors }));
      }
    }),
    { numRuns: 400 },
  );
  assert.ok(kept > 5, `${kept} pairs without a break`);
});
