/** What one connection is to do, as a document says it and a user completes it. */
import {
  type AsyncApiDocument,
  describedBy,
  type Message,
  type Side,
  type Sides,
  sidesOf,
} from "../asyncapi/index.ts";
import { parseDuration } from "../units.ts";
import { type Address, addressOf, chosenChannels } from "./address.ts";
import { type Pair, pairsOf, type Tie, tieOf } from "./exchanges.ts";
import { type Kind, kindsOf } from "./kinds.ts";
import { AnswerError, type Ask } from "./question.ts";
import { means } from "./words.ts";

export interface Step {
  readonly does: "send" | "await";
  readonly kind: Kind;
}

export type Beat =
  | { readonly when: Kind; readonly answer: Kind; readonly tie?: Tie }
  | { readonly send: Kind; readonly every: string };

export interface Plan {
  readonly title: string;
  readonly address: Address;
  readonly kinds: readonly Kind[];
  readonly sides: Sides;
  readonly session: readonly Step[];
  readonly probe?: {
    readonly kind: Kind;
    readonly reply: Kind;
    readonly match: "id" | "whole" | "fifo";
    readonly tie?: Tie;
  };
  /** A message that goes to the server and comes from it. */
  readonly publish?: Kind;
  readonly beats: readonly Beat[];
  readonly deliveries: readonly Kind[];
  readonly errors: readonly Kind[];
  readonly probeInterval: string;
  /** Messages in formats that are not read. */
  readonly unread: readonly Message[];
}

/**
 * Makes a plan, asking for what the document leaves open.
 *
 * @throws AnswerError where it has nothing to make one of
 */
export async function planOf(document: AsyncApiDocument, ask: Ask): Promise<Plan> {
  const channels = await chosenChannels(document, ask);
  const guess = describedBy(document);
  const side = (await ask({
    name: "describes",
    ask: "Whose operations does the document describe, the server's or the client's?",
    choices: ["server", "client"],
    guess: { value: guess.side, why: guess.why },
  })) as Side;
  const address = await addressOf(document, channels, ask);
  const sides = sidesOf(document, side, channels);
  const kinds = kindsOf(document);
  const unread = document.messages.filter(({ unreadFormat }) => unreadFormat !== undefined);
  if (sides.fromClient.length + sides.fromServer.length === 0) {
    throw new AnswerError("no operation sends or receives a message in that channel");
  }
  return await new Planner(kinds, sides, ask).plan({ title: document.title, address, unread });
}

class Planner {
  readonly #kinds: readonly Kind[];
  readonly #sides: Sides;
  readonly #ask: Ask;
  readonly #pairs: readonly Pair[];
  readonly #sent: readonly Kind[];
  readonly #received: readonly Kind[];

  constructor(kinds: readonly Kind[], sides: Sides, ask: Ask) {
    this.#kinds = kinds;
    this.#sides = sides;
    this.#ask = ask;
    this.#pairs = pairsOf(sides);
    const readable = ({ message }: Kind) => message.unreadFormat === undefined;
    this.#sent = kinds.filter((kind) => sides.fromClient.includes(kind.message) && readable(kind));
    this.#received = kinds.filter((kind) => sides.fromServer.includes(kind.message) && readable(kind));
  }

  async plan(known: Pick<Plan, "title" | "address" | "unread">): Promise<Plan> {
    const probe = await this.#probe();
    const session = await this.#session(probe);
    const beats = await this.#beats(probe);
    const publish = this.#published(probe);
    const errors = this.#received.filter(({ name }) => means(name, "error"));
    const answers = this.#pairs
      .filter(({ askedBy }) => askedBy === "client")
      .map(({ replies }) => replies[0]!);
    const apart = new Set<Kind | undefined>([
      probe?.reply,
      ...errors,
      ...answers.map((message) => this.#kindOf(message)),
      ...this.#received.filter(isWelcome),
    ]);
    const probeInterval = probe ? await this.#interval() : "2s";
    return {
      ...known,
      kinds: this.#kinds,
      sides: this.#sides,
      session,
      ...(probe && { probe }),
      ...(publish && { publish }),
      beats,
      deliveries: this.#received.filter((kind) => !apart.has(kind)),
      errors: errors.filter((kind) => kind !== probe?.reply),
      probeInterval,
    };
  }

  #kindOf(message: Message): Kind {
    return this.#kinds.find((kind) => kind.message === message)!;
  }

