/** The messages to send: strategies as arbitraries of fast-check, and how a sequence is made smaller. Pure. */
import fc from "fast-check";
import type { GraphqlShapes } from "./graphql.ts";
import { graphqlMessages } from "./graphql.ts";
import type { Opening, RawFrame, Sequence, Step } from "./sequence.ts";
import { EDGE_BYTES, EDGE_TEXTS, LENGTHS } from "./values.ts";
import { changesOf, type KnownMessage, type Message, otherTypes } from "./vocabulary.ts";

/** The strategies there are, by the names by which they are chosen. */
export const STRATEGY_NAMES = [
  "protocol",
  "text",
  "json",
  "bytes",
  "graphql",
  "boundaries",
  "order",
  "frames",
  "close",
  "handshake",
] as const;
export type StrategyName = (typeof STRATEGY_NAMES)[number];

/** What messages are made of. */
export interface Material {
  readonly messages: readonly KnownMessage[];
  /** Words that the server said. */
  readonly words: readonly string[];
  readonly graphql: GraphqlShapes | undefined;
  /** A user's own strategies for the route. */
  readonly own: readonly fc.Arbitrary<Message>[];
  readonly strategies: readonly StrategyName[];
  readonly hasProbe: boolean;
  readonly hasPublish: boolean;
  readonly hasSession: boolean;
  /** Variables that the URL has. */
  readonly pathVariables: readonly string[];
  readonly maxMessages: number;
  readonly connections: number;
  readonly maxMessageBytes: number;
  readonly closeCodes: readonly number[];
}

/**
 * Messages that are tried one by one before chance is: each change to one field, each edge. The ones that break most
 * servers come first.
 */
export function sweepOf(material: Material): { readonly early: Message[]; readonly later: Message[] } {
  const has = (name: StrategyName) => material.strategies.includes(name);
  const { messages, words, maxMessageBytes } = material;
  // A message that the server sends is only by chance one that it understands.
  const changes = (has("protocol") ? messages : []).flatMap((message) =>
    changesOf(message).map((change) => ({ ...change, early: change.early && message.source !== "seen" })),
  );
  const fits = (message: Message) => sizeOf(message) <= maxMessageBytes;
  const early = [
    ...(has("protocol") ? messages.map(asItIs) : []),
    ...changes.flatMap(({ message, early }) => (early ? [message] : [])),
    ...validMessages(material),
    ...(has("text") || has("boundaries") ? edgeTexts() : []),
    ...(has("bytes") || has("boundaries") ? edgeBytes() : []),
    ...(has("boundaries") ? longMessages() : []),
    ...(has("frames") ? frameMessages(messages[0]?.text ?? "x") : []),
    ...(has("close") ? closes(material.closeCodes) : []),
    ...(has("graphql") && material.graphql ? graphqlMessages(material.graphql) : []),
  ];
  const later = [
    ...changes.flatMap(({ message, early }) => (early ? [] : [message])),
    ...(has("protocol") ? messages.flatMap((message) => otherTypes(message, words)) : []),
  ];
  return { early: early.filter(fits), later: later.filter(fits) };
}

/** Each message that is known, and each behind each: what is done twice, too early or too late. */
export function pairsOf({ messages, strategies }: Material): Message[][] {
  if (!strategies.includes("order")) return [];
  const known = messages.slice(0, 16).map(asItIs);
  return known.flatMap((first) => known.map((second) => [first, second]));
}

export const sizeOf = ({ text = "", hex = "" }: Message): number => text.length + hex.length / 2;

const asItIs = ({ name, text, coded }: KnownMessage): Message => ({
  origin: { name },
  text,
  ...(coded && { coded }),
});

const edgeTexts = (): Message[] =>
  EDGE_TEXTS.map(([name, text]) => ({ origin: { name: "text", change: name }, text }));

const edgeBytes = (): Message[] =>
  EDGE_BYTES.map(([name, hex]) => ({ origin: { name: "bytes", change: name }, hex }));

const longMessages = (): Message[] =>
  LENGTHS.flatMap((length): Message[] => [
    { origin: { name: "text", at: "length", change: `= ${length}` }, text: "x".repeat(length) },
    { origin: { name: "bytes", at: "length", change: `= ${length}` }, hex: "00".repeat(length) },
    {
      origin: { name: "json", at: "length", change: `= ${length}` },
      text: JSON.stringify("x".repeat(length - 2)),
    },
  ]);

