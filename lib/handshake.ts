/** Requests at the boundary of an upgrade, as data, and what an answer to one is worth. Pure. */
import * as v from "valibot";
import { headerName, statuses } from "./forms.ts";
import builtIn from "./handshake-cases.json" with { type: "json" };
import { linesOf } from "./issues.ts";
import { type ConnectReason, connectReason, isProxyReason, type Outcome } from "./reasons.ts";
import { SettingsError } from "./settings.ts";
import streamCases from "./stream-cases.json" with { type: "json" };
import type { Thresholds } from "./summary/summarize.ts";
import type { Summary } from "./summary/summary.ts";
import { originOf } from "./url.ts";

const headerValue = v.pipe(
  v.string("a text or null"),
  v.regex(/^[\t\x20-\x7e]*$/, "printable ASCII in one line"),
);
const variable = v.pipe(v.string(), v.regex(/^\w+$/, "the name of a variable"));

/** Headers that make a request a WebSocket handshake: libraries set them, and only a plain HTTP client changes them. */
const OWN_HEADERS = /^(upgrade|connection|sec-websocket-(key|version))$/i;

/** Whether a case's headers change what a WebSocket library writes by itself. */
export function isRaw(headers: { readonly [name: string]: string | null } = {}): boolean {
  return Object.keys(headers).some((name) => OWN_HEADERS.test(name));
}

const looksAtHeaders = (expect: { headers?: object; lacks?: readonly string[] }): boolean =>
  expect.headers !== undefined || expect.lacks !== undefined;

const CaseSchema = v.pipe(
  v.strictObject({
    name: v.pipe(
      v.string("a text"),
      v.regex(/^[a-z\d]+(-[a-z\d]+)*$/, "lower-case words joined by hyphens"),
      v.description("A case of the same name takes the place of the toolkit's own."),
    ),
    description: v.exactOptional(v.string("a text")),
    needs: v.exactOptional(
      v.pipe(
        v.array(variable, "a list of variables"),
        v.description("Variables (-e NAME=value) without which the case is not tried."),
      ),
    ),
    token: v.exactOptional(
      v.pipe(
        v.string("a text"),
        v.regex(/^[\x21-\x7e]*$/, "printable ASCII without spaces"),
        v.description("A token in place of WS_TOKEN. Empty: no token."),
      ),
    ),
    tokenFrom: v.exactOptional(
      v.pipe(
        variable,
        v.description("The environment variable with the token, so that the file holds no secret."),
      ),
    ),
    headers: v.exactOptional(
      v.pipe(
        v.record(headerName(), v.nullable(headerValue), "an object of headers"),
        v.description("Headers to add or replace, the handshake's own included; null leaves one out."),
      ),
    ),
    path: v.exactOptional(
      v.pipe(
        v.string("a text"),
        v.regex(/^\/[\x21-\x7e]*$/, 'a path, with or without a query, that begins with "/"'),
        v.description("Path and query in the place of the URL's."),
      ),
    ),
    urlBytes: v.exactOptional(
      v.pipe(
        v.number("a number"),
        v.integer("a whole number"),
        v.minValue(1, "at least 1"),
        v.maxValue(1_000_000, "at most 1000000"),
        v.description("Pads the URL with a query to this length."),
      ),
    ),
    expect: v.strictObject(
      {
        status: statuses(101, "The right HTTP statuses. 101 accepts the upgrade, 200 opens an event stream."),
        closed: v.exactOptional(
          v.pipe(
            v.boolean("true or false"),
            v.description("Whether ending the connection without an answer is right too. Default false."),
          ),
        ),
        headers: v.exactOptional(
          v.pipe(
            v.record(headerName(), headerValue, "an object of texts"),
            v.description("Headers that the answer must have, each with a text that it must contain."),
          ),
        ),
        lacks: v.exactOptional(
          v.pipe(
            v.array(headerName(), "a list of headers"),
            v.description("Headers that the answer must not have."),
          ),
        ),
      },
      ({ expected }) =>
        expected === "never" ? "status, closed, headers or lacks" : "an object with a status",
    ),
  }),
  v.check(({ token, tokenFrom }) => token === undefined || tokenFrom === undefined, "token or tokenFrom"),
  v.check(
    ({ headers, expect }) => !expect.status.includes(101) || !isRaw(headers) || !looksAtHeaders(expect),
    "no headers or lacks beside 101 where the handshake's own headers change, since k6 does not show the answer's then",
  ),
);

