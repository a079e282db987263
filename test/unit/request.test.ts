/** The one place where a connection's upgrade request is made. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { handshakeTemplate, identities } from "../../lib/identity.ts";
import { compile } from "../../lib/protocols/index.ts";
import { compileRequest, overridden, type UpgradeRequest } from "../../lib/request.ts";
import { readSettings, SettingsError } from "../../lib/settings.ts";
import { usersOf } from "../../lib/users.ts";

/** What extension/binding passes too: the engine fills in its swarms' requests by itself. */
interface Fixtures {
  readonly requests: readonly (Fixture & { readonly expanded: string })[];
  readonly refused: readonly Fixture[];
}
interface Fixture {
  readonly sentence: string;
  /** `url`, `subprotocol`, or the header's name. */
  readonly in: string;
  readonly template: string;
  readonly variables: Readonly<Record<string, string>>;
}
const fixtures = JSON.parse(
  readFileSync(new URL("../../lib/request-fixtures.json", import.meta.url), "utf8"),
) as Fixtures;

describe("variables in a request", () => {
  const fill = (fixture: Fixture): string | undefined => {
    const isUrl = fixture.in === "url";
    const isSubprotocol = fixture.in === "subprotocol";
    const request: UpgradeRequest = {
      url: isUrl ? fixture.template : "ws://h/",
      headers: isUrl || isSubprotocol ? {} : { [fixture.in]: fixture.template },
      subprotocols: isSubprotocol ? [fixture.template] : [],
    };
    const filled = compileRequest(request, Object.keys(fixture.variables)).fill(fixture.variables);
    if (isSubprotocol) return filled.subprotocols[0] ?? "none";
    return isUrl ? filled.url : filled.headers[fixture.in];
  };
  for (const fixture of fixtures.requests) {
    test(`${fixture.in}: ${fixture.sentence}`, () => assert.equal(fill(fixture), fixture.expanded));
  }
  for (const fixture of fixtures.refused) {
    test(`${fixture.in}: ${fixture.sentence} is refused`, () =>
      assert.throws(() => fill(fixture), SettingsError));
  }
});

const echo = compile({ name: "echo", probe: { send: "${id}" }, reply: [{ name: "echo", match: "whole" }] });
const NAMES = ["WS_URL", "WS_TOKEN", "AUTH", "HEADERS", "ORIGIN", "SUBPROTOCOL", "SERVERS"] as const;
type Env = Readonly<Record<string, string>>;
const settings = (env: Env) => readSettings(NAMES, { WS_URL: "ws://h/ws", ...env });
/** Users of a file. */
const usersFrom = (rows: readonly Env[], token = "") =>
  usersOf(
    {
      columns: Object.keys(rows[0] ?? {}),
      length: rows.length,
      row: (index) => Object.values(rows[index]!),
    },
    token,
  );
const first = (env: Env, users: readonly Env[] = []) => {
  const given = settings(env);
  return identities(given, echo, usersFrom(users, given.WS_TOKEN))(0, { room: "r" });
};

