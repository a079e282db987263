/** The address of a channel: the server's URL, then its path and query. */
import { isFields } from "../asyncapi/files.ts";
import type { AsyncApiDocument, Channel, JsonSchema, Parameter, Server } from "../asyncapi/index.ts";
import { AnswerError, type Ask } from "./question.ts";
import { variableFor } from "./words.ts";

export interface Address {
  /** The server's, without what {@link path} adds; undefined where the document names no server. */
  readonly url?: string;
  /** A descriptor's `path`: a template. */
  readonly path?: string;
  readonly subprotocols: readonly string[];
  /** Header lines that the handshake needs, and how to give them. */
  readonly needs: readonly string[];
  readonly usesToken: boolean;
}

const isWebSocket = ({ protocol }: Server): boolean => /^wss?$/.test(protocol);

/** Channels that connections over WebSocket have; all, where no server is one of WebSocket. */
export function channelsOf({ channels, servers }: AsyncApiDocument): readonly Channel[] {
  const ours = new Set(servers.filter(isWebSocket).map(({ name }) => name));
  return ours.size === 0
    ? channels
    : channels.filter((channel) => channel.servers.some((name) => ours.has(name)));
}

/** Channels at one address are one connection's. */
export function byAddress(channels: readonly Channel[]): readonly (readonly Channel[])[] {
  const groups = new Map<string, Channel[]>();
  for (const channel of channels) {
    const address = (channel.address ?? "").replace(/^\/|\/$/g, "");
    groups.set(address, [...(groups.get(address) ?? []), channel]);
  }
  return [...groups.values()];
}

export async function addressOf(
  document: AsyncApiDocument,
  channels: readonly Channel[],
  ask: Ask,
): Promise<Address> {
  const server = await serverOf(document, channels, ask);
  const [channel] = channels;
  const isOne = byAddress(channels).length === 1;
  const path = isOne ? await pathOf(channel!, ask) : "";
  const query = await queryOf(channels, ask);
  const security = securityOf(server);
  const all = [...query, ...security.query.filter(([name]) => !query.some(([one]) => one === name))];
  const target = all.map(([name, value]) => `${encodeURIComponent(name)}=${value}`).join("&");
  const whole = (path === "" ? "" : path) + (target === "" ? "" : `?${target}`);
  return {
    ...(server && { url: await urlOf(server, ask) }),
    ...(whole !== "" && { path: whole }),
    subprotocols: subprotocolsOf(channels),
    needs: [...security.needs, ...headersOf(channels)],
    usesToken: security.usesToken || whole.includes("${token}"),
  };
}

async function serverOf(
  { servers }: AsyncApiDocument,
  channels: readonly Channel[],
  ask: Ask,
): Promise<Server | undefined> {
  const theirs = servers.filter(({ name }) => channels.some((channel) => channel.servers.includes(name)));
  const some = theirs.some(isWebSocket) ? theirs.filter(isWebSocket) : theirs;
  if (some.length <= 1) return some[0];
  const choices = some.map(({ name }) => name);
  const answer = await ask({
    name: "server",
    ask: "Which of the servers?",
    choices,
    guess: { value: choices[0]!, why: "it stands first" },
  });
  return some.find(({ name }) => name === answer);
}

async function urlOf(server: Server, ask: Ask): Promise<string> {
  // An API may be told by the URL of the request that hands out the real one.
  const scheme = isWebSocket(server) ? server.protocol : /^(http|mqtt)$/.test(server.protocol) ? "ws" : "wss";
  const place = await filled(`${server.host}${server.pathname}`, server.variables, ask, { isPath: false });
  return `${scheme}://${place}`;
}

async function pathOf({ address = "", parameters }: Channel, ask: Ask): Promise<string> {
  const path = await filled(address, parameters, ask, { isPath: true });
  if (path === "" || path === "/") return ""; // the server's own
  return path.startsWith("/") || path.startsWith("?") ? path : `/${path}`;
}

