/** What names of messages usually mean. Guesses, each of which is told. Pure. */

/** The words of a name: `SubscribeRequest`, `subscribe_request` and `subscribe.request` have the same. */
export const wordsOf = (name: string): string[] =>
  name
    .replace(/([a-z\d])([A-Z])/g, "$1 $2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .filter(Boolean);

const WORDS = {
  /** The server's first message. */
  welcome: "hello welcome connected ready opened established",
  /** What a client sends before anything else makes sense. */
  opening:
    "subscribe subscription join login logon auth authenticate authorize identify connect register init",
  /** What a client may ask as often as it likes. */
  harmless: "ping echo time heartbeat status info get query list fetch ticker version",
  /** What has effects, so that nobody should send it again and again unasked. */
  effects:
    "order place create add new delete remove cancel withdraw deposit transfer buy sell update amend change set logout close unsubscribe leave kick ban pay react like dislike purge mass",
  error: "error errors failure failed rejected rejection",
  ping: "ping",
  pong: "pong",
  echo: "echo",
} as const;

export type Sense = keyof typeof WORDS;

const SETS = Object.fromEntries(
  Object.entries(WORDS).map(([sense, words]) => [sense, new Set(words.split(" "))]),
) as unknown as Readonly<Record<Sense, ReadonlySet<string>>>;

/** Whether a name has a word of that sense. */
export const means = (name: string, sense: Sense): boolean =>
  wordsOf(name).some((word) => SETS[sense].has(word));

const ASKING: ReadonlySet<string> = new Set(["request", "req", "command", "query", "message", "msg", "send"]);
const ANSWERING: ReadonlySet<string> = new Set(
  "response resp reply result answer ack acknowledge acknowledgement acknowledged status message msg receive".split(
    " ",
  ),
);

/** Whether one name is the other's answer: `PlaceOrderRequest` and `PlaceOrderResponse`, `ping` and `pong`. */
export function isAnswerTo(answer: string, question: string): boolean {
  if (means(question, "ping") && means(answer, "pong")) return true;
  const asked = wordsOf(question).filter((word) => !ASKING.has(word));
  const told = wordsOf(answer);
  const about = told.filter((word) => !ANSWERING.has(word));
  return about.length < told.length && about.length > 0 && about.join(" ") === asked.join(" ");
}

/** Whether a field's name is that of an identifier that a reply gives back. */
export const isIdName = (name: string): boolean =>
  /^(id|_?ref|nonce|(req(uest)?|corr(elation)?|msg|message|echo|trace|client_?(msg|message)?|envelope|event)_?id)$/i.test(
    name,
  );

/** What of ours stands in a field of that name. */
export function variableFor(name: string): "token" | "user" | "room" | undefined {
  if (/^((access|auth|bearer|api)_?)?(token|key)$/i.test(name)) return "token";
  if (/^user_?(id|name)?$/i.test(name)) return "user";
  if (/^room_?(id|name)?$/i.test(name)) return "room";
  return undefined;
}

/** A field of free text, fit to hold an identifier that comes back with it. */
export const isTextName = (name: string): boolean =>
  /^(text|message|msg|body|content|payload|data)$/i.test(name);