/** The JSON form of a file of cases. */
export const CasesSchema = v.strictObject({
  $schema: v.exactOptional(v.string()),
  builtIn: v.exactOptional(
    v.pipe(
      v.boolean("true or false"),
      v.description("Whether the toolkit's own cases are tried too. Default true."),
    ),
  ),
  cases: v.pipe(v.array(CaseSchema, "a list of cases"), v.minLength(1, "at least one case")),
});

/** Fields that hold a token, or the value of a header, which may be one. */
const isSecret = (path: string): boolean => /^cases\.\d+\.(token|headers(\..*)?)$/.test(path);

/** One request, and what must answer it. */
export type HandshakeCase = v.InferOutput<typeof CaseSchema>;

/** The cases that come with the toolkit, of WebSocket handshakes. */
export const HANDSHAKE_CASES: readonly HandshakeCase[] = v.parse(CasesSchema, builtIn).cases;

/** The same of requests for event streams. */
export const STREAM_CASES: readonly HandshakeCase[] = v.parse(CasesSchema, streamCases).cases;

/** The status that opens a connection: of an upgrade, or of an event stream. */
export type Opening = 101 | 200;

/**
 * The cases of a file, together with the toolkit's own unless it leaves them out.
 *
 * @throws {@link SettingsError} naming each wrong field, with the expected value and the actual one
 */
export function parseCases(
  json: unknown,
  source: string,
  own: readonly HandshakeCase[] = HANDSHAKE_CASES,
): readonly HandshakeCase[] {
  const { success, output, issues } = v.safeParse(CasesSchema, json);
  if (!success) {
    throw new SettingsError(
      `CASES_FILE: ${source} is not a file of cases:\n${linesOf(issues, "the file", isSecret)}`,
    );
  }
  const byName = new Map(output.builtIn === false ? [] : own.map((one) => [one.name, one]));
  const given = new Set<string>();
  for (const one of output.cases) {
    if (given.has(one.name)) {
      throw new SettingsError(`CASES_FILE: expected each name once in ${source}, got ${one.name} twice`);
    }
    given.add(one.name);
    byName.set(one.name, one);
  }
  return [...byName.values()];
}

/** The first variable that the case lacks; undefined: it can be tried. */
export function lacking({ needs = [], tokenFrom }: HandshakeCase, has: (name: string) => boolean) {
  return [...needs, ...(tokenFrom ? [tokenFrom] : [])].find((name) => !has(name));
}

/** The case's headers over those of a handshake as it should be. Names are equal whatever their case. */
export function withHeaders(
  base: Readonly<Record<string, string>>,
  { headers = {} }: Pick<HandshakeCase, "headers">,
): Record<string, string> {
  const changed = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  const all = Object.entries(base).filter(([name]) => !changed.has(name.toLowerCase()));
  for (const [name, value] of Object.entries(headers)) if (value !== null) all.push([name, value]);
  return Object.fromEntries(all);
}

/** The URL with a case's path and query in the place of its own. */
export const withPath = (url: string, path: string | undefined): string =>
  path === undefined ? url : originOf(url) + path;

/** The URL, with a query that makes it `bytes` long where it is shorter. */
export function padded(url: string, bytes = 0): string {
  const start = `${url}${url.includes("?") ? "&" : "?"}pad=`;
  return url.length < bytes ? start.padEnd(bytes, "x") : url;
}

/** In the place of a status. k6 has 0 for what was never recorded. */
const NOT_TRIED = 0;
export const NO_ANSWER = -1;
/** k6's HTTP client agreed with the server on HTTP/2: nothing was asked. */
const NOT_ASKED = -2;
/** A proxy refused, or ended the request, or the server behind it did: it is not known what the server answers. */
const PROXY_FAILED = -3;