/** A text with `{parameters}`, each with its value. */
async function filled(
  text: string,
  parameters: readonly Parameter[],
  ask: Ask,
  { isPath }: { isPath: boolean },
): Promise<string> {
  let whole = "";
  let from = 0;
  const only = (text.match(/\{/g) ?? []).length === 1;
  for (const found of text.matchAll(/\{([^{}]+)\}/g)) {
    const name = found[1]!;
    const parameter = parameters.find((one) => one.name === name) ?? { name, enum: [], examples: [] };
    const value = await parameterOf(parameter, only && isPath, ask);
    whole += literal(text.slice(from, found.index)) + value;
    from = found.index + found[0].length;
  }
  return whole + literal(text.slice(from));
}

async function parameterOf(parameter: Parameter, isOnly: boolean, ask: Ask): Promise<string> {
  const { name } = parameter;
  const [choice] = parameter.enum;
  const value = parameter.default ?? choice ?? parameter.examples[0];
  const variable = variableFor(name) ?? (isOnly && value === undefined ? "room" : undefined);
  const guess =
    variable !== undefined && choice === undefined
      ? { value: `\${${variable}}`, why: "so each connection has its own" }
      : value !== undefined
        ? { value, why: "the document has it as a default, a choice or an example" }
        : undefined;
  return await ask({
    name: `parameter.${name}`,
    ask: `What stands for {${name}} in the address?`,
    form: "a text, or a variable such as ${room}",
    ...(guess && { guess }),
    refuse: (answer) =>
      /[\s?#&{}]/.test(answer.replace(/\$\{\w+\}/g, "")) || answer === "" ? "a part of a URL" : undefined,
  });
}

/** Literal text of a template. */
const literal = (text: string): string => text.replaceAll("${", "%24{");

/** The query that the `ws` binding asks for: required parameters, and parameters with a value. */
async function queryOf(channels: readonly Channel[], ask: Ask): Promise<[name: string, value: string][]> {
  const pairs = new Map<string, string>();
  for (const { ws } of channels) {
    if (!isFields(ws.query)) continue;
    const required: readonly unknown[] = Array.isArray(ws.query.required) ? ws.query.required : [];
    for (const [name, schema] of Object.entries(fieldsOf(ws.query))) {
      const isNeeded = required.includes(name);
      const variable = variableFor(name);
      if (variable !== undefined) pairs.set(name, `\${${variable}}`);
      else if (isNeeded) pairs.set(name, await queryValue(name, schema, ask));
    }
  }
  return [...pairs];
}

async function queryValue(name: string, schema: unknown, ask: Ask): Promise<string> {
  const { default: preset, const: fixed, enum: choices, examples } = isFields(schema) ? schema : {};
  const first = (list: unknown): unknown => (Array.isArray(list) ? list[0] : undefined);
  const value = preset ?? fixed ?? first(choices) ?? first(examples);
  const answer = await ask({
    name: `query.${name}`,
    ask: `What is ${name} in the query?`,
    form: "a text, or a variable such as ${user}",
    ...(value !== undefined && {
      guess: { value: String(value), why: "the document has it as a default, a choice or an example" },
    }),
    refuse: (text) => (text === "" ? "a text" : undefined),
  });
  return /^\$\{\w+\}$/.test(answer) ? answer : encodeURIComponent(answer);
}

const fieldsOf = (schema: JsonSchema): { readonly [name: string]: unknown } =>
  isFields(schema) && isFields(schema.properties) ? schema.properties : {};

function securityOf(server: Server | undefined) {
  const query: [string, string][] = [];
  const needs: string[] = [];
  let usesToken = false;
  for (const { type, in: place, name, scheme } of server?.security ?? []) {
    if (type === "httpApiKey" && name !== undefined) {
      usesToken = true;
      if (place === "query") query.push([name, "${token}"]);
      else if (place === "cookie")
        needs.push("AUTH=cookie, if its cookie is called token; otherwise a Cookie header");
      else needs.push(`HEADERS='{"${name}": "…"}'`);
    } else if (type === "http" && scheme?.toLowerCase() === "bearer") usesToken = true;
    else if (type === "oauth2" || type === "openIdConnect") usesToken = true;
    else if (type === "http" || type === "userPassword") needs.push(`HEADERS='{"Authorization": "Basic …"}'`);
    else if (type === "X509") needs.push("tlsAuth in k6's configuration file, for the client's certificate");
  }
  // Of several ways one will do, and a token in the query stands in the address itself.
  return { query: query.slice(0, 4), needs: query.length > 0 || usesToken ? [] : needs, usesToken };
}

const SUBPROTOCOL = "sec-websocket-protocol";

/** AsyncAPI has no field for them but the binding's headers. */
export function subprotocolsOf(channels: readonly Channel[]): string[] {
  const schemas = channels.flatMap(({ ws }) =>
    Object.entries(fieldsOf(ws.headers ?? true)).filter(([name]) => name.toLowerCase() === SUBPROTOCOL),
  );
  const values = schemas.flatMap(([, schema]) => {
    if (!isFields(schema)) return [];
    const { const: fixed, enum: choices, default: preset, examples } = schema;
    if (fixed !== undefined) return [fixed];
    if (Array.isArray(choices)) return choices;
    return preset !== undefined ? [preset] : Array.isArray(examples) ? examples.slice(0, 1) : [];
  });
  const words = values.flatMap((value) => String(value).split(/\s*,\s*/));
  return [...new Set(words)].filter((word) => /^[!#$%&'*+.^`|~\w-]+$/.test(word));
}

function headersOf(channels: readonly Channel[]): string[] {
  return channels.flatMap(({ ws }) => {
    if (!isFields(ws.headers)) return [];
    const required: readonly unknown[] = Array.isArray(ws.headers.required) ? ws.headers.required : [];
    return Object.keys(fieldsOf(ws.headers))
      .filter((name) => required.includes(name) && !/^(sec-websocket-.*|authorization)$/i.test(name))
      .map((name) => `HEADERS='{"${name}": "…"}'`);
  });
}

/** The channels that were asked for. */
export async function chosenChannels(document: AsyncApiDocument, ask: Ask): Promise<readonly Channel[]> {
  const all = channelsOf(document);
  const groups = byAddress(all);
  if (groups.length === 0) throw new AnswerError("the document has no channel");
  if (groups.length === 1) return all;
  const names = all.map(({ name }) => name);
  const answer = await ask({
    name: "channel",
    ask: "Which channel, or several of one connection, with commas between them?",
    form: `all, or some of ${names.slice(0, 20).join(", ")}${names.length > 20 ? ", …" : ""}`,
    refuse: (text) => {
      const unknown = text === "all" ? undefined : listed(text).find((name) => !names.includes(name));
      return unknown === undefined && text !== "" ? undefined : `all, or some of ${names.join(", ")}`;
    },
  });
  if (answer === "all") return all;
  const chosen = new Set(listed(answer));
  const groupOf = (name: string) => groups.find((group) => group.some((one) => one.name === name))!;
  // Those at the same address come along.
  return [...new Set([...chosen].flatMap(groupOf))];
}

const listed = (text: string): string[] =>
  text
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
