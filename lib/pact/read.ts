/** Reads pacts of messages, versions 3 and 4 of the specification. */
import { isLosslessNumber, parse } from "lossless-json";
import { PactError } from "./problem.ts";
import { type Rules, readRules } from "./rules.ts";

/** What a message should be like. */
export interface Expected {
  readonly contents: unknown;
  readonly rules: Rules;
}

export interface Interaction {
  readonly kind: "message" | "exchange";
  readonly description: string;
  readonly states: readonly string[];
  /** Of version 4: it may fail without failing the whole. */
  readonly isPending: boolean;
  /** What the client sends first, in an exchange. */
  readonly request?: Expected;
  /** What the server sends, in its order. */
  readonly messages: readonly Expected[];
}

export interface Pact {
  readonly consumer: string;
  readonly provider: string;
  readonly version: string;
  readonly interactions: readonly Interaction[];
  /** Interactions of other kinds, by their description, and the kind. */
  readonly others: readonly { readonly description: string; readonly type: string }[];
}

type Fields = { readonly [name: string]: unknown };
const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !isLosslessNumber(value);

/** A value without the digits of its numbers. */
const plain = (value: unknown): unknown => {
  if (isLosslessNumber(value)) return Number(value.value);
  if (Array.isArray(value)) return value.map(plain);
  return isFields(value)
    ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
    : value;
};

const MOST_CHARACTERS = 16 * 1024 * 1024;
const MOST_DEPTH = 200;

/**
 * @param text the file's
 * @param source how to call it in errors
 * @throws PactError naming the field, the expected value and the actual one
 */
export function readPact(text: string, source: string): Pact {
  if (text.length > MOST_CHARACTERS)
    throw new PactError(`${source}: expected at most ${MOST_CHARACTERS} characters`);
  const json = parsed(text, source);
  const wrong = (expected: string, got: unknown): never => {
    throw new PactError(
      `${source}: expected ${expected}, got ${got === undefined ? "nothing" : JSON.stringify(got)}`,
    );
  };
  if (!isFields(json))
    return wrong("a pact, which is an object", Array.isArray(json) ? "a list" : typeof json);
  const name = (party: string) => {
    const { name } = isFields(json[party]) ? json[party] : {};
    return typeof name === "string" ? name : wrong(`"${party}" with its "name"`, undefined);
  };
  const { pactSpecification = {} } = isFields(json.metadata) ? json.metadata : {};
  const said = isFields(pactSpecification) ? pactSpecification.version : undefined;
  const version = typeof said === "string" ? said : Array.isArray(json.messages) ? "3.0.0" : "unknown";
  if (!/^[34]\b/.test(version)) wrong('"metadata.pactSpecification.version" of 3 or 4', version);
  const head = { consumer: name("consumer"), provider: name("provider"), version };
  const list = version.startsWith("3") ? json.messages : json.interactions;
  if (!Array.isArray(list)) {
    return wrong(
      version.startsWith("3") ? '"messages", a list' : '"interactions", a list',
      Object.keys(json),
    );
  }
  const read = list.map((one: unknown, i) => {
    const at = `${source}: ${version.startsWith("3") ? "messages" : "interactions"}[${i}]`;
    if (!isFields(one)) throw new PactError(`${at}: expected an object, got ${typeof one}`);
    return version.startsWith("3") ? readVersion3(one, at) : readVersion4(one, at);
  });
  return {
    ...head,
    interactions: read.filter((one): one is Interaction => "messages" in one),
    others: read.filter((one): one is Other => "type" in one),
  };
}

type Other = Pact["others"][number];

function parsed(text: string, source: string): unknown {
  requireShallow(text, source);
  try {
    return parse(text.replace(/^\ufeff/, ""));
  } catch (error) {
    throw new PactError(
      `${source}: expected JSON, got text that is not (${String((error as Error).message).slice(0, 80)})`,
    );
  }
}

