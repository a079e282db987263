/** Rows of settings, each of which makes one request, whoever sends it. */
import type { Descriptor } from "../../lib/protocols/index.ts";

export interface MakerRow {
  readonly sentence: string;
  /** Settings. In `WS_URL`, `WS` and `WSS` stand for the server. */
  readonly env: Readonly<Record<string, string>>;
  readonly protocol: Descriptor;
  /** Lines of `USERS`. */
  readonly users?: readonly Readonly<Record<string, string>>[];
}

/** A row for whoever is given the users as a file. */
export interface WrittenRow extends MakerRow {
  readonly file?: string;
}

const echo: Descriptor = {
  name: "echo",
  probe: { send: "${id}" },
  reply: [{ name: "echo", match: "whole" }],
};
const inRoom: Descriptor = { ...echo, path: "/ws/${room}?as=${user}&n=${connection}&vu=${vu}" };
const named: Descriptor = { ...echo, subprotocols: ["v2.example", "v1.example"] };
const withMessage: Descriptor = { ...echo, refresh: { send: '{"auth":${token}}', before: "5s" } };

const ANN = [
  { user: "ann", token: "t-ann", tenant: "acme" },
  { user: "bob", token: "t-bob", tenant: "umbrella" },
];
const STRANGE = [{ user: 'Łu a/b?c&d=e#f%g;h,"i"\\', token: "!#$%&'()*+-./:<=>?@[]^_`{|}~" }];

const row = (
  sentence: string,
  env: Readonly<Record<string, string>>,
  { protocol = echo, users }: Partial<Pick<MakerRow, "protocol" | "users">> = {},
): MakerRow => ({ sentence, env: { WS_URL: "WS/", ...env }, protocol, ...(users && { users }) });

const json = JSON.stringify;

export const MAKER_ROWS: readonly MakerRow[] = [
  row("nothing given", {}),
  row("no path", { WS_URL: "WS" }),
  row("no path, a query", { WS_URL: "WS?a=1" }),
  row("a path and a query", { WS_URL: "WS/ws/chat?a=1&b=2" }),
  row("an empty query", { WS_URL: "WS/ws?" }),
  row("a trailing slash", { WS_URL: "WS/ws/" }),
  row("dots in the path", { WS_URL: "WS/a/../b/./c" }),
  row("slashes in the path", { WS_URL: "WS//a//b" }),
  row("letters beyond ASCII", { WS_URL: "WS/päth/☃?q=ü&r=%C3%BC" }),
  row("what a request line cannot have", { WS_URL: 'WS/a"b<c>d\\e^f`g{h}i|j?q={"a":"b|c"}&d=<e>\\' }),
  row("what is percent-encoded already", { WS_URL: "WS/a%20b%2Fc?d=%26&e=%zz&f=100%" }),
  row("a percent sign alone in the path", { WS_URL: "WS/100%/a" }),
  row("quotes", { WS_URL: "WS/it's?a='b'" }),
  row("signs that may stand in a path", { WS_URL: "WS/a!$&'()*+,;=:@-._~[]/b" }),
  row("the host in capitals", { WS_URL: "WS/a".replace("WS", "HOST") }),
  row("a token", { WS_TOKEN: "t0ken" }),
  row("no token", { WS_TOKEN: "" }),
  row("a token in the query", { WS_TOKEN: "a+b/c=&d%20", AUTH: "query", WS_URL: "WS/ws?x=1" }),
  row("a token in the query that has one", { WS_TOKEN: "t0ken", AUTH: "query", WS_URL: "WS/?token=mine" }),
  row("a token in a cookie", { WS_TOKEN: 'a;b,c"d\\e=f%', AUTH: "cookie" }),
  row("a token in a message", { WS_TOKEN: "t0ken", AUTH: "message" }, { protocol: withMessage }),
  row("a place for the token in the URL", { WS_TOKEN: "a+b/c=&d", WS_URL: "WS/?ticket=${token}" }),
  row("a place for the token in a header", { WS_TOKEN: "t0ken", HEADERS: json({ "x-api-key": "${token}" }) }),
  row("a header", { HEADERS: json({ "X-Api-Key": "secret" }) }),
  row("headers in any case and order", { HEADERS: json({ "x-b": "1", "X-A": "2", "x-FORWARDED-for": "3" }) }),
  row("a header with spaces around it", { HEADERS: json({ "X-A": " \t a b \t " }) }),
  row("an empty header", { HEADERS: json({ "X-A": "" }) }),
  row("a header beyond ASCII", { HEADERS: json({ "X-A": "Łü☃😀 é" }) }),
  row("an Authorization", { WS_TOKEN: "t0ken", HEADERS: json({ Authorization: "Basic dTpw" }) }),
  row("an Authorization in lower case", {
    WS_TOKEN: "t0ken",
    HEADERS: json({ authorization: "Basic dTpw" }),
  }),
  row("a Cookie", { HEADERS: json({ Cookie: 'a="x, y"; b=2' }) }),
  row("a Cookie and the token's", { WS_TOKEN: "t", AUTH: "cookie", HEADERS: json({ cookie: "theme=dark" }) }),
  row("a Cookie with a token", { WS_TOKEN: "t", AUTH: "cookie", HEADERS: json({ Cookie: "token=mine" }) }),
  row("an Origin", { ORIGIN: "https://example.com" }),
  row("an Origin among the headers", {
    ORIGIN: "https://a.example",
    HEADERS: json({ origin: "https://b.example" }),
  }),
  row("a User-Agent", { HEADERS: json({ "user-agent": "mine/1.0" }) }),
  row("no User-Agent", { HEADERS: json({ "User-Agent": "" }) }),
  row("subprotocols of the protocol", {}, { protocol: named }),
  row("subprotocols of the user", { SUBPROTOCOL: "b,a" }, { protocol: named }),
  row("a protocol's path", {}, { protocol: inRoom }),
  row("a protocol's path behind one with a query", { WS_URL: "WS/base/?x=1" }, { protocol: inRoom }),
  row("a line of USERS", { WS_URL: "WS/${tenant}?u=${user}&n=${connection}" }, { users: ANN }),
  row(
    "one in headers and cookies",
    { HEADERS: json({ "X-User": "${user}@${tenant}", Cookie: "u=${user}" }) },
    { users: ANN },
  ),
  row(
    "one in a cookie beside the token's",
    { AUTH: "cookie", HEADERS: json({ Cookie: "t=${tenant}" }) },
    { users: ANN },
  ),
  row(
    "strange characters everywhere",
    {
      WS_URL: "WS/${user}?u=${user}&t=${token}",
      HEADERS: json({ "X-User": "${user}", Cookie: "u=${user}; t=${token}" }),
    },
    { users: STRANGE },
  ),
  row("a strange token in a header", {}, { users: STRANGE }),
  row("a strange token in the query", { AUTH: "query" }, { users: STRANGE }),
  row("a user's name without USERS", { WS_URL: "WS/${user}/${connection}/${vu}/${room}" }),
  row("TLS", { WS_URL: "WSS/ws?x=1", WS_TOKEN: "t0ken" }),
  row(
    "TLS, with everything",
    {
      WS_URL: "WSS/ws/${tenant}?u=${user}",
      AUTH: "cookie",
      HEADERS: json({ Cookie: "u=${user}", "X-A": "1" }),
      ORIGIN: "https://example.com",
      SUBPROTOCOL: "b,a",
    },
    { users: ANN, protocol: inRoom },
  ),
];
