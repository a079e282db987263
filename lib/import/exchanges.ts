/** Which message answers which: as the document says, otherwise as names suggest. Pure. */
import type { Message, Sides } from "../asyncapi/index.ts";
import { formsOf, freeType } from "./fields.ts";
import { isAnswerTo, isIdName, means } from "./words.ts";

/** A message and its possible answers. */
export interface Pair {
  readonly askedBy: "server" | "client";
  readonly request: Message;
  readonly replies: readonly Message[];
  /** Undefined where the document says it. */
  readonly guessedBy?: string;
}

export function pairsOf({ exchanges, fromClient, fromServer }: Sides): readonly Pair[] {
  const told = exchanges.flatMap(({ askedBy, requests, replies }) =>
    requests.map((request): Pair => ({ askedBy, request, replies: withoutErrors(replies) })),
  );
  const guessed = [
    ...guesses("client", fromClient, fromServer),
    // An answer to a message that asks nothing is worse than an unanswered question.
    ...guesses(
      "server",
      fromServer.filter(({ name }) => means(name, "ping")),
      fromClient,
    ),
  ].filter(
    (pair) => !told.some(({ request, askedBy }) => request === pair.request && askedBy === pair.askedBy),
  );
  return [...told.filter(({ replies }) => replies.length > 0), ...guessed];
}

const withoutErrors = (replies: readonly Message[]): readonly Message[] => {
  const fine = replies.filter(({ name }) => !means(name, "error"));
  return fine.length > 0 ? fine : replies;
};

function guesses(
  askedBy: Pair["askedBy"],
  requests: readonly Message[],
  replies: readonly Message[],
): Pair[] {
  return requests.flatMap((request): Pair[] => {
    if (askedBy === "client" && replies.includes(request) && means(request.name, "echo")) {
      return [
        { askedBy, request, replies: [request], guessedBy: "it is sent both ways, and called an echo" },
      ];
    }
    const named = replies.filter((reply) => reply !== request && isAnswerTo(reply.name, request.name));
    return named.length > 0 ? [{ askedBy, request, replies: named, guessedBy: "their names" }] : [];
  });
}

/** The places of the identifier that a request and its reply share. */
export interface Tie {
  readonly request: string;
  readonly reply: string;
  readonly type: "string" | "number";
  /** Whether the document says it. */
  readonly isTold: boolean;
}

export function tieOf(request: Message, reply: Message): Tie | undefined {
  const [asked] = formsOf(request.payload ?? true);
  const [told] = formsOf(reply.payload ?? true);
  const typeAt = (pointer: string) => {
    const field = asked?.get(pointer);
    // A document may name the place of a field without giving its schema.
    return field === undefined ? "string" : freeType(field);
  };
  const of = ({ correlationId }: Message) =>
    correlationId?.in === "payload" ? correlationId.pointer : undefined;
  const at = of(request) ?? of(reply);
  if (at !== undefined && at !== "") {
    const type = typeAt(at);
    const there = of(reply) ?? at;
    if (type === undefined) return undefined;
    return { request: at, reply: there, type: type === "string" ? "string" : "number", isTold: true };
  }
  for (const [pointer, field] of asked ?? []) {
    const other = told?.get(pointer);
    const type = freeType(field);
    if (!isIdName(pointer.split("/").at(-1)!) || type === undefined || !other || other.values) continue;
    return { request: pointer, reply: pointer, type: type === "string" ? "string" : "number", isTold: false };
  }
  return undefined;
}
