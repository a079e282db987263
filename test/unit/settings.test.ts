import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { FORMER_NAMES, formerNotes } from "../../lib/former-names.ts";
import {
  readSettings,
  requireRoomForMessages,
  SETTINGS,
  type SettingName,
  SettingsError,
  strangers,
  unread,
} from "../../lib/settings.ts";
import { givenSettings } from "../../lib/summary/tested.ts";
import { differences, termsOf } from "../../lib/summary/tested-otherwise.ts";
import { formatDuration, ms, parseDuration } from "../../lib/units.ts";

const ALL = Object.keys(SETTINGS) as SettingName[];

test("every default is a value that its own setting takes", () => {
  const settings = readSettings(ALL, {});
  assert.equal(settings.CONNECTIONS, 100);
  assert.equal(settings.DURATION, 30_000);
});

test("what is given and not read is named, whatever else is in the environment", () => {
  const env = { RATE: "5", RAMP: "2s", ROOMS: "", PATH: "/bin", SHARDS: "4" };
  assert.deepEqual(unread(["RATE"], env), ["RAMP", "ROOMS"]);
});

describe("a setting's former name", () => {
  for (const [former, name] of Object.entries(FORMER_NAMES)) {
    test(`${former} is read as ${name}, with a note`, () => {
      const { default: fallback } = SETTINGS[name];
      assert.ok(!Object.hasOwn(SETTINGS, former), `${former} is a setting`);
      assert.deepEqual(formerNotes([name], { [former]: fallback }), [
        `${former} is called ${name} now: the next version will not know ${former}`,
      ]);
      assert.throws(() => readSettings([name], { [former]: "?" }), {
        message: new RegExp(`^${former}: expected .*got "\\?"$`),
      });
      assert.deepEqual(strangers([former]), []);
    });
  }

  test("gives way to the present one, in the environment as among defaults", () => {
    const both = { CHECK: "always", PREFLIGHT: "none" };
    assert.equal(readSettings(["PREFLIGHT"], both).PREFLIGHT, "none");
    assert.deepEqual(formerNotes(["PREFLIGHT"], both), []);
    assert.equal(readSettings(["PREFLIGHT"], {}, { CHECK: "always" }).PREFLIGHT, "always");
    assert.equal(readSettings(["PREFLIGHT"], { CHECK: "none" }, { PREFLIGHT: "always" }).PREFLIGHT, "none");
  });

  test("stands in no summary: neither a new one nor an earlier one to compare with", () => {
    const given = { MODE: "trickle", WS_TOKEN: "s3cret", HOLD: "1s" };
    const settings = givenSettings(["SLOW_READER_MODE", "WS_TOKEN"], given);
    assert.deepEqual(settings, { SLOW_READER_MODE: "trickle", WS_TOKEN: "***" });
    const tested = { urls: [], protocol: "chat", profile: null, load: "", connections: 1 };
    const before = termsOf({ ...tested, settings: { MODE: "trickle", WS_TOKEN: "***" } });
    assert.deepEqual(differences(termsOf({ ...tested, settings }), before), []);
  });

  test("is not noted where the setting is not read", () =>
    assert.deepEqual(formerNotes(["PREFLIGHT"], { MODE: "production" }), []));
});

describe("a message limit leaves room for the filler", () => {
  const given = { MESSAGE_BYTES: 10_000, BUFFERED_BYTES: 10_000, PAYLOAD_BYTES: 64 };
  const rows: [sentence: string, settings: typeof given & { BURST_BYTES?: number }, message?: string][] = [
    ["room enough", { ...given, PAYLOAD_BYTES: 8_976, BURST_BYTES: 8_976 }],
    ["no filler", { ...given, MESSAGE_BYTES: 1_024, PAYLOAD_BYTES: 0 }],
    [
      "none for the payload",
      { ...given, PAYLOAD_BYTES: 8_977 },
      "MESSAGE_BYTES: expected at least 10001, which is PAYLOAD_BYTES and 1024 for the rest of the message, got 10000",
    ],
    [
      "none for the burst",
      { ...given, BURST_BYTES: 65_536 },
      "MESSAGE_BYTES: expected at least 66560, which is BURST_BYTES and 1024 for the rest of the message, got 10000",
    ],
    [
      "none for one message",
      { ...given, BUFFERED_BYTES: 9_999 },
      "BUFFERED_BYTES: expected at least MESSAGE_BYTES (10000), got 9999",
    ],
  ];
  for (const [sentence, settings, message] of rows) {
    test(sentence, () => {
      if (message === undefined) requireRoomForMessages(settings);
      else assert.throws(() => requireRoomForMessages(settings), { name: "SettingsError", message });
    });
  }

  test("by default for the largest filler that can be asked for", () => {
    const largest = { PAYLOAD_BYTES: "16777216", BURST_BYTES: "16777216" };
    const names = ["MESSAGE_BYTES", "BUFFERED_BYTES", "PAYLOAD_BYTES", "BURST_BYTES"] as const;
    requireRoomForMessages(readSettings(names, largest));
  });
});