  #pairOf(kind: Kind): Pair | undefined {
    return this.#pairs.find(({ askedBy, request }) => askedBy === "client" && request === kind.message);
  }

  async #probe(): Promise<Plan["probe"]> {
    if (this.#sent.length === 0 || this.#received.length === 0) return undefined;
    const best = this.#bestProbe();
    const answer = await this.#ask({
      name: "probe",
      ask: "Which message does a client send again and again, to time the answers?",
      choices: [...this.#sent.map(({ name }) => name), "none"],
      guess: best
        ? { value: best.kind.name, why: best.why }
        : { value: "none", why: "the document has no message that is answered and may be repeated" },
    });
    const kind = this.#sent.find(({ name }) => name === answer);
    if (!kind) return undefined;
    const reply = await this.#reply(kind);
    if (reply.message === kind.message) return { kind, reply, match: "whole" };
    const tie = tieOf(kind.message, reply.message);
    return { kind, reply, match: tie ? "id" : "fifo", ...(tie && { tie }) };
  }

  #bestProbe(): { kind: Kind; why: string } | undefined {
    const ranked = this.#pairs
      .filter(
        ({ askedBy, request }) =>
          askedBy === "client" && this.#sent.some(({ message }) => message === request),
      )
      .map((pair) => ({ pair, score: scoreOf(pair) }))
      .filter(({ score }) => score >= 0)
      .sort((a, b) => b.score - a.score);
    const [best] = ranked;
    if (!best) return undefined;
    const { request, guessedBy } = best.pair;
    const why =
      guessedBy === undefined ? "the document says what answers it" : `${guessedBy} suggest an answer`;
    return { kind: this.#kindOf(request), why };
  }

  async #reply(probe: Kind): Promise<Kind> {
    const pair = this.#pairOf(probe);
    const choices = this.#received.map(({ name }) => name);
    const likely = pair?.replies.find((reply) => this.#received.some(({ message }) => message === reply));
    if (pair && pair.guessedBy === undefined && likely && pair.replies.length === 1)
      return this.#kindOf(likely);
    const guess = likely
      ? { value: this.#kindOf(likely).name, why: pair?.guessedBy ?? "it stands first among its answers" }
      : choices.length === 1
        ? { value: choices[0]!, why: "the server sends no other" }
        : undefined;
    const answer = await this.#ask({
      name: "reply",
      ask: `Which message answers ${probe.name}?`,
      choices,
      ...(guess && { guess }),
    });
    return this.#received.find(({ name }) => name === answer)!;
  }

  async #session(probe: Plan["probe"]): Promise<readonly Step[]> {
    const likely = this.#likelySession(probe);
    const shown = likely.map(({ does, kind }) => `${does} ${kind.name}`).join(", ");
    const answer = await this.#ask({
      name: "session",
      ask: "What must happen, in its order, before a connection is ready?",
      form: 'none, or steps such as "await hello, send subscribe, await subscribed"',
      guess:
        likely.length > 0
          ? { value: shown, why: "the names suggest it" }
          : { value: "none", why: "no name suggests a login, a subscription or a welcome" },
      refuse: (text) => (this.#steps(text) ? undefined : this.#expectedSteps()),
    });
    return this.#steps(answer)!;
  }

  #likelySession(probe: Plan["probe"]): Step[] {
    const answered = new Set(this.#pairs.flatMap(({ replies }) => replies));
    const welcome = this.#received.find((kind) => isWelcome(kind) && !answered.has(kind.message));
    const opening = this.#sent.filter(
      (kind) => kind !== probe?.kind && means(kind.name, "opening") && !means(kind.name, "effects"),
    );
    // Of many kinds of subscription nobody knows which.
    const first = opening.length <= 2 ? opening : [];
    return [
      ...(welcome ? [{ does: "await", kind: welcome } as const] : []),
      ...first.flatMap((kind): Step[] => {
        const [reply] = this.#pairOf(kind)?.replies ?? [];
        const sent: Step = { does: "send", kind };
        return reply && reply !== kind.message
          ? [sent, { does: "await", kind: this.#kindOf(reply) }]
          : [sent];
      }),
    ];
  }

  #steps(text: string): Step[] | undefined {
    if (text === "none") return [];
    const steps = text.split(",").map((part): Step | undefined => {
      const [, does, name] = /^\s*(send|await)\s+(\S+)\s*$/.exec(part) ?? [];
      const kind = (does === "send" ? this.#sent : this.#received).find((one) => one.name === name);
      return kind && { does: does as Step["does"], kind };
    });
    return steps.every((step) => step !== undefined) ? steps : undefined;
  }

  #expectedSteps(): string {
    const names = (kinds: readonly Kind[]) => kinds.map(({ name }) => name).join(", ") || "nothing";
    return `none, or steps: send (${names(this.#sent)}), await (${names(this.#received)})`;
  }

  async #beats(probe: Plan["probe"]): Promise<readonly Beat[]> {
    if (this.#sent.length === 0) return [];
    const asked = this.#pairs.filter(
      ({ askedBy, request, replies }) =>
        askedBy === "server" &&
        this.#received.some(({ message }) => message === request) &&
        replies.length > 0,
    );
    const likely = asked
      .filter(({ request }) => request !== probe?.reply.message)
      .map(
        ({ request, replies }) =>
          `answer ${this.#kindOf(request).name} with ${this.#kindOf(replies[0]!).name}`,
      );
    const answer = await this.#ask({
      name: "heartbeat",
      ask: "What keeps a connection alive, and which messages must a client answer?",
      form: 'none, or "answer ping with pong", "send beat every 30s", with commas between them',
      guess:
        likely.length > 0
          ? { value: likely.join(", "), why: "the document, or the names, say that a client answers" }
          : { value: "none", why: "the document names none" },
      refuse: (text) =>
        this.#beatsIn(text)
          ? undefined
          : 'none, "answer MESSAGE with MESSAGE" or "send MESSAGE every DURATION"',
    });
    return this.#beatsIn(answer)!;
  }

  #beatsIn(text: string): Beat[] | undefined {
    if (text === "none") return [];
    const sent = (name: string | undefined) => this.#sent.find((one) => one.name === name);
    const beats = text.split(",").map((part): Beat | undefined => {
      const [, asked, told] = /^\s*answer\s+(\S+)\s+with\s+(\S+)\s*$/.exec(part) ?? [];
      const when = this.#received.find(({ name }) => name === asked);
      const answer = sent(told);
      if (when && answer) {
        const tie = tieOf(when.message, answer.message);
        return { when, answer, ...(tie && { tie }) };
      }
      const [, beat, every = ""] = /^\s*send\s+(\S+)\s+every\s+(\S+)\s*$/.exec(part) ?? [];
      const send = sent(beat);
      return send && (parseDuration(every) ?? 0) > 0 ? { send, every } : undefined;
    });
    return beats.every((beat) => beat !== undefined) ? beats : undefined;
  }

  #published(probe: Plan["probe"]): Kind | undefined {
    return this.#sent.find((kind) => kind !== probe?.kind && this.#received.includes(kind));
  }

  async #interval(): Promise<string> {
    return await this.#ask({
      name: "probe-interval",
      ask: "How long should a connection wait between two probes?",
      form: "a duration such as 2s",
      guess: { value: "2s", why: "it is the scenarios' own" },
      refuse: (text) =>
        (parseDuration(text) ?? 0) > 0 ? undefined : "a duration above zero such as 500ms or 2s",
    });
  }
}

const isWelcome = ({ name }: Kind): boolean => means(name, "welcome") && !means(name, "error");

/** How good a probe it makes; below zero none. */
function scoreOf({ request, replies, guessedBy }: Pair): number {
  const [reply] = replies;
  let score = 0;
  if (means(request.name, "harmless")) score += 4;
  if (reply && tieOf(request, reply)) score += 2;
  if (guessedBy !== undefined) score -= 1;
  if (means(request.name, "opening")) score -= 6;
  if (means(request.name, "effects")) score -= 8;
  return score;
}
