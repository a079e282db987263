import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { appendToUrl, redactUrlOf } from "../../lib/url.ts";

describe("a URL is shown without what may be secret", () => {
  const rows: [url: string, token: string, shown: string][] = [
    ["wss://example.com/ws?token=s3cret&room=1", "", "wss://example.com/ws?…"],
    ["wss://example.com/ws?a=1\ns3cret", "", "wss://example.com/ws?…"],
    ["wss://user:s3cret@example.com/ws", "", "wss://example.com/ws"],
    ["ws://127.0.0.1:8080/ws", "", "ws://127.0.0.1:8080/ws"],
    ["wss://s3cret.example.com/s3cret/ws?s3cret", "s3cret", "wss://s3cret.example.com/…/ws?…"],
    ["wss://h/a/s%2F3%20ret/s%2F3%20ret", "s/3 ret", "wss://h/a/…/…"],
    ["wss://h/a/s~3", "s~3", "wss://h/a/…"],
  ];
  for (const [url, token, shown] of rows)
    test(url, () => assert.equal(redactUrlOf({ url, variables: { token } }), shown));
});

describe("a protocol's path and query join the endpoint's", () => {
  const rows: [sentence: string, url: string, addition: string, joined: string][] = [
    ["nothing changes nothing", "ws://h/ws?a=1", "", "ws://h/ws?a=1"],
    ["a query becomes one", "ws://h/ws", "?room=1", "ws://h/ws?room=1"],
    ["a query follows one", "ws://h/ws?a=1", "?room=1", "ws://h/ws?a=1&room=1"],
    ["a path goes before a query", "ws://h/?a=1", "/im/u1", "ws://h/im/u1?a=1"],
    ["both join both", "ws://h?a=1", "/im?b=2", "ws://h/im?a=1&b=2"],
  ];
  for (const [sentence, url, addition, joined] of rows) {
    test(sentence, () => assert.equal(appendToUrl(url, addition), joined));
  }
});
