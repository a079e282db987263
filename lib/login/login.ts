/**
 * Requests before a connection, whose answers give it variables: compiled once, then performed for each. Pure: whoever
 * performs them says how a request is sent.
 */
import * as v from "valibot";
import { base64 } from "../base64.ts";
import { linesOf } from "../issues.ts";
import { parsePointer } from "../protocols/pointer.ts";
import { Reader } from "../protocols/reader.ts";
import {
  parsePlainTemplate,
  parseTemplate,
  stringValue,
  type Template,
  TemplateError,
} from "../protocols/template.ts";
import { CONNECTION_VARIABLES } from "../protocols/variables.ts";
import { type LoginReason, loginReason } from "../reasons.ts";
import { CONTROL } from "../setting.ts";
import { SettingsError } from "../settings.ts";
import { type Ms, ms, parseDuration } from "../units.ts";
import { RESERVED } from "../users.ts";
import { type LoginSpec, loginSchema } from "./schema.ts";

/** A request as it is to be sent. No redirect is to be followed, and no cookie sent but those in `headers`. */
export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** The statuses that are right; undefined for 200 to 299. */
  readonly status: readonly number[] | undefined;
}

/** Whether a status is right. */
export const accepts = ({ status }: HttpRequest, given: number): boolean =>
  status ? status.includes(given) : given >= 200 && given < 300;

/** What came back. */
export interface HttpAnswer {
  readonly status: number;
  /** By name, in any case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A login that did not succeed. */
export interface LoginFailure {
  readonly reason: LoginReason;
  /** In words, which hold no secret. */
  readonly said: string;
}

/** A login that did. */
export interface LoggedIn {
  readonly variables: Readonly<Record<string, string>>;
  /** The URL of the connection, if not `WS_URL`. */
  readonly endpoint?: string | undefined;
  /** How long it can be used again; undefined: for one attempt to connect. */
  readonly validFor?: Ms | undefined;
}

export const hasFailed = (result: object): result is LoginFailure => "reason" in result;

/** Sends one request. Never rejects. */
export type Send = (request: HttpRequest) => Promise<HttpAnswer | LoginFailure>;

/** How a connection gets its login. */
export interface Login {
  /** The variables that it gives. */
  readonly variables: readonly string[];
  /** The largest number of requests. Each may take as long as a connection. */
  readonly requests: number;
  /** The endpoints of its requests, as far as they are known before. */
  readonly endpoints: readonly string[];
  /** Whether it says where the connection goes. */
  readonly givesEndpoint: boolean;
  /** How long before its end a login is renewed. */
  readonly before: Ms;
  readonly shared: boolean;
  /** Never rejects. */
  perform(variables: Readonly<Record<string, string>>, send: Send): Promise<LoggedIn | LoginFailure>;
}

/** The variables that a protocol may name beside its own: columns of `USERS`, and what a login gives but the token. */
export const columnsWith = (columns: readonly string[], given: readonly string[]): string[] => [
  ...columns,
  ...given.filter((name) => name !== "token"),
];

/** How long before its end a login is renewed, unless it says. */
export const RENEW_BEFORE = ms(30_000);

type Capture =
  | { readonly tokens: readonly string[] }
  | { readonly header: string }
  | { readonly cookie: string };

interface CompiledRequest {
  readonly method: string;
  readonly url: Template;
  /** As it stands in the file, without its query: what errors show. */
  readonly shown: string;
  readonly headers: readonly (readonly [name: string, value: Template])[];
  readonly basic: { readonly user: Template; readonly password: Template } | undefined;
  readonly body: Template | undefined;
  readonly form: readonly (readonly [name: string, value: Template])[] | undefined;
  readonly status: readonly number[] | undefined;
  readonly captures: readonly (readonly [name: string, from: Capture])[];
}

/** The facts that are known when a login is read. */
export interface LoginContext {
  /** Names in the users' file. */
  readonly columns: readonly string[];
  /** Names that the scenario gives, beside the ones that every connection has. */
  readonly more?: readonly string[];
  /** The endpoint, whose host a path is on. */
  readonly endpoint: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Reads a file of login requests.
 *
 * @throws {@link SettingsError} naming each wrong field, with the expected value and, unless it may be a secret, the
 * actual one
 */
export function parseLogin(json: unknown, source: string, context: LoginContext): Login {
  const { success, output, issues } = v.safeParse(loginSchema(), json);
  if (!success) throw notLogin(source, linesOf(issues, "the file", isSecret));
  return new Compiler(output, source, context).compile();
}

/** Fields that may hold a secret. */
const isSecret = (path: string): boolean =>
  /^requests\.\d+\.(headers|form|basic|body|url)\b|^url$/.test(path);

const notLogin = (source: string, problems: string) =>
  new SettingsError(`LOGIN_FILE: ${source} is not a file of login requests:\n${problems}`);

class Compiler {
  readonly #spec: LoginSpec;
  readonly #source: string;
  readonly #context: LoginContext;
  readonly #known: Set<string>;
  readonly #problems: string[] = [];

