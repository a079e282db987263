/** What a test may expect of the messages of a page. Each fails with sentences that say what happened instead. */
import type { Locator } from "@playwright/test";
import { Sequence } from "../lib/order.ts";
import { parsePointer, resolvePointer } from "../lib/protocols/pointer.ts";
import type { DeliveryFound } from "../lib/protocols/recognize.ts";
import { Frames } from "./frames.ts";

/** What Playwright gives a matcher, as far as it is needed here. */
export interface MatcherState {
  readonly isNot: boolean;
  /** That of `expect`, in milliseconds. */
  readonly timeout: number;
}

export interface MatcherResult {
  readonly name: string;
  readonly pass: boolean;
  readonly message: () => string;
}

export interface WaitOptions {
  /** How long to wait for it, in milliseconds. Default: that of `expect`. */
  readonly timeout?: number;
}

/** The place where the page shows deliveries. */
export interface ShownDeliveries {
  /** The elements that show a delivery each, in the order in which the page has them: `list.locator("li")`. */
  readonly shownIn: Locator;
  /** The place of the text in a delivery that an element has to contain: a JSON Pointer. Default: `/text`. */
  readonly text?: string;
}

/** Undefined where all is as it should be; otherwise sentences. */
type Complaint = string | undefined;

const LOOK_EVERY_MS = 50;

export const matchers = {
  /**
   * Waits until a probe that the page sent has a reply.
   *
   * @param name which of the descriptor's replies. Default: any.
   */
  toHaveReply(this: MatcherState, frames: Frames, name?: string, wait: WaitOptions = {}) {
    const known = requireFrames(frames, "toHaveReply").descriptor.reply?.map((reply) => reply.name) ?? [];
    if (name !== undefined && !known.includes(name)) {
      throw new Error(`toHaveReply: the descriptor has the replies ${listed(known)}, got ${shown(name)}.`);
    }
    return settle(this, "toHaveReply", wait, () => withoutReply(frames, name));
  },

  /**
   * Waits until the page receives a delivery.
   *
   * @param expected what it has: fields that the descriptor finds (`id`, `seq`, `publisher`, `room`), and fields of its JSON
   */
  toHaveDelivery(this: MatcherState, frames: Frames, expected: object = {}, wait: WaitOptions = {}) {
    requireFrames(frames, "toHaveDelivery");
    return settle(this, "toHaveDelivery", wait, () => withoutDelivery(frames, expected));
  },

  /**
   * Waits until the deliveries are in order: those of each publisher came as it numbered them, and once. With `shownIn`,
   * the page also shows each one once, in the order in which they came.
   */
  toKeepOrder(this: MatcherState, frames: Frames, where?: ShownDeliveries, wait: WaitOptions = {}) {
    requireFrames(frames, "toKeepOrder");
    return settle(this, "toKeepOrder", wait, async () => {
      const deliveries = deliveriesIn(frames);
      if (deliveries.length === 0)
        return `Nothing was delivered to the page, so there is no order. ${got(frames)}`;
      return outOfOrder(deliveries) ?? (where && (await shownWrongly(deliveries, where)));
    });
  },
};

