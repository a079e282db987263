/** What can be said of a secret that is wrong, without repeating any of it. Pure. */

const FACTS: readonly (readonly [RegExp, string])[] = [
  [/^\ufeff/, "begins with a byte-order mark"],
  [/^\ufeff?\s*(["'`]).*\1\s*$/s, "is in quotes"],
  [/^\ufeff?\s*[“”„‘’‚«»].*[“”‘’«»]\s*$/s, "is in typographic quotes"],
  [/[\r\n]$/, "ends in a line break"],
  [/[\r\n](?![\r\n]*$)/, "has a line break in it"],
  [/^[ \t]/, "begins with a space"],
  [/[ \t]$/, "ends in a space"],
  [/^bearer /i, "begins with the word Bearer"],
  [/[^\s][ \t]+[^\s]/, "has a space in it"],
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  [/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/, "has a control character in it"],
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
  [/[^\x00-\x7f\ufeff“”„‘’‚«»]/, "has a character in it that is not ASCII"],
];

const factsOf = (text: string): string[] =>
  FACTS.filter(([pattern]) => pattern.test(text)).map(([, fact]) => fact);

const oneThat = (facts: readonly string[]): string => `one that ${facts.join(" and ")}`;

/** Whether a text, right as it may be, looks as if somebody's shell or file had left its quotes on. */
export const isInQuotes = (text: string): boolean => /^(["'`]).*\1$/.test(text);

/** Whether a text can stand in a header, as tokens do. */
export const isToken = (text: string): boolean => /^[\x21-\x7e]+$/.test(text);

/** The shape of any text: `one that is in quotes and ends in a line break`. */
export function shapeOf(text: string): string {
  if (text === "") return "an empty text";
  const facts = factsOf(text);
  return facts.length > 0 ? oneThat(facts) : "something else";
}

const MEANT: Readonly<Record<"ws" | "http", Readonly<Record<string, string>>>> = {
  ws: { "http://": "ws://", "https://": "wss://" },
  http: { "ws://": "http://", "wss://": "https://" },
};

/** The shape of a text that is not a URL of a WebSocket, or of an event stream. */
export function shapeOfUrl(text: string, wanted: "ws" | "http" = "ws"): string {
  if (text === "") return "an empty text";
  const facts = factsOf(text);
  if (facts.length > 0) return oneThat(facts);
  const scheme = /^(wss?|https?|tcp|udp|ftp|file|mqtts?|amqps?):\/\//i.exec(text)?.[0];
  const secure = wanted === "ws" ? "wss" : "https";
  if (scheme === undefined) return `one that does not begin with ${wanted}:// or ${secure}://`;
  const meant = MEANT[wanted][scheme.toLowerCase()];
  if (meant) return `one that begins with ${scheme}: write ${meant}`;
  if (scheme !== `${wanted}://` && scheme !== `${secure}://`) return `one that begins with ${scheme}`;
  const [authority = ""] = text.slice(scheme.length).split(/[/?#]/);
  if (authority === "") return "one without a host";
  if (authority.includes("@")) return "one with a user name in it";
  return text.includes("#") ? "one with a fragment (#)" : "something else";
}

/** The shape of a list of which an element is wrong. */
export function shapeOfList(
  elements: readonly string[],
  isRight: (element: string) => boolean,
  shape: (element: string) => string,
): string {
  const wrong = elements.findIndex((element) => !isRight(element));
  return wrong < 0 ? "something else" : `a list whose element ${wrong + 1} is ${shape(elements[wrong]!)}`;
}

/** A header field's name (RFC 9110 section 5.1). */
export const TOKEN = /^[!#$%&'*+.^`|~\w-]+$/;

/**
 * The shape of a value that is not an object of header lines. Names are shown if they are possible header names,
 * values never.
 */
export function shapeOfHeaders(text: string, isReserved: (name: string) => boolean): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    if (text === "") return "an empty text";
    const facts = factsOf(text).filter((fact) => fact !== "has a space in it");
    return facts.length > 0 ? `no JSON: ${oneThat(facts)}` : "no JSON";
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return `JSON that is ${kindOf(value)}`;
  for (const [name, content] of Object.entries(value)) {
    if (!TOKEN.test(name)) return `a name that no header may have: ${shapeOfName(name)}`;
    if (isReserved(name)) return `${name}, which the handshake sets itself`;
    if (typeof content !== "string") return `${kindOf(content)} as the value of ${name}`;
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(content))
      return `a value of ${name} that cannot be sent: ${shapeOf(content)}`;
  }
  return "something else";
}

const shapeOfName = (name: string): string =>
  name.includes(":") ? "one that has a colon in it" : shapeOf(name);

/** What a value of JSON is, in words. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "string") return "a text";
  if (typeof value === "object") return "an object";
  return typeof value === "boolean" ? "true or false" : "a number";
}