  constructor(spec: LoginSpec, source: string, context: LoginContext) {
    this.#spec = spec;
    this.#source = source;
    this.#context = context;
    this.#known = new Set([...CONNECTION_VARIABLES, ...context.columns, ...(context.more ?? [])]);
  }

  compile(): Login {
    const { env = {}, expires, shared = false } = this.#spec;
    const given = this.#environment(env);
    const before = (expires?.before && parseDuration(expires.before)) || RENEW_BEFORE;
    const after = expires?.after === undefined ? undefined : parseDuration(expires.after);
    if (expires && (expires.after === undefined) === (expires.seconds === undefined)) {
      this.#wrong("expires", '"after" or "seconds"', after === undefined ? "neither" : "both");
    }
    if (shared && !expires)
      this.#wrong("shared", '"expires" beside it, since a login that is used once is not shared', "none");
    const requests = this.#spec.requests.map((request, i) => this.#request(request, `requests.${i}`));
    const address = this.#spec.url === undefined ? undefined : this.#address("url", this.#spec.url);
    if (this.#problems.length > 0) throw notLogin(this.#source, this.#problems.join("\n"));
    const scheme = /^http/i.test(this.#context.endpoint) ? "http" : "ws";
    const lifetime = {
      after,
      seconds: expires?.seconds === undefined ? undefined : parsePointer(expires.seconds)!,
    };
    return {
      variables: requests.flatMap(({ captures }) => captures.map(([name]) => name)),
      requests: requests.length,
      endpoints: this.#spec.requests
        .map(({ url }) => this.#absolute(url))
        .filter((url) => !/^[^/]*\/\/[^/]*\$|^\$/.test(url)),
      givesEndpoint: address !== undefined,
      before,
      shared,
      perform: (variables, send) =>
        perform(requests, { ...variables, ...given }, { address, scheme, ...lifetime }, send),
    };
  }

  #wrong(path: string, expected: string, got: string): void {
    this.#problems.push(`  ${path}: expected ${expected}, got ${got}`);
  }

  #environment(names: Readonly<Record<string, string>>): Record<string, string> {
    const given: Record<string, string> = {};
    for (const [name, variable] of Object.entries(names)) {
      this.#introduce(`env.${name}`, name);
      const value = this.#context.env[variable];
      if (value === undefined || value === "")
        this.#wrong(`env.${name}`, `the environment variable ${variable} to be set`, "nothing");
      given[name] = value ?? "";
    }
    return given;
  }

  /** A token may be captured, which takes the place of another one; no other name is given twice. */
  #introduce(path: string, name: string): void {
    const isTaken =
      RESERVED.includes(name) ||
      (this.#known.has(name) && (name !== "token" || this.#context.columns.includes(name)));
    if (isTaken) this.#wrong(path, "a name that no other variable has", name);
    this.#known.add(name);
  }

  #request(spec: LoginSpec["requests"][number], path: string): CompiledRequest {
    const { headers = {}, basic, body, form, capture = {} } = spec;
    if (body !== undefined && form) this.#wrong(path, '"body" or "form"', "both");
    if (basic && Object.keys(headers).some((name) => name.toLowerCase() === "authorization")) {
      this.#wrong(`${path}.basic`, "no Authorization among the headers", "one");
    }
    const plain = (where: string, source: string, place: "raw" | "uri" = "raw") =>
      this.#template(`${path}.${where}`, () => parsePlainTemplate(source, place));
    const compiled = {
      method: spec.method ?? (body !== undefined || form ? "POST" : "GET"),
      url: this.#address(`${path}.url`, this.#absolute(spec.url)),
      shown: this.#absolute(spec.url).replace(/\?.*$/s, "?…"),
      headers: Object.entries(headers).map(
        ([name, value]) => [name, plain(`headers.${name}`, value)] as const,
      ),
      basic: basic && {
        user: plain("basic.user", basic.user),
        password: plain("basic.password", basic.password),
      },
      body: body === undefined ? undefined : this.#template(`${path}.body`, () => parseTemplate(body)),
      form:
        form &&
        Object.entries(form).map(([name, value]) => [name, plain(`form.${name}`, value, "uri")] as const),
      status: spec.status,
      captures: Object.entries(capture).map(([name, from]) => [name, captureOf(from)] as const),
    };
    for (const name of Object.keys(capture)) this.#introduce(`${path}.capture.${name}`, name);
    return compiled;
  }

  #absolute(url: string): string {
    if (!url.startsWith("/")) return url;
    const [, secure = "", host = ""] = /^(?:ws|http)(s?):\/\/([^/?#]*)/i.exec(this.#context.endpoint) ?? [];
    return `http${secure}://${host}${url}`;
  }

  /** A URL: what stands for it as a whole, or in its host, is written as it is; the rest is percent-encoded. */
  #address(path: string, source: string): Template {
    return this.#template(path, () => {
      const [head = ""] = /^(\w+:\/\/[^/?#]*|\$\{\w+\})/.exec(source) ?? [];
      const [before, after] = [
        parsePlainTemplate(head, "raw"),
        parsePlainTemplate(source.slice(head.length), "uri"),
      ];
      return {
        variables: [...before.variables, ...after.variables],
        messages: 1,
        expand: (scope) => before.expand(scope) + after.expand(scope),
      };
    });
  }