/** Payloads of messages that are as the protocol wants them. */
const VALID_PAYLOADS: readonly (readonly [name: string, payload: string])[] = [
  ["no payload", ""],
  ["a word", "word"],
  ["a payload of letters outside ASCII", "żółć漢字"],
  ["a payload of emoji", "🙂👩‍👩‍👧"],
  ["a payload with quotes", "\"'\\/`"],
  ["a payload with line ends", "a\r\nb\n"],
  ["a payload with NUL", "a\u0000b"],
  ["a payload of digits", "0123456789"],
  ["a payload of spaces", "   "],
  ["a payload of markup", "<b>&amp;</b>"],
  ["a payload of format specifiers", "%s%n{0}${x}"],
  ...LENGTHS.map((length) => [`a payload of ${length}`, "x".repeat(length)] as const),
];

function validMessages({ hasProbe, hasPublish }: Material): Message[] {
  const kinds = [...(hasProbe ? (["probe"] as const) : []), ...(hasPublish ? (["publish"] as const) : [])];
  return kinds.flatMap((kind) =>
    VALID_PAYLOADS.map(([name, payload]) => ({
      origin: { name: kind, change: `as it should be, ${name}` },
      valid: { kind, payload },
    })),
  );
}

const frame = (opcode: number, text: string, fin = true): RawFrame => ({ fin, opcode, text });

/** Fragments, control frames between them, and what breaks RFC 6455. */
function frameMessages(text: string): Message[] {
  const half = text.length >> 1;
  const [a, b] = [text.slice(0, half), text.slice(half)];
  const many = [...text].slice(0, 200);
  const tail = text.slice(many.join("").length);
  const made = (change: string, frames: readonly RawFrame[]): Message => ({
    origin: { name: "frames", change },
    frames: [...frames],
  });
  return [
    made("a message in two fragments", [frame(1, a, false), frame(0, b)]),
    made("a Ping between fragments", [frame(1, a, false), frame(9, "between"), frame(0, b)]),
    made("a Pong between fragments", [frame(1, a, false), frame(10, ""), frame(0, b)]),
    made("a fragment for each character", [
      ...many.map((one, i) => frame(i === 0 ? 1 : 0, one, false)),
      frame(0, tail),
    ]),
    made("empty fragments", [frame(1, "", false), frame(0, "", false), frame(0, text, false), frame(0, "")]),
    made("an empty message in fragments", [frame(1, "", false), frame(0, "")]),
    made("a binary message in fragments", [frame(2, a, false), frame(0, b)]),
    made("a message whose last fragment does not come", [frame(1, text, false)]),
    made("a letter parted by fragments", [
      { fin: false, opcode: 1, hex: "c5" },
      { fin: true, opcode: 0, hex: "bc" },
    ]),
    made("an empty Ping", [frame(9, "")]),
    made("a Ping of 125 bytes", [frame(9, "x".repeat(125))]),
    made("a Ping of bytes that are not UTF-8", [{ fin: true, opcode: 9, hex: "fffe" }]),
    made("a Pong that nobody asked for", [frame(10, "unasked")]),
    made(
      "twenty Pings",
      Array.from({ length: 20 }, (_, i) => frame(9, String(i))),
    ),
    made("text that is not UTF-8", [{ fin: true, opcode: 1, hex: "c328" }]),
    made("text that ends within a letter", [{ fin: true, opcode: 1, hex: "e282" }]),
    made("a surrogate in UTF-8", [{ fin: true, opcode: 1, hex: "eda080" }]),
    made("a continuation of nothing", [frame(0, text)]),
    made("a message begun within another", [frame(1, a, false), frame(1, b)]),
    made("a reserved opcode", [frame(3, "x")]),
    made("a reserved control opcode", [frame(11, "x")]),
    made("a reserved bit", [{ fin: true, opcode: 1, text: "x", rsv: 4 }]),
    made("another reserved bit", [{ fin: true, opcode: 1, text: "x", rsv: 1 }]),
    made("a Ping of 126 bytes", [frame(9, "x".repeat(126))]),
    made("a Ping in fragments", [frame(9, "x", false), frame(0, "y")]),
    made("a Close with one byte", [{ fin: true, opcode: 8, hex: "03" }]),
    made("a Close with a reason that is not UTF-8", [{ fin: true, opcode: 8, hex: "03e8c328" }]),
  ];
}

const CLOSE_CODES = [1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 3000, 3999, 4000, 4999];
const WRONG_CODES = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535];

function closes(codes: readonly number[]): Message[] {
  const close = (code: number | undefined, reason: string, change: string): Message => ({
    origin: { name: "close", change },
    close: { ...(code !== undefined && { code }), reason },
  });
  return [
    close(undefined, "", "without a code"),
    ...[...new Set([...codes, ...CLOSE_CODES])].map((code) => close(code, "", `code ${code}`)),
    close(1000, "x".repeat(123), "a reason of 123 bytes"),
    close(1000, "żółć 🙂", "a reason outside ASCII"),
    ...WRONG_CODES.map((code) => close(code, "", `code ${code}, which may not be sent`)),
    { origin: { name: "cut", change: "the connection is cut" }, cut: true },
  ];
}

