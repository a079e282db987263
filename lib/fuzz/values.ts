/** Values at the edges of what servers take: JSON as source text, texts and bytes. Pure. */

/** A value as JSON source, since some cannot be had from `JSON.stringify`. */
export interface EdgeValue {
  readonly name: string;
  readonly json: string;
  /** Whether it is tried before others, because it breaks most servers. */
  readonly early: boolean;
}

/** Names of values that are tried early. */
const EARLY: readonly string[] = [
  ...[
    "null",
    "true",
    "0",
    "-1",
    '""',
    "{}",
    "[]",
    "1.5",
    "2^53 + 1",
    "NUL",
    "emoji",
    "a lone surrogate",
    "digits",
  ],
  ...["65536 characters", "a list nested 1,000 deep", "a list nested 20,000 deep", "letters outside ASCII"],
];

const source = (name: string, json: string): EdgeValue => ({ name, json, early: EARLY.includes(name) });
const of = (name: string, value: unknown): EdgeValue => source(name, JSON.stringify(value));

/** Lengths at which WebSocket and buffers change their form, in bytes. */
export const LENGTHS = [125, 126, 127, 255, 256, 257, 1_000, 4_096, 16_384, 65_535, 65_536] as const;

const nested = (depth: number, open = "[", close = "]") => open.repeat(depth) + close.repeat(depth);

const COMMON: readonly EdgeValue[] = [
  of("null", null),
  of("true", true),
  of("false", false),
  of("0", 0),
  of("1", 1),
  of("-1", -1),
  of('""', ""),
  of("{}", {}),
  of("[]", []),
  of("[null]", [null]),
  of("a list of three", [1, "a", null]),
  of("an object", { a: 1, b: { c: [] } }),
];

const NUMBERS: readonly EdgeValue[] = [
  of("1.5", 1.5),
  of("2^31", 2 ** 31),
  of("-2^31 - 1", -(2 ** 31) - 1),
  source("2^53 + 1", "9007199254740993"),
  source("2^64", "18446744073709551616"),
  source("1e400", "1e400"),
  source("-0.0", "-0.0"),
  source("5e-324", "5e-324"),
  source("a number of 400 digits", "9".repeat(400)),
];

const TEXTS: readonly EdgeValue[] = [
  of("a space", " "),
  of("NUL", "a\u0000b"),
  of("a line feed", "a\nb"),
  of("quotes", "\"'\\`"),
  of("emoji", "🙂👩‍👩‍👧"),
  of("letters outside ASCII", "żółć漢字"),
  of("text from right to left", "\u202eabc"),
  of("a decomposed letter", "e\u0301"),
  source("a lone surrogate", '"\\ud800"'),
  source("surrogates in the wrong order", '"\\udc00\\ud800"'),
  of("U+FEFF", "\ufeff"),
  of("U+2028", "\u2028"),
  of("digits", "12345"),
  of('"null"', "null"),
  of('"undefined"', "undefined"),
  of('"NaN"', "NaN"),
  of('"true"', "true"),
  of("__proto__", "__proto__"),
  of("constructor", "constructor"),
  of("toString", "toString"),
  of("an SQL quote", "' OR '1'='1"),
  of("a path upwards", "../../etc/passwd"),
  of("format specifiers", "%s%s%n{0}{{7*7}}${x}"),
  of("markup", "<b>&amp;</b>"),
  of("*", "*"),
  of("#", "#"),
  of("a wildcard path", "/#/+/*"),
  of("upper case", "ADMIN"),
  ...LENGTHS.map((length) => of(`${length} characters`, "x".repeat(length))),
  of("1,000 letters of two bytes", "é".repeat(1_000)),
];

const STRUCTURES: readonly EdgeValue[] = [
  source("a list nested 100 deep", nested(100)),
  source("a list nested 1,000 deep", nested(1_000)),
  source("a list nested 20,000 deep", nested(20_000)),
  source("an object nested 1,000 deep", `${'{"a":'.repeat(1_000)}1${"}".repeat(1_000)}`),
  source("a list of 10,000", `[${"0,".repeat(9_999)}0]`),
  source("an object with __proto__", '{"__proto__":{"admin":true},"length":-1,"toString":null}'),
  source("the same key twice", '{"a":1,"a":2}'),
];

/** All values that are tried in place of another. */
export const EDGE_VALUES: readonly EdgeValue[] = [...COMMON, ...NUMBERS, ...TEXTS, ...STRUCTURES];

/** Whole messages as text, which are messages of no protocol. */
export const EDGE_TEXTS: readonly (readonly [name: string, text: string])[] = [
  ["an empty message", ""],
  ["a space", " "],
  ["a line feed", "\n"],
  ["a letter", "a"],
  ["NUL", "\u0000"],
  ["a byte order mark before {}", "\ufeff{}"],
  ["Hello, World!", "Hello, World!"],
  ["special characters", "@#$%^&*()_+-=[]{}|;':\",./<>?`~\\"],
  ["emoji", "🙂👩‍👩‍👧"],
  ["letters outside ASCII", "żółć漢字"],
  ["a replacement character", "\ufffd"],
  ["null", "null"],
  ["true", "true"],
  ["0", "0"],
  ["-1", "-1"],
  ["1e400", "1e400"],
  ['""', '""'],
  ['"text"', '"text"'],
  ["{}", "{}"],
  ["[]", "[]"],
  ["[{}]", "[{}]"],
  ["[null]", "[null]"],
  ["{", "{"],
  ["[", "["],
  ["}", "}"],
  ["a text that does not end", '"abc'],
  ["an object with a comma too many", '{"type":"x",}'],
  ["an object in single quotes", "{'type':'x'}"],
  ["NaN", "NaN"],
  ["undefined", "undefined"],
  ["a list nested 1,000 deep", nested(1_000)],
  ["a list nested 20,000 deep", nested(20_000)],
  ["brackets that do not close", "[".repeat(5_000)],
  ["an object nested 5,000 deep", `${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`],
  ["a thousand numbers", "0,".repeat(1_000)],
  ["digits", "9".repeat(400)],
  ["ping", "ping"],
  ["quit", "quit"],
  ["two lines", "a\r\nb\r\n"],
  ["an HTTP request", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["format specifiers", "%s%s%n%x"],
];

/** Whole binary messages, in hexadecimal digits. */
export const EDGE_BYTES: readonly (readonly [name: string, hex: string])[] = [
  ["an empty binary message", ""],
  ["one byte", "00"],
  ["00 01 02", "000102"],
  ["bytes that are not UTF-8", "fffefd"],
  ["a byte of 255", "ff"],
  ["{} in bytes", "7b7d"],
  ["four bytes of length", "ffffffff"],
  ["eight bytes of length", "7fffffffffffffff"],
  ["a varint that does not end", "ff".repeat(16)],
  ["gzip's first bytes", "1f8b0800000000000000"],
  ["256 bytes, each once", Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0")).join("")],
];

/** Keys that programs may take for something else. */
export const EXTRA_KEYS: readonly EdgeValue[] = [
  source("__proto__", '{"isAdmin":true}'),
  source("constructor", '{"prototype":{"isAdmin":true}}'),
  source("toString", "1"),
  source("hasOwnProperty", "1"),
  source("length", "-1"),
  source("then", "1"),
  source("toJSON", "1"),
  source("", "1"),
  source("type", '"__proto__"'),
  source("id", "null"),
  source("unknown", "{}"),
];