  #template(path: string, parse: () => Template): Template {
    try {
      const template = parse();
      const unknown = template.variables.find((name) => !this.#known.has(name));
      if (unknown !== undefined) {
        this.#wrong(path, `a variable that is known here (${[...this.#known].join(", ")})`, `\${${unknown}}`);
      }
      return template;
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      // What the template's own error repeats may be a secret.
      this.#wrong(
        path,
        /^JSON to its end/.test(error.message)
          ? "JSON to its end, since it begins like that"
          : '"${" only where a variable such as ${user} begins',
        "something else",
      );
      return { variables: [], messages: 1, expand: () => "" };
    }
  }
}

const captureOf = (from: string | { header: string } | { cookie: string }): Capture =>
  typeof from === "string" ? { tokens: parsePointer(from)! } : from;

interface Rest {
  readonly address: Template | undefined;
  /** Of an address that has the other kind: WebSocket's, or an event stream's. */
  readonly scheme: "ws" | "http";
  readonly after: Ms | undefined;
  readonly seconds: readonly string[] | undefined;
}

async function perform(
  requests: readonly CompiledRequest[],
  given: Readonly<Record<string, string>>,
  { address, scheme, after, seconds }: Rest,
  send: Send,
): Promise<LoggedIn | LoginFailure> {
  const variables: Record<string, string> = { ...given };
  const taken: Record<string, string> = {};
  const scope = (name: string) => stringValue(variables[name] ?? "");
  let validFor = after;
  for (const [i, request] of requests.entries()) {
    const named = `login request ${i + 1} (${request.method} ${request.shown})`;
    const failed = (reason: LoginReason, what: string): LoginFailure => ({
      reason,
      said: `${named} ${what}`,
    });
    const made = requestOf(request, scope);
    if (typeof made === "string") return failed("contract", made);
    const answer = await send(made);
    if (hasFailed(answer)) return failed(answer.reason, `failed: ${answer.said}`);
    if (!accepts(made, answer.status))
      return failed(loginReason(`http_${answer.status}`), `was answered ${answer.status}`);
    const body = new Body(answer.body);
    for (const [name, from] of request.captures) {
      const value = captured(from, answer, body);
      if (value === undefined || CONTROL.test(value)) {
        const reason = "tokens" in from && !body.isJson ? "unparsable" : "contract";
        return failed(reason, `gave no usable value for "${name}"`);
      }
      variables[name] = value;
      taken[name] = value;
    }
    if (seconds && i === requests.length - 1) {
      const number = body.number(seconds);
      if (number === undefined || number <= 0)
        return failed("contract", "did not say for how many seconds it is valid");
      validFor = ms(number * 1_000);
    }
  }
  const endpoint = address
    ?.expand(scope)
    .replace(/^(?:http|ws)/i, scheme)
    .replaceAll("${", "$%7B");
  return { variables: taken, endpoint, validFor };
}

/** The request; or why its variables make none, in words. */
function requestOf(
  r: CompiledRequest,
  scope: (name: string) => ReturnType<typeof stringValue>,
): HttpRequest | string {
  const headers: Record<string, string> = {};
  if (r.form) headers["Content-Type"] = "application/x-www-form-urlencoded";
  if (r.basic)
    headers.Authorization = `Basic ${base64(`${r.basic.user.expand(scope)}:${r.basic.password.expand(scope)}`)}`;
  for (const [name, value] of r.headers) {
    const same = Object.keys(headers).find((other) => other.toLowerCase() === name.toLowerCase());
    const text = value.expand(scope);
    if (CONTROL.test(text)) return `has control characters in its header ${name}`;
    headers[same ?? name] = text;
  }
  const url = r.url.expand(scope).replace(/^ws/i, "http");
  if (!/^https?:\/\/[^\s/?#@]+([/?][^\s#]*)?$/i.test(url))
    return "has a URL that is neither http:// nor https://";
  const form = r.form?.map(([name, value]) => `${encodeURIComponent(name)}=${value.expand(scope)}`).join("&");
  return {
    method: r.method,
    url,
    headers,
    body: form ?? r.body?.expand(scope),
    status: r.status,
  };
}

/** An answer's body, read as JSON where something asks for it. */
class Body {
  readonly #reader = new Reader();

  constructor(body: string) {
    this.#reader.load(body.charCodeAt(0) === 0xfeff ? body.slice(1) : body);
  }

  get isJson(): boolean {
    return this.#reader.isJson;
  }

  text(tokens: readonly string[]): string | undefined {
    return this.#reader.value({ tokens })?.text;
  }

  number(tokens: readonly string[]): number | undefined {
    return this.#reader.number({ tokens });
  }
}

function captured(from: Capture, { headers, cookies }: HttpAnswer, body: Body): string | undefined {
  if ("tokens" in from) return body.text(from.tokens);
  if ("cookie" in from) return Object.hasOwn(cookies, from.cookie) ? cookies[from.cookie] : undefined;
  const wanted = from.header.toLowerCase();
  return Object.entries(headers).find(([name]) => name.toLowerCase() === wanted)?.[1];
}
