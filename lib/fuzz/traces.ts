import type { Step } from "./sequence.ts";

/** What an answer holds that is of the server's inside: a stack, or an exception's name. */
const TRACES: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["a stack of Python", /Traceback \(most recent call last\)|\bFile \\?"[^"]+", line \d+/],
  ["a stack of JavaScript", /(?:\\n|\n)\s+at .{1,200}(?::\d+:\d+|<anonymous>)/],
  [
    "a stack of the JVM",
    /(?:\\n|\n)\\?t?\s*at [\w$.]+\([\w$]+\.(?:java|kt|scala):\d+\)|\bjava\.(?:lang|util|io)\.\w+(?:Exception|Error)/,
  ],
  ["a stack of .NET", /\bSystem\.\w*(?:Exception)\b|\bat [\w.]+\(.{0,80}\) in .{1,120}:line \d+/],
  ["a panic of Go", /\bgoroutine \d+ \[|\bruntime error: /],
  [
    "a JavaScript exception",
    /\b(?:TypeError|ReferenceError|RangeError): |Cannot read propert|is not a function\b/,
  ],
  [
    "a Python exception",
    /\b(?:KeyError|AttributeError|IndexError|UnboundLocalError|RecursionError)\b|object has no attribute|'NoneType'|unhashable type/,
  ],
  ["an error of a database", /\bSQLSTATE\b|\bSQLITE_ERROR\b|syntax error at or near|ORA-\d{5}/],
  ["JSON-RPC's internal error", /"code"\s*:\s*-32603\b/],
];

/** The trace in a text of the server's; none that it only gave back. */
export function traceIn(text: string, own: readonly Step[]): string | undefined {
  if (text === "") return undefined;
  const sent = own.map((step) => step.text ?? "");
  return TRACES.find(([, pattern]) => pattern.test(text) && !sent.some((one) => pattern.test(one)))?.[0];
}
