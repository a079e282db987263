/** A finding: a sequence that the server should have borne and did not, with all that is needed to see it again. Pure. */
import * as v from "valibot";
import type { ConnectionSeen, LogEntry } from "./observation.ts";
import { FINDING_KINDS, type FindingKind, type Symptom } from "./oracle.ts";
import { describeStep, type Sequence, SequenceSchema, type Step, shownStep } from "./sequence.ts";

export const FINDING_FORMAT = "k6-realtime finding 1";

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));

const ConnectionSchema = v.object({
  name: v.string(),
  state: v.string(),
  closeCode: v.nullish(v.number()),
  closeReason: v.optional(v.string()),
});

const EntrySchema = v.object({
  atMs: v.number(),
  on: v.string(),
  /** `→` sent, `←` received, `·` what happened. */
  arrow: v.picklist(["→", "←", "·"]),
  text: v.string(),
});

export const FindingSchema = v.object({
  format: v.literal(FINDING_FORMAT),
  /** The endpoint, without values of its query. */
  url: v.string(),
  route: v.string(),
  protocol: v.string(),
  kind: v.picklist(FINDING_KINDS),
  key: v.string(),
  /** What else was wrong with the same run. */
  also: v.array(v.string()),
  /** One sentence. */
  title: v.string(),
  sent: v.array(v.string()),
  expected: v.string(),
  received: v.string(),
  /** The step at whose heels it came, from 0; absent for the opening of the connection. */
  index: v.optional(Count),
  on: v.string(),
  closeCode: v.nullish(v.number()),
  closeReason: v.optional(v.string()),
  /** From the beginning of the run. */
  atMs: v.number(),
  connections: v.array(ConnectionSchema),
  /** Of so many runs again, how many showed it, and how many of those without the messages did. */
  again: v.object({ seen: Count, of: Count, control: Count }),
  /** Whether fast-check could make it smaller: not where the server did not come back. */
  shrunk: v.boolean(),
  /** What made it: the seed of the whole, and of fast-check's part with its path. */
  seed: v.number(),
  round: v.object({ seed: v.number(), path: v.string() }),
  run: Count,
  /** Runs that showed the like. */
  times: Count,
  sequence: SequenceSchema,
  log: v.array(EntrySchema),
});

export type Finding = v.InferOutput<typeof FindingSchema>;

/** What findings are in words. */
export const KIND_TITLES: Readonly<Record<FindingKind, string>> = {
  "server-gone": "the server no longer serves new connections",
  "neighbour-dropped": "another user's connection is dropped",
  "neighbour-lost": "a neighbour loses a message",
  "neighbour-repeated": "a neighbour gets a message twice",
  "neighbour-refused": "a neighbour is refused",
  "neighbour-slow": "a neighbour is held up",
  misdirected: "a message reaches the wrong connection",
  "upgrade-5xx": "the upgrade is answered with a server error",
  "server-error": "the server closes with a code for an internal fault",
  "abrupt-end": "the connection ends without a Close",
  wire: "the server breaks RFC 6455",
  contract: "a message breaks the contract",
  protocol: "a message breaks the protocol's descriptor",
  "internal-error": "an answer reveals internals of the server",
  unasked: "an answer that nobody asked for",
  refused: "a valid message is refused",
  gone: "the connection is closed after valid messages",
  silence: "the connection stays open but stops answering",
  "close-unanswered": "our Close is not answered",
  growth: "a count of the server grows and does not fall again",
};

/** By what findings are alike: what went wrong, and which field of which message brought it about. */
export function likenessOf(
  { kind, key, step }: Pick<Symptom, "kind" | "key" | "step">,
  { connections, steps }: Sequence,
): string {
  const culprit = steps[step ?? steps.length - 1];
  return [kind, key, culprit ? placeOf(culprit) : JSON.stringify(connections[0])].join("\n");
}

/**
 * Roughly which part of a message is wrong. All messages that are not JSON are alike, and so all that nest deeply;
 * otherwise it is the changed field.
 */