/** Before it is parsed: the parser goes as deep as the text does. */
export function requireShallow(text: string, source: string): void {
  let depth = 0;
  let inText = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inText) {
      if (code === 0x5c) i++;
      else if (code === 0x22) inText = false;
    } else if (code === 0x22) inText = true;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > MOST_DEPTH)
        throw new PactError(`${source}: expected JSON at most ${MOST_DEPTH} deep, got deeper`);
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
}

const describe = ({ description }: Fields, at: string): string =>
  typeof description === "string" ? description : `the one at ${at.replace(/^.*: /, "")}`;

function statesOf(one: Fields): string[] {
  if (typeof one.providerState === "string") return [one.providerState];
  const states = Array.isArray(one.providerStates) ? one.providerStates : [];
  return states.flatMap((state) => (isFields(state) && typeof state.name === "string" ? [state.name] : []));
}

function readVersion3(one: Fields, at: string): Interaction {
  const rules = isFields(one.matchingRules) ? bodyRules(one.matchingRules) : undefined;
  return {
    kind: "message",
    description: describe(one, at),
    states: statesOf(one),
    isPending: false,
    messages: [{ contents: one.contents ?? null, rules: readRules(plain(rules), at) }],
  };
}

/** Some writers leave the categories out. */
export const bodyRules = (rules: Fields): unknown =>
  rules.body ??
  rules.content ??
  (Object.keys(rules).some((key) => key.startsWith("$")) ? withoutCategory(rules) : undefined);

/** `$.body.id` of version 2 is `$.id`, a single matcher a list of one. */
const withoutCategory = (rules: Fields): Fields =>
  Object.fromEntries(
    Object.entries(rules)
      .filter(([path]) => path === "$" || /^\$(\.body\b|\[)/.test(path))
      .map(([path, rule]) => [
        path.replace(/^\$\.body/, "$"),
        isFields(rule) && Array.isArray(rule.matchers) ? rule : { matchers: [rule] },
      ]),
  );

function readVersion4(one: Fields, at: string): Interaction | Other {
  const type = typeof one.type === "string" ? one.type : "none";
  const head = { description: describe(one, at), states: statesOf(one), isPending: one.pending === true };
  if (type === "Asynchronous/Messages") return { kind: "message", ...head, messages: [expectedOf(one, at)] };
  if (type !== "Synchronous/Messages") return { description: head.description, type };
  if (!isFields(one.request))
    throw new PactError(`${at}: expected "request", an object, got ${typeof one.request}`);
  if (!Array.isArray(one.response))
    throw new PactError(`${at}: expected "response", a list, got ${typeof one.response}`);
  return {
    kind: "exchange",
    ...head,
    request: expectedOf(one.request, `${at}.request`),
    messages: one.response.map((message: unknown, i) => {
      if (!isFields(message))
        throw new PactError(`${at}.response[${i}]: expected an object, got ${typeof message}`);
      return expectedOf(message, `${at}.response[${i}]`);
    }),
  };
}

function expectedOf(message: Fields, at: string): Expected {
  const body = isFields(message.contents) ? message.contents : {};
  const rules = isFields(message.matchingRules) ? bodyRules(message.matchingRules) : undefined;
  return { contents: contentOf(body, at), rules: readRules(plain(rules), at) };
}

function contentOf({ content, encoded, contentType }: Fields, at: string): unknown {
  if (encoded === undefined || encoded === false) return content ?? null;
  if (typeof content !== "string")
    throw new PactError(`${at}.contents.content: expected a text, since it is encoded`);
  if (String(encoded).toLowerCase() === "base64") {
    const text = Buffer.from(content, "base64").toString("utf8");
    return String(contentType).includes("json") ? parsed(text, at) : text;
  }
  if (String(encoded).toLowerCase() === "json") return parsed(content, at);
  throw new PactError(
    `${at}.contents.encoded: expected false, base64 or JSON, got ${JSON.stringify(encoded)}`,
  );
}
