/** The messages that a fuzzing run knows, and every change to one field of them. Pure. */
import type { Descriptor } from "../protocols/index.ts";
import { numberValue, parseTemplate, stringValue, type Value } from "../protocols/template.ts";
import { type Edit, edited, type JsonMessage, jsonIn, type Path, pathsOf, pointerOf } from "./json-edit.ts";
import { captured, STANDS_FOR, type Step } from "./sequence.ts";
import { EDGE_VALUES, EXTRA_KEYS } from "./values.ts";

/** A message that the server should know. */
export interface KnownMessage {
  readonly name: string;
  readonly text: string;
  /** Whether the protocol's codec, framing and delimiter are put on it. */
  readonly coded: boolean;
  /** Its origin: the descriptor, a contract, a strategy, or the server's own messages. */
  readonly source: "protocol" | "contract" | "strategy" | "type" | "seen";
}

/** A step without its connection. */
export type Message = Omit<Step, "on">;

/** A change to a message, and whether it is tried before others. */
export interface Change {
  readonly message: Message;
  readonly early: boolean;
}

/** The messages of a descriptor, with what stands for each variable in its place. */
export function messagesOf(descriptor: Descriptor): KnownMessage[] {
  const { session = [], probe, publish, refresh, resume, heartbeat = [], delimiter } = descriptor;
  const numeric = probe?.id === "number" || probe?.id === "uint16";
  const message = (name: string, send: string | undefined): KnownMessage[] =>
    send === undefined
      ? []
      : [
          {
            name,
            text: parseTemplate(send, delimiter).expand((of) => standIn(of, numeric && name === "probe")),
            coded: true,
            source: "protocol",
          },
        ];
  return [
    ...session.flatMap(({ send }, index) => message(`session[${index}]`, send)),
    ...message("probe", probe?.send),
    ...message("publish", publish?.send),
    ...message("refresh", refresh?.send),
    ...message("resume", resume?.send),
    ...heartbeat.flatMap(({ answer, send }, index) => message(`heartbeat[${index}]`, answer ?? send)),
  ];
}

function standIn(variable: string, numericId: boolean): Value {
  switch (variable) {
    case "room":
    case "user":
    case "token":
      return stringValue(STANDS_FOR[variable]);
    case "id":
      return numericId ? numberValue(STANDS_FOR.number) : stringValue(STANDS_FOR.id);
    case "seq":
    case "vu":
    case "connection":
    case "lastSeq":
      return numberValue("1");
    case "nowMs":
      return numberValue("1900000000000");
    case "payload":
      return stringValue("x");
    default:
      return stringValue(captured(variable));
  }
}

/** Every change to one field of a message, and every change to the message as a whole. */
export function changesOf(message: KnownMessage): Change[] {
  const json = jsonIn(message.text);
  return [...(json ? fieldChanges(message, json) : []), ...textChanges(message, json)];
}

function fieldChanges({ name, coded }: KnownMessage, { head, value, foot }: JsonMessage): Change[] {
  const made: Change[] = [];
  for (const [path, old] of pathsOf(value)) {
    const at = pointerOf(path);
    const change = (words: string, edit: Edit, early = false) => {
      const text = `${head}${edited(value, path, edit)}${foot}`;
      const origin = { name, at: at === "" ? "the whole" : at, change: words };
      made.push({ message: { origin, text, ...(coded && { coded }) }, early });
    };
    for (const { name: edge, json, early } of EDGE_VALUES) {
      if (json !== JSON.stringify(old)) change(`= ${edge}`, { kind: "replace", json }, early);
    }
    for (const [words, json] of relatives(old)) change(words, { kind: "replace", json }, true);
    if (path.length > 0) {
      change("left out", { kind: "remove" }, true);
      change("twice, null behind", { kind: "twice", json: "null" });
      change("twice, itself behind", { kind: "twice", json: JSON.stringify(old) });
      const key = path.at(-1);
      if (typeof key === "string") {
        change("named in the other case", { kind: "rename", key: otherCase(key) });
      }
    }
    if (typeof old === "object" && old !== null) {
      for (const { name: key, json } of EXTRA_KEYS) {
        change(`and more: ${JSON.stringify(key)}: ${json}`, { kind: "add", key, json });
      }
    }
  }
  return made;
}

/** Values near the present one, and values that mean somebody else. */
function relatives(old: unknown): (readonly [words: string, json: string])[] {
  const quoted = JSON.stringify;
  if (typeof old === "number") {
    return [
      ["as a text", quoted(String(old))],
      ["+ 1", quoted(old + 1)],
      ["negative", quoted(-old)],
      ["in a list", quoted([old])],
      ["as a fraction", quoted(old + 0.5)],
    ];
  }
  if (typeof old !== "string") return [["as a text", quoted(quoted(old))]];
  return [
    ["in upper case", quoted(old.toUpperCase())],
    ["with a space behind", quoted(`${old} `)],
    ["with NUL behind", quoted(`${old}\u0000`)],
    ["without its end", quoted(old.slice(0, -1))],
    ["in a list", quoted([old])],
    ["in an object", quoted({ value: old })],
    ["twice in one", quoted(old + old)],
    ["= the neighbour's user", quoted(STANDS_FOR.neighbour)],
    ["= its own user", quoted(STANDS_FOR.user)],
    ["= its room", quoted(STANDS_FOR.room)],
    ["= a number, not a text", STANDS_FOR.number],
  ];
}

const otherCase = (key: string): string =>
  key === key.toUpperCase() ? key.toLowerCase() : key.toUpperCase();

