/** What of event streams is decided without a server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { authorityOf } from "../../lib/address.ts";
import { notesOnEvents } from "../../lib/event-streams.ts";
import {
  type Descriptor,
  DescriptorError,
  PROTOCOLS,
  parseDescriptor,
  sentOnConnection,
} from "../../lib/protocols/index.ts";
import { dropCode } from "../../lib/reasons.ts";
import { readSettings } from "../../lib/settings.ts";
import { endpointOf, isEventStream, originOf } from "../../lib/url.ts";

test("an event stream's URL is an endpoint, with the ports of HTTP", () => {
  assert.equal(endpointOf("https://Example.com:443/events?a=b"), "https://example.com/events?a=b");
  assert.equal(endpointOf("http://example.com:8080"), "http://example.com:8080");
  assert.deepEqual(authorityOf("https://example.com/x"), { host: "example.com", port: 443, isSecure: true });
  assert.deepEqual(["http://h", "https://h", "ws://h", "wss://h"].map(isEventStream), [
    true,
    true,
    false,
    false,
  ]);
  assert.equal(originOf("http://h:1/a/b?c"), "http://h:1");
});

test("SSE_URL takes what it says, and repeats no secret", () => {
  assert.equal(readSettings(["SSE_URL"], { SSE_URL: "https://h/x?token=a" }).SSE_URL, "https://h/x?token=a");
  for (const [given, said] of [
    ["ws://h/?t=s3cr3t", "one that begins with ws://: write http://"],
    ["http://me:s3cr3t@h/", "one with a user name in it"],
    ["h/s3cr3t", "one that does not begin with http:// or https://"],
  ] as const) {
    assert.throws(
      () => readSettings(["SSE_URL"], { SSE_URL: given }),
      (error: Error) => error.message.endsWith(`got ${said}`) && !error.message.includes("s3cr3t"),
      given,
    );
  }
  // The reference server's token goes nowhere else.
  assert.equal(readSettings(["WS_TOKEN"], { SSE_URL: "https://h/" }).WS_TOKEN, "");
});

test("what a protocol sends on its connection is found, by its field", () => {
  const rows: [Partial<Descriptor>, string | undefined][] = [
    [{}, undefined],
    [{ session: [{ await: { where: { "/a": 1 } } }, { send: "x" }] }, "session[1].send"],
    [{ publish: { send: "x" } }, "publish.send"],
    [{ publish: { send: "x", http: {} } }, undefined],
    [
      { heartbeat: [{ when: { where: { "/a": 1 } } }, { when: { where: { "/a": 1 } }, answer: "x" }] },
      "heartbeat[1].answer",
    ],
    [{ heartbeat: [{ every: "1s", send: "x" }] }, "heartbeat[0].send"],
    [{ resume: { send: "x" } }, "resume.send"],
  ];
  for (const [part, field] of rows) {
    assert.equal(sentOnConnection({ name: "p", ...part }), field, JSON.stringify(part));
  }
  for (const name of ["events", "room-events"] as const)
    assert.equal(sentOnConnection(PROTOCOLS[name]), undefined);
  assert.equal(sentOnConnection(PROTOCOLS.echo), "probe.send");
});

test("a message by HTTP is checked, each field by its path", () => {
  const rows: [http: object, problem: RegExp][] = [
    [{ path: "rooms" }, /publish\.http\.path: expected a text that begins with "\/"/],
    [{ path: "/${nobody}" }, /publish\.http\.path: expected a variable that is known here/],
    [{ method: "GET" }, /publish\.http\.method: expected "POST" or "PUT" or "PATCH", got "GET"/],
    [{ headers: { "X Y": "z" } }, /publish\.http\.headers.*a header's name/],
    [{ headers: { a: "1", A: "2" } }, /publish\.http\.headers: expected each header once, got a twice/],
    [{ headers: { a: "1\n2" } }, /publish\.http\.headers\.a: expected a text without control characters/],
    [{ url: "http://elsewhere/" }, /publish\.http\.url/],
  ];
  for (const [http, problem] of rows) {
    assert.throws(
      () => parseDescriptor({ name: "p", publish: { send: "x", http } }, "p.json"),
      (error: Error) => error instanceof DescriptorError && problem.test(error.message),
      JSON.stringify(http),
    );
  }
});

test("a stream's end has a name of its own", () => {
  assert.deepEqual([dropCode(0), dropCode(undefined), dropCode(1002)], ["end_of_stream", "1006", "1002"]);
});

const counter = (count: number) => ({ kind: "counter" as const, unit: "1", count });

test("a note says how many events were not UTF-8", () => {
  assert.deepEqual(notesOnEvents({ sse_events_invalid_utf8: counter(0) }), []);
  assert.deepEqual(notesOnEvents({ sse_events_invalid_utf8: counter(1200) }), [
    "events with bytes that are not UTF-8: 1200 (sse_events_invalid_utf8); U+FFFD replaced these bytes",
  ]);
});

test("a note says where most events came several at once", () => {
  const metrics = (alone: number, together: number, reads: number) => ({
    sse_events: {
      ...counter(alone + together),
      by: { read: { alone: counter(alone), together: counter(together) } },
    },
    sse_reads: counter(reads),
  });
  assert.deepEqual(notesOnEvents({}), []);
  assert.deepEqual(notesOnEvents(metrics(60, 40, 70)), []);
  assert.match(
    notesOnEvents(metrics(10, 90, 20))[0] ?? "",
    /^90 % of events came several in one read, 5 on average/,
  );
});
