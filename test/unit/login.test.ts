/** Files of login requests: what is wrong with one is said, and no secret with it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { base64 } from "../../lib/base64.ts";
import {
  type HttpAnswer,
  type HttpRequest,
  hasFailed,
  type LoggedIn,
  parseLogin,
} from "../../lib/login/login.ts";
import { Renewing } from "../../lib/login/renewing.ts";
import { SettingsError } from "../../lib/settings.ts";
import { type Ms, ms } from "../../lib/units.ts";

const CONTEXT = {
  columns: ["tenant"],
  endpoint: "wss://a.example:8443/ws?x=1",
  env: { SECRET: "hush-hush" },
};
const parse = (json: unknown) => parseLogin(json, "login.json", CONTEXT);

const wrong: [sentence: string, file: object, message: RegExp][] = [
  ["no requests", { requests: [] }, /requests: expected at least one request, got \[\]/],
  [
    "a field that is none",
    { requests: [{ url: "/a", bodi: "" }] },
    /requests\.0\.bodi: expected a field of this object \(method, url, /,
  ],
  [
    "a URL that is none",
    { requests: [{ url: "ftp://x/hush-hush" }] },
    /requests\.0\.url: expected an http:\/\/ or https:\/\/ URL/,
  ],
  [
    "an unknown variable",
    { requests: [{ url: "/${seat}" }] },
    /requests\.0\.url: expected a variable that is known here \(room, user, token, vu, connection, tenant\), got \$\{seat\}/,
  ],
  [
    "a variable before it is captured",
    { requests: [{ url: "/${b}" }, { url: "/", capture: { b: "/b" } }] },
    /requests\.0\.url: .* got \$\{b\}/,
  ],
  [
    "a column's name",
    { requests: [{ url: "/", capture: { tenant: "/b" } }] },
    /requests\.0\.capture\.tenant: expected a name that no other variable has, got tenant/,
  ],
  [
    "a scenario's variable",
    { requests: [{ url: "/", capture: { room: "/b" } }] },
    /capture\.room: expected a name that no other variable has/,
  ],
  [
    "a body and a form",
    { requests: [{ url: "/", body: "hush-hush", form: {} }] },
    /requests\.0: expected "body" or "form", got both/,
  ],
  [
    "a body that is no JSON",
    { requests: [{ url: "/", body: '{"hush-hush' }] },
    /requests\.0\.body: expected JSON to its end/,
  ],
  [
    "a wrong status",
    { requests: [{ url: "/", status: [42] }] },
    /requests\.0\.status\.0: expected a status from 200 to 599, got 42/,
  ],
  [
    "an environment variable that is missing",
    { env: { a: "NONE" }, requests: [{ url: "/" }] },
    /env\.a: expected the environment variable NONE to be set, got nothing/,
  ],
  [
    "a login that is shared and used once",
    { shared: true, requests: [{ url: "/" }] },
    /shared: expected "expires" beside it/,
  ],
  [
    "no time of expiry",
    { expires: { before: "1s" }, requests: [{ url: "/" }] },
    /expires: expected "after" or "seconds", got neither/,
  ],
  [
    "a capture that is none",
    { requests: [{ url: "/", capture: { a: { body: "x" } } }] },
    /requests\.0\.capture\.a: expected a JSON Pointer, /,
  ],
];

describe("a wrong file is refused", () => {
  for (const [sentence, file, message] of wrong) {
    test(sentence, () => {
      assert.throws(
        () => parse(file),
        (error: unknown) => {
          assert.ok(error instanceof SettingsError);
          assert.match(error.message, /^LOGIN_FILE: login\.json is not a file of login requests:\n/);
          assert.match(error.message, message);
          assert.ok(!error.message.includes("hush-hush"), error.message);
          return true;
        },
      );
    });
  }
});

/** Performs a login against answers, and says what was asked. */
async function perform(file: object, ...answers: Partial<HttpAnswer>[]) {
  const asked: HttpRequest[] = [];
  const result = await parse(file).perform({ user: "an n", token: "", tenant: "a&b" }, async (request) => {
    asked.push(request);
    return { status: 200, headers: {}, cookies: {}, body: "", ...answers[asked.length - 1] };
  });
  return { asked, result };
}

test("variables stand where they belong, as the place wants them", async () => {
  const { asked } = await perform({
    env: { secret: "SECRET" },
    requests: [
      {
        url: "/in/${user}?t=${tenant}",
        basic: { user: "${user}", password: "${secret}" },
        form: { name: "${tenant}" },
        headers: { "X-User": "${user}" },
      },
      { url: "http://b.example", body: '{"user":"${user}\\n","tenant":${tenant}}', method: "PUT" },
    ],
  });
  const [first, second] = asked;
  assert.equal(first?.url, "https://a.example:8443/in/an%20n?t=a%26b");
  assert.equal(first?.body, "name=a%26b");
  assert.deepEqual([first?.method, second?.method], ["POST", "PUT"]);
  assert.deepEqual(first?.headers, {
    "Content-Type": "application/x-www-form-urlencoded",
    Authorization: `Basic ${Buffer.from("an n:hush-hush").toString("base64")}`,
    "X-User": "an n",
  });
  assert.equal(second?.body, '{"user":"an n\\n","tenant":"a&b"}');
});