describe("a wrong variable is refused with its name, what was expected and what came", () => {
  const rows: [sentence: string, env: Record<string, string>, message: RegExp][] = [
    [
      "a word for a count",
      { CONNECTIONS: "ten" },
      /^CONNECTIONS: expected a whole number from 1 to 100000, got "ten"$/,
    ],
    [
      "no connections",
      { CONNECTIONS: "0" },
      /^CONNECTIONS: expected a whole number from 1 to 100000, got "0"$/,
    ],
    ["a count in exponent form", { ROOMS: "1e3" }, /^ROOMS: .*got "1e3"$/],
    [
      "a duration without a unit",
      { DURATION: "10" },
      /^DURATION: expected a duration of at least 1ms such as 500ms, 10s or 1m30s, got "10"$/,
    ],
    ["a negative duration", { RAMP: "-1s" }, /^RAMP: .*got "-1s"$/],
    ["a zero where time must pass", { SESSION: "0" }, /^SESSION: .*got "0"$/],
    [
      "an http URL, whose value may hold a token",
      { WS_URL: "http://h/?token=s3cret" },
      /^WS_URL: expected a ws:\/\/ or wss:\/\/ URL without .*, got one that begins with http:\/\/: write ws:\/\/$/,
    ],
    ["a URL with a fragment", { WS_URL: "ws://h/#x" }, /^WS_URL: /],
    ["a URL with a password, which k6 refuses", { WS_URL: "ws://me:s3cret@h/" }, /^WS_URL: (?!.*s3cret)/],
    [
      "a token with a line break",
      { WS_TOKEN: "a\r\nX: y" },
      /^WS_TOKEN: expected printable ASCII without spaces, got one that has a line break in it and has a space in it$/,
    ],
    ["two at once", { CONNECTIONS: "x", RAMP: "y" }, /^CONNECTIONS: .*\nRAMP: /],
  ];
  for (const [sentence, env, message] of rows) {
    test(sentence, () => {
      assert.throws(
        () => readSettings(ALL, env),
        (error) => {
          assert.ok(error instanceof SettingsError);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }
});

describe("a name that is nearly one of ours is told apart from others", () => {
  const rows: [name: string, meant: SettingName | undefined][] = [
    ["CONECTIONS", "CONNECTIONS"],
    ["connections", "CONNECTIONS"],
    ["ROOM", "ROOMS"],
    ["TRACE", "GRACE"],
    ["WS_PASSWORD", undefined],
  ];
  for (const [name, meant] of rows) {
    test(name, () => assert.deepEqual(strangers([name, "PATH", "RATE"]), [{ name, meant }]));
  }

  test("what shells set by themselves is none", () =>
    assert.deepEqual(strangers(["USER", "HOME", "PATH", "PWD", "SHLVL", "LANG", "TERM", "CI"]), []));
});

test("what somebody else put into the environment ends nothing", () => {
  const env = {
    WS_PORT: "tcp://10.0.0.7:80",
    WS_SERVICE_HOST: "10.0.0.7",
    TRACE: "1",
    SERVER: "web-1",
    ROOM: "a",
    HEADER: "x",
    K6_VERSION: "latest",
  };
  const settings = readSettings(ALL, env);
  assert.deepEqual({ ...settings }, readSettings(ALL, {}));
});

test("a secret's value is in no message, whatever it is", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 6 }), (secret) => {
      try {
        readSettings(["WS_TOKEN", "WS_URL"], { WS_TOKEN: `${secret} `, WS_URL: secret });
        assert.fail("a token that ends in a space was accepted");
      } catch (error) {
        const message = (error as Error).message.replace(/expected [^,]*/g, "");
        assert.ok(!message.includes(secret), message);
      }
    }),
  );
});

test("a duration is rounded before it is taken apart", () => {
  assert.equal(formatDuration(ms(59_999.9999)), "1m");
  assert.equal(formatDuration(ms(3_599_999.7)), "1h");
});

test("a duration written by us reads back as the same time", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 400 * 3_600_000 }), (value) => {
      assert.equal(parseDuration(formatDuration(ms(value))), value);
    }),
  );
});