/** What came of a request: an HTTP answer, or how it ended without one. */
export type HandshakeAnswer =
  | { readonly status: number; readonly headers: Readonly<Record<string, string>> }
  | { readonly status: typeof NO_ANSWER; readonly ended: "unanswered" | "cut" };

/** A request that does not show what the server answers, and why. */
export interface Unanswered {
  readonly status: typeof NOT_ASKED | typeof PROXY_FAILED;
  readonly reason: ConnectReason;
}

/** What k6's HTTP client could not ask, since it took HTTP/2. */
export const TOOK_HTTP2: Unanswered = { status: NOT_ASKED, reason: "http2" };

/**
 * What a request without an HTTP answer comes to.
 *
 * @param error the words of k6's (Go's) error; those of its HTTP client begin with method and URL
 * @param isProxied whether the request was to go by a proxy
 */
export function withoutAnswer(error: string, isProxied: boolean): HandshakeAnswer | Unanswered {
  const words = error.replace(/^(GoError: )?(Get "[^"]*": )?/, "");
  const reason = connectReason(words, isProxied);
  if (isProxyReason(reason)) return { status: PROXY_FAILED, reason };
  return { status: NO_ANSWER, ended: /timeout|deadline/i.test(words) ? "unanswered" : "cut" };
}

/** What a request at the boundary comes to, what is right first. */
const HANDSHAKE_OUTCOMES = [
  "as_specified",
  "accepted",
  "refused",
  "wrong_status",
  "wrong_header",
  "unanswered",
  "cut",
] as const satisfies readonly Outcome[];

export function handshakeOutcome(
  { expect }: Pick<HandshakeCase, "expect">,
  answer: HandshakeAnswer,
  opening: Opening = 101,
): (typeof HANDSHAKE_OUTCOMES)[number] {
  if ("ended" in answer) return answer.ended === "cut" && expect.closed ? "as_specified" : answer.ended;
  if (!expect.status.includes(answer.status)) {
    if (answer.status === opening) return "accepted";
    return expect.status.every((status) => status === opening) ? "refused" : "wrong_status";
  }
  const given = new Map(Object.entries(answer.headers).map(([name, value]) => [name.toLowerCase(), value]));
  const right =
    Object.entries(expect.headers ?? {}).every(([name, part]) =>
      given.get(name.toLowerCase())?.includes(part),
    ) && (expect.lacks ?? []).every((name) => !given.get(name.toLowerCase()));
  return right ? "as_specified" : "wrong_header";
}

/** Each case is tried once and comes out right. The reason of a run that fails names the case. */
export function handshakeLimits(cases: readonly HandshakeCase[]): Thresholds {
  return Object.fromEntries(
    cases.map(({ name }) => [`ws_outcomes{case:${name},outcome:as_specified}`, ["count==1"]]),
  );
}

/** What must be, in words: `401 or 403`. */
export function describeExpected({ expect }: Pick<HandshakeCase, "expect">): string {
  const conditions = [
    ...Object.entries(expect.headers ?? {}).map(([name, part]) => `with ${name}: ${part}`),
    ...(expect.lacks ?? []).map((name) => `without ${name}`),
  ];
  const answers = [...expect.status, ...(expect.closed ? ["an end without an answer"] : [])];
  return [answers.join(" or "), ...conditions].join(" ");
}

/** One row for each case: the actual answer and the expected one. */
export function handshakeNotes(metrics: Summary["metrics"], cases: readonly HandshakeCase[]): string[] {
  return cases.map((one) => {
    const figures = metrics.ws_handshake_status?.by?.case?.[one.name];
    return `${one.name}: got ${describeGot(figures)}, expected ${describeExpected(one)}`;
  });
}

function describeGot(figures: Summary["metrics"][string] | undefined): string {
  const status = figures?.kind === "gauge" ? figures.value : NOT_TRIED;
  if (status === NOT_TRIED) return "nothing: not tried, since the run ended first";
  if (status === NOT_ASKED)
    return "nothing: not tried, since k6 took HTTP/2 (GODEBUG=http2client=0 has it take HTTP/1.1)";
  if (status === PROXY_FAILED) return "nothing from the server: the proxy, or the way to it, is the reason";
  return status === NO_ANSWER ? "no HTTP answer" : String(status);
}
