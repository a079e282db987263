/** A look at a server before it is fuzzed: what it says by itself, and what it answers to messages that are of no protocol. */

import { type GraphqlShapes, INTROSPECTION, shapesOf } from "../../lib/fuzz/graphql.ts";
import { jsonIn, pathsOf } from "../../lib/fuzz/json-edit.ts";
import type { Step } from "../../lib/fuzz/sequence.ts";
import {
  COMMON_MESSAGES,
  COMMON_WORDS,
  type KnownMessage,
  ofType,
  typesOf,
} from "../../lib/fuzz/vocabulary.ts";
import { Client } from "./client.ts";
import type { Target } from "./target.ts";

/** Facts learned by listening. */
export interface Explored {
  readonly words: readonly string[];
  /** Messages that the server sent: it may understand the like. */
  readonly seen: readonly KnownMessage[];
  /** Messages of types that the descriptor does not have, and that the server knows. */
  readonly verbs: readonly KnownMessage[];
  readonly graphql: GraphqlShapes | undefined;
}

const FIRST: readonly string[] = [
  "{}",
  '{"type":"fuzz"}',
  '{"action":"fuzz"}',
  '{"event":"fuzz"}',
  "fuzz",
  "[]",
];

/**
 * Each message on a connection of its own: a server may close after any of them.
 *
 * @param isOver says that there is no more time
 */
export async function explore(
  target: Target,
  messages: readonly KnownMessage[],
  withGraphql: boolean,
  isOver: () => boolean,
): Promise<Explored> {
  const texts: string[] = [];
  const known =
    target.protocol.descriptor.session !== undefined || target.protocol.descriptor.probe !== undefined;
  const tries = known ? FIRST.slice(0, 2) : [...FIRST, ...COMMON_MESSAGES.map(({ text }) => text)];
  for (const text of tries) {
    if (isOver()) break;
    texts.push(...(await answersTo(target, { on: 0, origin: { name: "explore" }, text })).texts);
  }
  const words = wordsIn(texts).slice(0, 60);
  return {
    words,
    seen: shapesIn(texts, tries),
    verbs: await verbsOf(target, messages.length > 0 ? messages : COMMON_MESSAGES, words, isOver),
    graphql: withGraphql ? await introspect(target) : undefined,
  };
}

/** What a server answers to one message on a connection of its own, and how that ends. */
async function answersTo(target: Target, step: Step): Promise<{ texts: string[]; end: string }> {
  const client = await open(target);
  const before = client.seen().log.length;
  client.send(step, 0, 0);
  await client.ping(Math.min(target.messageTimeoutMs, 500));
  await new Promise((resolve) => setTimeout(resolve, 15));
  const log = client.seen().log.slice(before);
  await client.close(500);
  return {
    texts: log.flatMap((entry) =>
      entry.event === "received" && entry.text !== undefined ? [entry.text] : [],
    ),
    end: log.flatMap((entry) => (entry.event === "closed" ? [`${entry.code}`] : [])).join(),
  };
}

/** Words that no server has for a type. */
const NONSENSE = ["qzxj", "jxzq"] as const;
/** Words tried, and types kept. */
const MOST_WORDS = 100;
const MOST_VERBS = 10;

/** Types that are answered otherwise than one that there cannot be. */
async function verbsOf(
  target: Target,
  messages: readonly KnownMessage[],
  words: readonly string[],
  isOver: () => boolean,
): Promise<KnownMessage[]> {
  if (isOver()) return [];
  const tried = async (word: string) => {
    const message = ofType(messages, word);
    if (!message) return undefined;
    const step = {
      on: 0,
      origin: { name: message.name },
      text: message.text,
      ...(message.coded && { coded: true }),
    };
    const { texts, end } = await answersTo(target, step);
    const plain = texts.map((text) => text.replace(/fz-\w+|\d+/g, "0"));
    return { message, answer: [...plain, end].join("\n") };
  };
  const [one, two] = [await tried(NONSENSE[0]), await tried(NONSENSE[1])];
  // A server that does not answer alike to two such words tells nothing.
  if (!one || one.answer.replaceAll(NONSENSE[0], NONSENSE[1]) !== two?.answer) return [];
  const known = typesOf(messages);
  const candidates = [...new Set([...words, ...COMMON_WORDS])].filter((word) => !known.includes(word));
  const verbs: KnownMessage[] = [];
  for (const word of candidates.slice(0, MOST_WORDS)) {
    if (isOver()) break;
    const answered = await tried(word);
    if (answered && answered.answer !== one.answer.replaceAll(NONSENSE[0], word))
      verbs.push(answered.message);
    if (verbs.length === MOST_VERBS) break;
  }
  return verbs;
}

const open = (target: Target): Promise<Client> =>
  Client.open(
    {
      name: "explorer",
      role: "fuzzing",
      index: 3,
      room: "fuzz-room-explore",
      neighbourUser: "",
      opening: { start: "ready" },
    },
    target,
    performance.now(),
  );

/** Words that may be types of messages: short, in small letters. */
function wordsIn(texts: readonly string[]): string[] {
  const words = texts.flatMap((text) => text.match(/\b[a-zA-Z][a-zA-Z_.:-]{1,24}\b/g) ?? []);
  return [...new Set(words)].sort();
}

/** One message of each form that came. */
function shapesIn(texts: readonly string[], sent: readonly string[]): KnownMessage[] {
  const shapes = new Map<string, KnownMessage>();
  for (const text of texts) {
    const json = jsonIn(text);
    if (!json || text.length > 2_000 || sent.includes(text)) continue;
    const shape = [...pathsOf(json.value)]
      .map(([path, value]) => `${path.join("/")}:${typeof value}`)
      .join(" ");
    if (!shapes.has(shape))
      shapes.set(shape, { name: `seen ${shapes.size + 1}`, text, coded: false, source: "seen" });
  }
  return [...shapes.values()].slice(0, 6);
}

/** Asks a server of GraphQL for its operations. */
async function introspect(target: Target): Promise<GraphqlShapes | undefined> {
  const client = await open(target);
  try {
    const isReady = target.protocol.descriptor.session !== undefined;
    const say = (value: unknown) =>
      client.send({ on: 0, origin: { name: "explore" }, text: JSON.stringify(value) }, 0, 0);
    if (!isReady) {
      say({ type: "connection_init" });
      await client.ping(1_000);
    }
    say({ id: "introspection", type: "subscribe", payload: { query: INTROSPECTION } });
    const by = performance.now() + target.messageTimeoutMs;
    while (performance.now() < by && client.isOpen) {
      const answer = client.whole.find(
        (text) => text.includes('"introspection"') && text.includes("__schema"),
      );
      if (answer !== undefined) return shapesOf(JSON.parse(answer).payload?.data);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  } finally {
    await client.close(500);
  }
}