/** How connections are opened otherwise: odd variables in the URL, odd queries, odd subprotocols. */
export function openingsOf({ pathVariables, strategies }: Material): Opening[] {
  if (!strategies.includes("handshake")) return [];
  const texts = [
    "",
    "x",
    "żółć",
    "../..",
    "a/b",
    "%",
    "%00",
    "'",
    "a b",
    "🙂",
    "x".repeat(300),
    "-1",
    "null",
    "__proto__",
    "*",
  ];
  return [
    ...pathVariables.flatMap((name) =>
      texts.map((text): Opening => ({ start: "raw", variables: { [name]: text } })),
    ),
    ...[
      "x=1",
      "x=%00",
      "x=%ff",
      "x[]=1&x[a]=2",
      "token=",
      "token=x&token=y",
      "id=null",
      `x=${"y".repeat(4_000)}`,
      "%",
      "EIO=9",
    ].map((query): Opening => ({ start: "raw", query })),
    { start: "raw", subprotocols: ["fuzz.unknown"] },
    { start: "raw", subprotocols: Array.from({ length: 50 }, (_, i) => `fuzz.${i}`) },
  ];
}

/** One message by chance. */
function messageArbitrary(material: Material, sweep: readonly Message[]): fc.Arbitrary<Message> {
  const { maxMessageBytes, strategies, own } = material;
  const has = (name: StrategyName) => strategies.includes(name);
  const length = Math.min(maxMessageBytes, 300);
  const known = material.messages.map(asItIs);
  const options: fc.WeightedArbitrary<Message>[] = [
    ...(sweep.length > 0 ? [{ weight: 6, arbitrary: fc.constantFrom(...sweep) }] : []),
    ...(known.length > 0 && has("order") ? [{ weight: 4, arbitrary: fc.constantFrom(...known) }] : []),
    ...own.map((arbitrary) => ({ weight: Math.max(2, Math.ceil(10 / own.length)), arbitrary })),
    ...(has("text")
      ? [
          {
            weight: 1,
            arbitrary: fc
              .string({ unit: "binary", maxLength: length })
              .map((text) => ({ origin: { name: "text", change: "by chance" }, text })),
          },
        ]
      : []),
    ...(has("json")
      ? [
          {
            weight: 1,
            arbitrary: fc
              .json({ maxDepth: 4 })
              .map((text) => ({ origin: { name: "json", change: "by chance" }, text })),
          },
        ]
      : []),
    ...(has("bytes")
      ? [
          {
            weight: 1,
            arbitrary: fc.uint8Array({ maxLength: length }).map((bytes) => ({
              origin: { name: "bytes", change: "by chance" },
              hex: Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join(""),
            })),
          },
        ]
      : []),
  ];
  // When all strategies that make messages are left out, the smallest text remains.
  if (options.length === 0) return fc.constant({ origin: { name: "text", change: "a letter" }, text: "a" });
  return fc.oneof(...options);
}

/** A sequence by chance: mostly short, now and then long, on one connection or several whose steps are interleaved. */
export function sequenceArbitrary(material: Material, sweep: readonly Message[]): fc.Arbitrary<Sequence> {
  const message = messageArbitrary(material, sweep);
  const start =
    material.hasSession && material.strategies.includes("order")
      ? fc.oneof(
          { weight: 4, arbitrary: fc.constant("ready" as const) },
          { weight: 1, arbitrary: fc.constant("raw" as const) },
        )
      : fc.constant("ready" as const);
  const most = material.maxMessages;
  const length = fc.oneof(
    { weight: 5, arbitrary: fc.integer({ min: Math.min(2, most), max: Math.min(3, most) }) },
    { weight: 3, arbitrary: fc.integer({ min: 1, max: most }) },
  );
  const count = fc.oneof(
    { weight: 3, arbitrary: fc.constant(1) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: material.connections }) },
  );
  return fc.tuple(count, length).chain(([connections, steps]) =>
    fc
      .tuple(
        fc.array(start, { minLength: connections, maxLength: connections }),
        fc.array(stepArbitrary(message, connections), { minLength: steps, maxLength: steps }),
        // One message again and again: what is done twice may break what is done once.
        fc.oneof(
          { weight: 4, arbitrary: fc.constant(1) },
          { weight: 1, arbitrary: fc.integer({ min: 2, max: most }) },
        ),
      )
      .map(([starts, given, times]) => ({
        connections: starts.map((one) => ({ start: one })),
        steps: times > 1 ? Array.from({ length: times }, () => given[0]!) : given,
      })),
  );
}

const stepArbitrary = (message: fc.Arbitrary<Message>, connections: number): fc.Arbitrary<Step> =>
  fc
    .tuple(message, fc.integer({ min: 0, max: connections - 1 }), fc.boolean())
    .map(([made, on, burst]) => ({ ...made, on, ...(burst && { burst: true as const }) }));