export function placeOf({ origin: { name, at = "", change = "" }, text, hex }: Step): string {
  if (change.includes("nested")) return "nested deep";
  if (change.includes("1e400")) return "a number out of range";
  if (hex !== undefined) return "bytes";
  const isOurs = ["text", "json"].includes(name);
  if (text === undefined || !(isOurs || at === "the whole") || change === "") return `${name} ${at}`;
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value)) return "a list of JSON";
    if (typeof value !== "object" || value === null) return "JSON that is not an object";
    return `${name} ${at}`;
  } catch {
    return isOurs || /^\s*[{[]/.test(text) ? "not JSON" : `${name} ${at}`;
  }
}

/** The messages sent, without secrets and stand-ins. */
export const sentLines = ({ connections, steps }: Sequence): string[] => [
  ...connections.flatMap(({ start, variables, subprotocols, query }, i) => {
    const odd = [
      ...Object.entries(variables ?? {}).map(([name, value]) => `\${${name}} = ${JSON.stringify(value)}`),
      ...(subprotocols ? [`subprotocols ${JSON.stringify(subprotocols)}`] : []),
      ...(query === undefined ? [] : [`query ${JSON.stringify(query)}`]),
    ];
    const raw = start === "raw" && odd.length === 0 ? ["without the protocol's session"] : [];
    const words = [...odd, ...raw];
    return words.length > 0
      ? [`connection ${i + 1} is opened ${odd.length > 0 ? "with " : ""}${words.join(", ")}`]
      : [];
  }),
  ...steps.map((step) => `connection ${step.on + 1}: ${cut(shownStep(step))} (${describeStep(step)})`),
];

/** The close code and text, where they tell more than the sentence. */
export const describeClose = ({ closeCode, closeReason }: Finding): string[] =>
  closeCode === undefined ? [] : [`${closeCode ?? "none"} ${JSON.stringify(closeReason ?? "")}`];

/** How often the like was seen. */
export const likeWords = ({ times }: Finding): string =>
  times === 1 ? "no other sequence showed it" : `${times - 1} more sequences showed it`;

const MOST = 300;

export const cut = (text: string, most = MOST): string =>
  text.length <= most ? text : `${text.slice(0, most)}… (${text.length - most} more characters)`;

/** How a connection stood at the end. */
export function stateOf({ name, log, session }: ConnectionSeen): v.InferOutput<typeof ConnectionSchema> {
  const end = log.findLast(
    ({ event }) => event === "closed" || event === "refused" || event === "unconnected",
  );
  if (end?.event === "closed") {
    const whose =
      end.by === "us"
        ? "closed by us"
        : end.by === "server"
          ? "closed by the server"
          : "ended without a Close";
    return { name, state: whose, closeCode: end.code, closeReason: end.reason };
  }
  if (end?.event === "refused") return { name, state: `refused with status ${end.status}` };
  if (end?.event === "unconnected") return { name, state: `not connected: ${end.reason}` };
  return { name, state: session === "ready" ? "open" : "open, without a session" };
}

/** All connections' logs as one, in the order of time. */
export const entriesOf = (seen: readonly ConnectionSeen[], most = 200): v.InferOutput<typeof EntrySchema>[] =>
  seen
    .flatMap(({ name, log }) => log.map((entry) => ({ atMs: entry.atMs, on: name, ...inWords(entry) })))
    .filter(({ text }) => text !== "")
    .sort((a, b) => a.atMs - b.atMs)
    .slice(0, most);

function inWords(entry: LogEntry): Pick<v.InferOutput<typeof EntrySchema>, "arrow" | "text"> {
  const shown = "bytes" in entry ? cut(entry.text ?? `bytes ${entry.hex ?? ""}`) : "";
  switch (entry.event) {
    case "sent":
      return {
        arrow: "→",
        text: `${shown} [${entry.step === undefined ? entry.purpose : `step ${entry.step + 1}`}]`,
      };
    case "received": {
      const meaning = entry.meaning.map(({ kind }) => kind).join(", ");
      return { arrow: "←", text: `${shown}${meaning === "" ? "" : ` [${meaning}]`}` };
    }
    case "opened":
      return {
        arrow: "·",
        text: `opened${entry.subprotocol === null ? "" : `, subprotocol ${entry.subprotocol}`}`,
      };
    case "refused":
      return { arrow: "·", text: `refused: status ${entry.status} ${cut(entry.body)}` };
    case "unconnected":
      return { arrow: "·", text: `not connected: ${entry.reason}` };
    case "violation":
    case "limit":
      return { arrow: "·", text: entry.detail };
    case "closed":
      return {
        arrow: "·",
        text: `closed: ${entry.code ?? "no code"} ${JSON.stringify(entry.reason)}, by ${entry.by}`,
      };
    default:
      return { arrow: "·", text: "" };
  }
}
