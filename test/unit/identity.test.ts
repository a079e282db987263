import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { handshakeTemplate, identities } from "../../lib/identity.ts";
import { compile } from "../../lib/protocols/index.ts";
import { readSettings, SettingsError } from "../../lib/settings.ts";
import { NO_USERS, usersOf } from "../../lib/users.ts";

const nobody = usersOf(NO_USERS, "t0ken");
const NAMES = ["WS_URL", "WS_TOKEN", "AUTH", "HEADERS", "ORIGIN", "SUBPROTOCOL", "SERVERS"] as const;
const settings = (AUTH: string) => readSettings(NAMES, { WS_URL: "ws://h/ws", WS_TOKEN: "t0ken", AUTH });

const refreshing = compile({ name: "refreshing", refresh: { send: '{"auth":${token}}', before: "5s" } });
const hello = compile({ name: "hello", session: [{ send: '{"hello":${token}}' }] });
const without = compile({ name: "without", session: [{ send: "hello" }] });

describe("where the token travels", () => {
  for (const [AUTH, header] of [
    ["header", "Bearer t0ken"],
    ["message", undefined],
  ] as const) {
    test(`${AUTH}, in a protocol whose first message has it`, () => {
      const identity = identities(settings(AUTH), hello, nobody)(0, {});
      const template = handshakeTemplate(settings(AUTH), hello, nobody);
      assert.equal(identity.headers.Authorization, header);
      assert.equal(template.headers.Authorization !== undefined, header !== undefined);
      assert.deepEqual([identity.authenticate, template.authenticate], [false, false]);
      assert.equal(identity.variables.token, "t0ken");
    });
  }

  test("message: the refresh message opens the session, where there is one", () => {
    assert.equal(identities(settings("message"), refreshing, nobody)(0, {}).authenticate, true);
    assert.equal(handshakeTemplate(settings("message"), refreshing, nobody).authenticate, true);
  });

  test("message: a protocol that has no place for it is refused", () => {
    assert.throws(() => identities(settings("message"), without, nobody), SettingsError);
  });
});