/** Looks until there is nothing to complain of, or the time is over. */
async function settle(
  { isNot, timeout }: MatcherState,
  name: string,
  wait: WaitOptions,
  look: () => Complaint | Promise<Complaint>,
): Promise<MatcherResult> {
  const withinMs = wait.timeout ?? timeout;
  const end = performance.now() + withinMs;
  for (;;) {
    const complaint = await look();
    const pass = complaint === undefined;
    if (pass !== isNot || performance.now() >= end) {
      const message = () =>
        pass
          ? `Expected not ${name}, but it came about within ${withinMs} ms.`
          : `${complaint} (Waited for ${withinMs} ms.)`;
      return { name, pass, message };
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

function withoutReply(frames: Frames, name: string | undefined): Complaint {
  const probes = frames.sent.filter(({ kind }) => kind === "probe");
  const wanted = name === undefined ? "a reply" : `the reply ${shown(name)}`;
  if (probes.length === 0) return `The page sent no probe, so ${wanted} cannot come. ${got(frames)}`;
  const replies = frames.received.filter(({ kind }) => kind === "reply");
  if (replies.some((reply) => name === undefined || reply.name === name)) return undefined;
  const errors = frames.received.filter(({ kind, answers }) => kind === "error" && answers);
  const failed = errors
    .map((error) => ` The server answered one with the error ${shown(error.name)}.`)
    .join("");
  return `The page sent ${count(probes.length, "probe")}, but ${wanted} did not come.${failed} ${got(frames)}`;
}

/** A delivery, and the connection that it came by. */
interface Delivery extends DeliveryFound {
  readonly connection: number;
}

const deliveriesIn = (frames: Frames): Delivery[] =>
  frames.received.flatMap(({ deliveries = [], connection }) =>
    deliveries.map((delivery) => ({ ...delivery, connection })),
  );

function withoutDelivery(frames: Frames, expected: object): Complaint {
  const deliveries = deliveriesIn(frames);
  if (deliveries.length === 0) return `Nothing was delivered to the page. ${got(frames)}`;
  const wanted = Object.entries(expected);
  const differences = deliveries.map((delivery) =>
    wanted.filter(([name, value]) => !has(valueAt(delivery, name), value)).map(([name]) => name),
  );
  if (differences.some((names) => names.length === 0)) return undefined;
  const fewest = Math.min(...differences.map((names) => names.length));
  const at = differences.findLastIndex((names) => names.length === fewest);
  const nearest = deliveries[at]!;
  const instead = differences[at]!.map((name) => `${name} ${shown(valueAt(nearest, name))}`);
  return `Of ${count(deliveries.length, "delivery", "deliveries")} none has ${shown(expected)}. The nearest has ${listed(instead)}.`;
}

const FIELDS = ["id", "seq", "publisher", "room"];

/** What the descriptor finds, or else a field of the JSON: by its name, or by a pointer. */
function valueAt(delivery: DeliveryFound, name: string): unknown {
  const found = FIELDS.includes(name) ? (delivery as { readonly [name: string]: unknown })[name] : undefined;
  return found ?? resolvePointer(delivery.content, parsePointer(name) ?? [name]);
}

/** Whether a value has all that is expected; of an object's fields, at least the expected ones. */
function has(value: unknown, expected: unknown): boolean {
  if (expected instanceof RegExp) return typeof value === "string" && expected.test(value);
  if (typeof expected !== "object" || expected === null) return Object.is(value, expected);
  if (typeof value !== "object" || value === null || Array.isArray(value) !== Array.isArray(expected))
    return false;
  return Object.entries(expected).every(([name, inner]) =>
    has(Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined, inner),
  );
}

/** By each publisher's own numbers, on each connection. */
function outOfOrder(deliveries: readonly Delivery[]): Complaint {
  const sequences = new Map<string, { sequence: Sequence; last: number }>();
  for (const { seq, publisher, room, connection } of deliveries) {
    if (typeof seq !== "number") continue;
    const key = JSON.stringify([connection, publisher, room]);
    const known = sequences.get(key) ?? { sequence: new Sequence(), last: seq };
    sequences.set(key, known);
    const arrival = known.sequence.arrive(seq);
    const whose = publisher === undefined ? "" : ` of ${shown(publisher)}`;
    if (arrival === "duplicated") return `Message ${seq}${whose} was delivered to the page twice.`;
    if (arrival === "reordered") {
      return `Message ${seq}${whose} was delivered to the page after message ${known.last}.`;
    }
    known.last = seq;
  }
  return undefined;
}

async function shownWrongly(deliveries: readonly Delivery[], where: ShownDeliveries): Promise<Complaint> {
  const { shownIn, text = "/text" } = where;
  const tokens = parsePointer(text);
  if (!tokens)
    throw new Error(`toKeepOrder: text: expected a JSON Pointer such as "/text", got ${shown(text)}.`);
  const texts = deliveries.map(({ content }) => resolvePointer(content, tokens));
  const without = texts.findIndex((value) => typeof value !== "string" || value === "");
  if (without !== -1) {
    return `Delivered message ${without + 1} has no text at ${shown(text)}, so it cannot be found on the page. Say where with { text: "/…" }.`;
  }
  return misplaced(texts as string[], await shownIn.allTextContents());
}

/** Whether each text is shown as often as it came, and in that order. Two equal ones cannot be told apart. */
export function misplaced(texts: readonly string[], rows: readonly string[]): Complaint {
  const name = (at: number) => `message ${at + 1} (${shown(texts[at])})`;
  const capital = (sentence: string) => sentence.charAt(0).toUpperCase() + sentence.slice(1);
  // The longest text that an element contains is the one that it shows: "1" is in "12".
  const inRow = rows.map((row) => {
    const fitting = texts.filter((text) => row.includes(text));
    return fitting.sort((a, b) => b.length - a.length)[0];
  });
  for (const [at, text] of texts.entries()) {
    const times = inRow.filter((shownText) => shownText === text).length;
    const came = texts.filter((other) => other === text).length;
    if (times > came)
      return capital(`${name(at)} came ${often(came)}, but the page shows it ${often(times)}.`);
    if (times < came) return `The page does not show ${name(at)}.`;
  }
  const order = inRow.filter((text) => text !== undefined);
  const at = texts.findIndex((text, i) => order[i] !== text);
  if (at === -1) return undefined;
  const first = texts.indexOf(order[at]!);
  return `The page shows ${name(first)} before ${name(at)}, which came first.`;
}

/** What the page's connections had, so that a failure explains itself. */
function got(frames: Frames): string {
  const kinds = new Map<string, number>();
  for (const { direction, kind, name } of frames) {
    const what = `${direction} ${kind}${name === undefined ? "" : ` ${shown(name)}`}`;
    kinds.set(what, (kinds.get(what) ?? 0) + 1);
  }
  if (kinds.size > 0) return `Until then: ${[...kinds].map(([what, n]) => `${what} (${n})`).join(", ")}.`;
  return frames.lastConnection === undefined
    ? "The page opened no WebSocket connection: was frames(page, …) called before the page opened it?"
    : "Nothing at all passed on its connection.";
}

function requireFrames(value: unknown, matcher: string): Frames {
  if (value instanceof Frames) return value;
  throw new Error(`${matcher}: expected what frames(page, …) gives, got ${shown(value)}.`);
}

const MOST_SHOWN = 120;

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const text =
    JSON.stringify(value, (_, inner: unknown) => (inner instanceof RegExp ? String(inner) : inner)) ??
    String(value);
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text;
}

const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;
const often = (n: number): string => (n === 1 ? "once" : n === 2 ? "twice" : `${n} times`);
const listed = (items: readonly string[]): string => items.join(", ") || "none";