describe("what the user gave wins over what is added, and nothing is sent twice", () => {
  const rows: Record<string, [env: Env, headers: Env, url?: string]> = {
    "a token": [{ WS_TOKEN: "t" }, { Authorization: "Bearer t" }],
    "none, to a server that is not the reference server": [{}, {}],
    "an Authorization, whatever its case": [
      { WS_TOKEN: "t", HEADERS: '{"aUTHORIZATION":"Basic dTpw"}' },
      { Authorization: "Basic dTpw" },
    ],
    "a Cookie, and the token's": [
      { WS_TOKEN: "t", AUTH: "cookie", HEADERS: '{"cookie":"theme=dark; a=b"}' },
      { Cookie: "theme=dark; a=b; token=t" },
    ],
    "a Cookie with a token": [
      { WS_TOKEN: "t", AUTH: "cookie", HEADERS: '{"Cookie":"token=mine; a=b"}' },
      { Cookie: "token=mine; a=b" },
    ],
    "a Cookie whose name only begins like it": [
      { WS_TOKEN: "t", AUTH: "cookie", HEADERS: '{"Cookie":"tokens=mine"}' },
      { Cookie: "tokens=mine; token=t" },
    ],
    "a query": [{ WS_TOKEN: "t", AUTH: "query" }, {}, "ws://h/ws?token=t"],
    "a token in the query": [
      { WS_TOKEN: "t", AUTH: "query", WS_URL: "ws://h/ws?a=1&token=mine" },
      {},
      "ws://h/ws?a=1&token=mine",
    ],
    "a place for the token: it goes nowhere else": [
      { WS_TOKEN: "t", WS_URL: "ws://h/ws?ticket=${token}" },
      {},
      "ws://h/ws?ticket=t",
    ],
    "a place for it in a header": [{ WS_TOKEN: "t", HEADERS: '{"x-key":"${token}"}' }, { "X-Key": "t" }],
    "an Origin": [
      { ORIGIN: "https://a.example", HEADERS: '{"origin":"https://b.example"}' },
      { Origin: "https://b.example" },
    ],
    "a protocol's message": [
      { WS_TOKEN: "t", HEADERS: '{"X-A":"1"}' },
      { "X-A": "1", Authorization: "Bearer t" },
    ],
  };
  for (const [sentence, [env, headers, url = "ws://h/ws"]] of Object.entries(rows)) {
    test(sentence, () => {
      const identity = first(env);
      assert.deepEqual([identity.url, identity.headers], [url, headers]);
      const template = handshakeTemplate(settings(env), echo, usersFrom([]));
      const expand = (text: string) => text.replaceAll("${token}", env.WS_TOKEN ?? "");
      assert.deepEqual(
        [
          expand(template.servers[0]!),
          Object.entries(template.headers).map(([name, v]) => [name, expand(v)]),
        ],
        [url, Object.entries(headers)],
        "the engine's template says the same",
      );
    });
  }

  test("which of two credentials is sent is said", () => {
    const say = (env: Env, token = true) => overridden(settings(env), [settings(env).WS_URL], { token });
    assert.match(
      say({ HEADERS: '{"authorization":"s3cret"}' }).join(),
      /^HEADERS has an Authorization: sent/,
    );
    assert.match(
      say({ AUTH: "query", WS_URL: "ws://h/?token=s3cret" }).join(),
      /^The URL has a parameter token/,
    );
    assert.match(
      say({ AUTH: "cookie", HEADERS: '{"Cookie":"token=s3cret"}' }).join(),
      /^HEADERS has a Cookie token/,
    );
    assert.match(
      say({ ORIGIN: "https://a.example", HEADERS: '{"Origin":"https://b.example"}' }, false).join(),
      /^HEADERS has an Origin/,
    );
    assert.deepEqual(say({ HEADERS: '{"Authorization":"Bearer ${token}"}' }), [], "it is the token");
    assert.deepEqual(say({ HEADERS: '{"Authorization":"s3cret"}' }, false), [], "there is no other");
  });

  test("the reference server's token goes there alone", () => {
    const token = (env: Env) => readSettings(["WS_TOKEN"], env).WS_TOKEN;
    assert.equal(token({}), "test-token");
    assert.equal(token({ WS_URL: "ws://127.0.0.1:8080/ws/chat" }), "test-token");
    assert.equal(token({ WS_URL: "ws://127.0.0.1:8081/ws/chat" }), "");
    assert.equal(token({ SERVERS: "ws://a/,ws://b/" }), "");
    assert.equal(token({ WS_URL: "wss://example.com", WS_TOKEN: "mine" }), "mine");
  });
});

describe("a URL comes out as every client writes it", () => {
  const rows: [given: string, sent: string][] = [
    ["ws://h", "ws://h/"],
    ["ws://h?a=1", "ws://h/?a=1"],
    ["ws://H.Example/Path", "ws://h.example/Path"],
    ["ws://h:80/", "ws://h/"],
    ["wss://h:443/a", "wss://h/a"],
    ["ws://h:443/", "ws://h:443/"],
    ["ws://[::1]:8080/", "ws://[::1]:8080/"],
    ['ws://h/a"b<c>d\\e^f`g{h}i|j', "ws://h/a%22b%3Cc%3Ed%5Ce%5Ef%60g%7Bh%7Di%7Cj"],
    ['ws://h/?q={"a":[1,2]}', "ws://h/?q=%7B%22a%22:[1,2]%7D"],
    ["ws://h/100%/%zz%20", "ws://h/100%25/%25zz%20"],
    ["ws://h/päth?q=ü&r=%C3%BC", "ws://h/p%C3%A4th?q=%C3%BC&r=%C3%BC"],
    ["ws://h/a/../b/./c", "ws://h/a/../b/./c"],
    ["ws://h/it's?a='b'", "ws://h/it's?a='b'"],
  ];
  for (const [given, sent] of rows) {
    test(given, () => assert.equal(first({ WS_URL: given }).url, sent));
  }
});