/** Changes that take the message for text: cut, doubled, sent as bytes, its words and digits changed. */
function textChanges({ name, text, coded }: KnownMessage, json: JsonMessage | undefined): Change[] {
  const change = (at: string, words: string, changed: string): Change => ({
    message: { origin: { name, at, change: words }, text: changed, ...(coded && { coded }) },
    early: at === "the whole",
  });
  const head = json ? json.head : text;
  const rest = text.slice(head.length);
  const tokens = head.match(/\d+|[^\W\d]+|\s+|[^\w\s]/g)?.slice(0, 40) ?? [];
  const inHead = tokens.flatMap((token, i) => {
    const at = `part ${i + 1}`;
    const put = (words: string, instead: string) =>
      change(at, words, [...tokens.slice(0, i), instead, ...tokens.slice(i + 1)].join("") + rest);
    const common = [
      put("left out", ""),
      put("twice", token + token),
      put("= NUL", "\u0000"),
      put("= emoji", "🙂"),
    ];
    if (/^\d+$/.test(token)) {
      const numbers = ["0", "-1", "9", "1.5", "9007199254740993", "9".repeat(400), "x"];
      return [...common, ...numbers.map((number) => put(`= ${number.slice(0, 20)}`, number))];
    }
    return [
      ...common,
      put("in the other case", otherCase(token)),
      put("very long", token.repeat(10_000).slice(0, 65_536)),
    ];
  });
  const whole = [
    change("the whole", "without its last character", text.slice(0, -1)),
    change("the whole", "its first half", text.slice(0, text.length >> 1)),
    change("the whole", "twice in one", text + text),
    change("the whole", "twice in two lines", `${text}\n${text}`),
    change("the whole", "a letter behind", `${text}x`),
    change("the whole", "a space before", ` ${text}`),
    change("the whole", "behind a byte order mark", `\ufeff${text}`),
    change("the whole", "in a list", `[${text}]`),
    change("the whole", "with a NUL behind", `${text}\u0000`),
  ];
  return [...inHead, ...whole];
}

/** Words that messages of many protocols have as their type. */
export const COMMON_WORDS: readonly string[] = (
  "subscribe unsubscribe join leave publish message send ping pong auth login logout echo hello history list " +
  "users rooms create delete update get set kick ban whisper dm private broadcast typing presence ack error admin " +
  "debug status stats config reset close connect disconnect call invoke resume sync batch"
).split(" ");

/** Names of members by which a message says what kind it is. */
const TYPE_KEYS: readonly string[] = [
  "type",
  "action",
  "event",
  "op",
  "method",
  "cmd",
  "command",
  "kind",
  "target",
  "msgType",
  "t",
];

/** Messages of the same form as one that is known, of other types: words that the server itself said, and common ones. */
export function otherTypes(message: KnownMessage, words: readonly string[]): Message[] {
  const json = jsonIn(message.text);
  if (!json || typeof json.value !== "object" || json.value === null) return [];
  const key = Object.keys(json.value).find((one) => TYPE_KEYS.includes(one));
  if (key === undefined) return [];
  const path: Path = [key];
  return [...new Set([...words, ...COMMON_WORDS])].map((word) => ({
    origin: { name: message.name, at: pointerOf(path), change: `= ${JSON.stringify(word)}` },
    text: `${json.head}${edited(json.value, path, { kind: "replace", json: JSON.stringify(word) })}${json.foot}`,
    ...(message.coded && { coded: true }),
  }));
}

/** A message with the fields of all that are given, and a type of its own, to try which types a server knows. */
export function ofType(messages: readonly KnownMessage[], word: string): KnownMessage | undefined {
  const forms = messages.flatMap((message) => {
    const json = jsonIn(message.text);
    if (!json || typeof json.value !== "object" || json.value === null || Array.isArray(json.value))
      return [];
    const key = Object.keys(json.value).find((one) => TYPE_KEYS.includes(one));
    return key === undefined ? [] : [{ ...json, key, coded: message.coded }];
  });
  const [first] = forms;
  if (!first) return undefined;
  const alike = forms.filter(({ head, key }) => head === first.head && key === first.key);
  const fields = Object.assign({}, ...alike.map(({ value }) => value), { [first.key]: word });
  const text = `${first.head}${JSON.stringify(fields)}${first.foot}`;
  return { name: `type ${word}`, text, coded: first.coded, source: "type" };
}

/** The types that messages have already. */
export const typesOf = (messages: readonly KnownMessage[]): string[] =>
  messages.flatMap((message) => {
    const value = jsonIn(message.text)?.value;
    if (typeof value !== "object" || value === null) return [];
    return Object.entries(value).flatMap(([key, one]) => (TYPE_KEYS.includes(key) ? [String(one)] : []));
  });

/** Of a server that nothing is known of: forms that many take. */
export const COMMON_MESSAGES: readonly KnownMessage[] = [
  ["type and room", { type: "message", room: STANDS_FOR.room, id: STANDS_FOR.id, text: "x" }],
  ["action and channel", { action: "subscribe", channel: STANDS_FOR.room, data: { text: "x" } }],
  ["event and data", { event: "message", data: { room: STANDS_FOR.room, id: 1, text: "x" } }],
  ["JSON-RPC", { jsonrpc: "2.0", method: "echo", params: { text: "x" }, id: 1 }],
].map(([name, value]) => ({
  name: name as string,
  text: JSON.stringify(value),
  coded: false,
  source: "strategy",
}));
