/** Matching rules, as the Pact specification has them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "lossless-json";
import { compare } from "../../lib/pact/match.ts";
import { parsePath, weightOf } from "../../lib/pact/path.ts";
import { readRules } from "../../lib/pact/rules.ts";

type Rules = Record<string, object[]>;

const mismatches = (expected: string, actual: string, rules: Rules = {}) => {
  const category = Object.fromEntries(Object.entries(rules).map(([path, matchers]) => [path, { matchers }]));
  return compare(parse(expected), parse(actual), readRules(category, "test")).map(
    ({ path, rule }) => `${path} ${rule}`,
  );
};

const rows: [sentence: string, expected: string, actual: string, rules: Rules, found: string[]][] = [
  ["without rules values must be equal", '{"a":1}', '{"a":2}', {}, ["$.a equality"]],
  ["numbers are equal by their value", '{"a":1}', '{"a":1.0}', {}, []],
  ["a number is no text", '{"a":1}', '{"a":"1"}', {}, ["$.a equality"]],
  ["null is not nothing", '{"a":null}', "{}", {}, ["$.a equality"]],
  ["what is there besides does no harm", '{"a":1}', '{"a":1,"b":2}', {}, []],
  ["what is missing does", '{"a":1,"b":2}', '{"a":1}', { "$.b": [{ match: "type" }] }, ["$.b equality"]],
  ["lists without rules have one length", "[1]", "[1,2]", {}, ["$ equality"]],
  ["a type", '{"a":"x"}', '{"a":"y"}', { "$.a": [{ match: "type" }] }, []],
  ["another type", '{"a":"x"}', '{"a":1}', { "$.a": [{ match: "type" }] }, ["$.a type"]],
  [
    "a type holds for all below it",
    '{"a":{"b":["x"]}}',
    '{"a":{"b":["y","z"]}}',
    { "$.a": [{ match: "type" }] },
    [],
  ],
  [
    "equality ends a type that holds from above",
    '{"a":{"b":"x"}}',
    '{"a":{"b":"y"}}',
    { "$.a": [{ match: "type" }], "$.a.b": [{ match: "equality" }] },
    ["$.a.b equality"],
  ],
  ["too few items", '{"a":[1]}', '{"a":[]}', { "$.a": [{ match: "type", min: 1 }] }, ["$.a type"]],
  ["too many items", '{"a":[1]}', '{"a":[1,2,3]}', { "$.a": [{ match: "type", max: 2 }] }, ["$.a type"]],
  ["bounds are of the list alone", "[[1]]", "[[1,2,3]]", { $: [{ match: "type", max: 2 }] }, []],
  [
    "each item is like the first",
    '[{"id":1}]',
    '[{"id":7},{"id":"x"}]',
    { $: [{ match: "type" }], "$[*].id": [{ match: "integer" }] },
    ["$[1].id integer"],
  ],
  [
    "a regular expression is of the whole",
    '{"a":"x1"}',
    '{"a":"x12y"}',
    { "$.a": [{ match: "regex", regex: "x\\d+" }] },
    ["$.a regex"],
  ],
  [
    "a regular expression of a number's digits",
    '{"a":12}',
    '{"a":345}',
    { "$.a": [{ match: "regex", regex: "\\d{3}" }] },
    [],
  ],
  ["a part of a text", '{"a":"x"}', '{"a":"some x here"}', { "$.a": [{ match: "include", value: "x" }] }, []],
  [
    "no part of a text",
    '{"a":"x"}',
    '{"a":"some"}',
    { "$.a": [{ match: "include", value: "x" }] },
    ["$.a include"],
  ],
  ["a whole number", '{"a":1}', '{"a":100}', { "$.a": [{ match: "integer" }] }, []],
  [
    "a whole number with decimal places is none",
    '{"a":1}',
    '{"a":1.0}',
    { "$.a": [{ match: "integer" }] },
    ["$.a integer"],
  ],
  ["a number with decimal places", '{"a":1.5}', '{"a":2.0}', { "$.a": [{ match: "decimal" }] }, []],
  [
    "a number without decimal places",
    '{"a":1.5}',
    '{"a":2}',
    { "$.a": [{ match: "decimal" }] },
    ["$.a decimal"],
  ],
  ["a number as text", '{"a":1}', '{"a":"1"}', { "$.a": [{ match: "number" }] }, ["$.a number"]],
  ["true as text", '{"a":true}', '{"a":"false"}', { "$.a": [{ match: "boolean" }] }, []],
  ["null where null is due", '{"a":null}', '{"a":0}', { "$.a": [{ match: "null" }] }, ["$.a null"]],
  ["an empty text", '{"a":"x"}', '{"a":""}', { "$.a": [{ match: "notEmpty" }] }, ["$.a notEmpty"]],
  ["a version", '{"a":"1.0.0"}', '{"a":"2.1.0-rc.1+b"}', { "$.a": [{ match: "semver" }] }, []],
  ["no version", '{"a":"1.0.0"}', '{"a":"2.1"}', { "$.a": [{ match: "semver" }] }, ["$.a semver"]],
  [
    "a date",
    '{"a":"2030-01-02"}',
    '{"a":"2031-12-31"}',
    { "$.a": [{ match: "date", format: "yyyy-MM-dd" }] },
    [],
  ],
  [
    "a month that there is not",
    '{"a":"2030-01-02"}',
    '{"a":"2031-13-31"}',
    { "$.a": [{ match: "date", format: "yyyy-MM-dd" }] },
    ["$.a date"],
  ],
  [
    "a time stamp with an offset",
    '{"a":"x"}',
    '{"a":"2030-01-02T03:04:05.678+01:00"}',
    { "$.a": [{ match: "datetime", format: "yyyy-MM-dd'T'HH:mm:ss.SSSXXX" }] },
    [],
  ],
  [
    "values of any keys",
    '{"a":{"x":1}}',
    '{"a":{"y":2,"z":"3"}}',
    { "$.a": [{ match: "values" }], "$.a.*": [{ match: "integer" }] },
    ["$.a.z integer"],
  ],
  [
    "each key",
    '{"a":{"k1":1}}',
    '{"a":{"k2":2,"x":3}}',
    { "$.a": [{ match: "eachKey", rules: [{ match: "regex", regex: "k\\d" }] }] },
    ["$.a.x regex"],
  ],
  [
    "each value",
    '{"a":{"k":1}}',
    '{"a":{"l":2,"m":"3"}}',
    { "$.a": [{ match: "eachValue", rules: [{ match: "integer" }] }] },
    ["$.a.m integer"],
  ],
  [
    "each item of a list",
    '{"a":[1]}',
    '{"a":[2,2.5]}',
    { "$.a": [{ match: "eachValue", rules: [{ match: "integer" }] }] },
    ["$.a[1] integer"],
  ],
  [
    "a list with an item of each kind",
    '{"a":[{"t":"x","n":1},{"t":"y"}]}',
    '{"a":[{"t":"z"},{"t":"y"},{"t":"x","n":5}]}',
    {
      "$.a": [
        {
          match: "arrayContains",
          variants: [
            { index: 0, rules: { "$.n": { matchers: [{ match: "integer" }] } } },
            { index: 1, rules: {} },
          ],
        },
      ],
    },
    [],
  ],
  [
    "a list without one of them",
    '{"a":[{"t":"x"}]}',
    '{"a":[{"t":"z"}]}',
    { "$.a": [{ match: "arrayContains", variants: [{ index: 0 }] }] },
    ["$.a arrayContains"],
  ],
  [
    "names in brackets",
    '{"a b":{"c.d":1}}',
    '{"a b":{"c.d":2}}',
    { "$['a b']['c.d']": [{ match: "integer" }] },
    [],
  ],
];
for (const [sentence, expected, actual, rules, found] of rows) {
  test(sentence, () => assert.deepEqual(mismatches(expected, actual, rules), found));
}

test("OR holds where one of the rules does", () => {
  const rule = (combine: string) =>
    readRules({ "$.a": { combine, matchers: [{ match: "null" }, { match: "integer" }] } }, "test");
  assert.equal(compare(parse('{"a":1}'), parse('{"a":2}'), rule("OR")).length, 0);
  assert.equal(compare(parse('{"a":1}'), parse('{"a":2}'), rule("AND")).length, 1);
  assert.equal(compare(parse('{"a":1}'), parse('{"a":"x"}'), rule("OR")).length, 2);
});

test("of several expressions the one that says most of the path is taken", () => {
  const path = ["item1", "level", 1, "id"];
  const weights = {
    $: 2,
    "$.item1": 4,
    "$.item2": 0,
    "$.item1.level[1].id": 32,
    "$.*.level[*].id": 8,
    "$.item1.level[2]": 0,
  };
  for (const [expression, weight] of Object.entries(weights))
    assert.equal(weightOf(parsePath(expression), path), weight, expression);
});

for (const [sentence, category, expected] of [
  [
    "a matcher that is not known",
    { "$.a": { matchers: [{ match: "soundsLike" }] } },
    /^test \$\.a: expected a matcher of equality, .*, got "soundsLike"$/,
  ],
  [
    "a matcher that every object has",
    { "$.a": { matchers: [{ match: "constructor" }] } },
    /got "constructor"$/,
  ],
  [
    "a matcher in a matcher",
    { "$.a": { matchers: [{ match: "eachKey", rules: [{ match: "no" }] }] } },
    /^test \$\.a eachKey: .*got "no"$/,
  ],
  [
    "a path that is none",
    { "a.b": { matchers: [] } },
    /^test: expected a path such as "\$\.items\[\*\]\.id", got "a\.b"$/,
  ],
  [
    "a pattern that is none",
    { "$.a": { matchers: [{ match: "regex", regex: "(" }] } },
    /^test \$\.a\.regex: expected a pattern of JavaScript, got "\("$/,
  ],
  [
    "a letter that no date has",
    { "$.a": { matchers: [{ match: "date", format: "qq" }] } },
    /^test \$\.a\.format: .*, got "qq"$/,
  ],
  ["rules without a list", { "$.a": {} }, /^test \$\.a: expected "matchers", a list, got undefined$/],
] as const) {
  test(`refuses ${sentence}, by name`, () => {
    assert.throws(() => readRules(category, "test"), { name: "PactError", message: expected });
  });
}

test("a message that is deep, or wrong everywhere, is bounded", () => {
  const deep = (n: number) => `${'{"a":'.repeat(n)}1${"}".repeat(n)}`;
  assert.deepEqual(
    mismatches(deep(150), deep(150)).map((text) => text.replace(/^\S+ /, "")),
    ["depth"],
  );
  const many = `[${Array.from({ length: 1_000 }, (_, i) => i).join(",")}]`;
  assert.equal(mismatches(many, many.replaceAll(/(\d+)/g, '"$1"')).length, 50);
});