test("captures keep their digits, and come from headers and cookies too", async () => {
  const file = {
    requests: [{ url: "/", capture: { n: "/n", h: { header: "x-a" }, c: { cookie: "sid" } } }],
    url: "${h}/rooms/${n}?c=${c}",
  };
  const { result } = await perform(file, {
    body: '\ufeff{"n":9007199254740993}',
    headers: { "X-A": "https://b.example" },
    cookies: { sid: "a/b" },
  });
  const { variables, endpoint } = result as LoggedIn;
  assert.deepEqual(variables, { n: "9007199254740993", h: "https://b.example", c: "a/b" });
  assert.equal(endpoint, "wss://b.example/rooms/9007199254740993?c=a%2Fb");
});

test("where it sends an event stream is the URL of one", async () => {
  const file = { requests: [{ url: "/in", capture: { host: "/host" } }], url: "wss://${host}/events" };
  const login = parseLogin(file, "login.json", { ...CONTEXT, endpoint: "https://a.example/events" });
  const asked: HttpRequest[] = [];
  const result = await login.perform({ user: "u" }, async (request) => {
    asked.push(request);
    return { status: 200, headers: {}, cookies: {}, body: '{"host":"b.example"}' };
  });
  assert.equal(asked[0]?.url, "https://a.example/in");
  assert.equal((result as LoggedIn).endpoint, "https://b.example/events");
});

const failing: [sentence: string, answer: Partial<HttpAnswer>, reason: string][] = [
  ["another status", { status: 401 }, "http_401"],
  ["a status that is not listed", { status: 418 }, "http_rejected"],
  ["an answer that is no JSON", { body: "<html>" }, "unparsable"],
  ["an answer without what is to be captured", { body: "{}" }, "contract"],
  ["a value that cannot be sent", { body: '{"n":"a\\r\\nX-Evil: 1"}' }, "contract"],
];

describe("a login fails for a reason", () => {
  for (const [sentence, answer, reason] of failing) {
    test(sentence, async () => {
      const { result } = await perform({ requests: [{ url: "/a?secret=1", capture: { n: "/n" } }] }, answer);
      assert.ok(hasFailed(result));
      assert.equal(result.reason, reason);
      assert.match(result.said, /^login request 1 \(GET https:\/\/a\.example:8443\/a\?…\) /);
    });
  }

  test("a hostile server cannot make the connection's URL a template, nor a request's URL no URL", async () => {
    const file = { requests: [{ url: "/", capture: { u: "/u" } }], url: "${u}" };
    const { result } = await perform(file, { body: '{"u":"ws://b.example/${token}"}' });
    assert.equal((result as LoggedIn).endpoint, "ws://b.example/$%7Btoken}");
    const twice = { requests: [{ url: "/", capture: { u: "/u" } }, { url: "${u}" }] };
    const { result: refused, asked } = await perform(twice, { body: '{"u":"file:///etc/passwd"}' });
    assert.ok(hasFailed(refused) && refused.reason === "contract");
    assert.equal(asked.length, 1);
  });
});

describe("a login is used again until shortly before its end", () => {
  const renewing = (validFor: number | undefined, before: number) => {
    const clock = { now: 0 };
    let made = 0;
    const logins = new Renewing(
      async () => ({ variables: { n: String(++made) }, validFor: validFor as Ms | undefined }),
      () => ms(clock.now),
      ms(before),
    );
    const at = async (now: number) => {
      clock.now = now;
      const held = await logins.take(ms(now));
      return hasFailed(held) ? "failed" : held.variables.n;
    };
    return at;
  };

  test("before its end by as much as is asked for", async () => {
    const at = renewing(10_000, 3_000);
    assert.deepEqual([await at(0), await at(6_999), await at(7_000), await at(13_999)], ["1", "1", "2", "2"]);
  });

  test("at half of its time where that is more", async () => {
    const at = renewing(10_000, 30_000);
    assert.deepEqual([await at(0), await at(4_999), await at(5_000)], ["1", "1", "2"]);
  });

  test("never where nobody says how long it is good, but those who wait share one", async () => {
    const at = renewing(undefined, 1_000);
    assert.deepEqual([await at(0), await at(1)], ["1", "2"]);
    assert.deepEqual(await Promise.all([at(2), at(2)]), ["3", "3"]);
  });
});

test("base64 is that of RFC 4648", () => {
  for (const text of ["", "f", "fo", "foo", "foob", "ä€😀:"]) {
    assert.equal(base64(text), Buffer.from(text).toString("base64"));
  }
});