describe("what cannot be sent is refused by name, and no secret is repeated", () => {
  const rows: Record<string, [env: Env, message: RegExp, users?: Env[]]> = {
    "an unknown variable in a header": [
      { HEADERS: '{"X-A":"s3cret ${trace}"}' },
      /^HEADERS: X-A: expected no variable but .*\$\{user\}.*, got \$\{trace\}$/,
    ],
    "an unknown variable in the URL": [
      { WS_URL: "ws://h/?k=s3cret&a=${who}" },
      /^WS_URL: .*, got \$\{who\}$/,
    ],
    "a variable in the host": [
      { WS_URL: "ws://${user}.h/?k=s3cret" },
      /^WS_URL: expected no variable in the host/,
    ],
    "a variable that does not end": [
      { HEADERS: '{"X-A":"${s3cret"}' },
      /^HEADERS: X-A: expected "\$\{" only where/,
    ],
    "a host in other letters": [{ WS_URL: "ws://hö/?k=s3cret" }, /^WS_URL: expected the host in ASCII/],
    "a port that is none": [
      { WS_URL: "ws://h:70000/?k=s3cret" },
      /^WS_URL: expected a port from 1 to 65535$/,
    ],
    "a header twice": [
      { HEADERS: '{"X-A":"s3cret","x-a":"2"}' },
      /^HEADERS: expected each header once.*X-A and x-a$/,
    ],
    "a subprotocol twice": [
      { SUBPROTOCOL: "a,b,a" },
      /^SUBPROTOCOL: expected names that differ, got a twice$/,
    ],
    "a place for a token that is not there": [
      { WS_URL: "ws://h/?t=${token}" },
      /^WS_TOKEN: expected a token, since WS_URL has \$\{token\}, got none$/,
    ],
    "a header that frames a body": [
      { HEADERS: '{"Content-Length":"0"}' },
      /^HEADERS: expected a JSON object/,
    ],
    "a user who would break out of a header": [
      { HEADERS: '{"X-A":"${user}"}' },
      /^HEADERS: X-A: expected a value without control characters/,
      [{ user: "ann\r\nX-Admin: s3cret", token: "t" }],
    ],
  };
  for (const [sentence, [env, message, users]] of Object.entries(rows)) {
    test(sentence, () => {
      const [told] = caught(() => first(env, users));
      assert.match(told, message);
      assert.doesNotMatch(told, /s3cret/);
    });
  }

  test("one of several endpoints is SERVERS'", () => {
    const [told] = caught(() =>
      handshakeTemplate(settings({ SERVERS: "ws://a/,ws://b/${who}" }), echo, usersFrom([])),
    );
    assert.match(told, /^SERVERS: .*\$\{who\}$/);
  });
});

describe("columns of USERS are variables of the request", () => {
  const users = [
    { user: "ann", token: "t1", tenant: "a b" },
    { user: "bob", token: "t2", tenant: "c" },
  ];
  const env = { WS_URL: "ws://h/${tenant}?u=${user}&n=${connection}", HEADERS: '{"x-tenant":"${tenant}"}' };

  test("one by one", () => {
    const identity = identities(settings(env), echo, usersFrom(users));
    assert.equal(identity(0, {}).url, "ws://h/a%20b?u=ann&n=0");
    assert.equal(identity(3, {}).url, "ws://h/c?u=bob&n=3");
    assert.deepEqual(identity(0, {}).headers, { "X-Tenant": "a b", Authorization: "Bearer t1" });
  });

  test("and as the engine takes them", () => {
    const template = handshakeTemplate(settings(env), echo, usersFrom(users));
    assert.deepEqual(template.users?.columns, ["user", "token", "tenant"]);
  });
});

function caught(action: () => unknown): [message: string] {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof SettingsError, String(error));
    return [error.message];
  }
  throw new assert.AssertionError({ message: "nothing was thrown" });
}
