import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { appendToUrl, redactUrl } from "../../lib/url.ts";

describe("a URL is shown without what may be secret", () => {
  const rows: [url: string, shown: string][] = [
    ["wss://example.com/ws?token=s3cret&room=1", "wss://example.com/ws?…"],
    ["wss://user:s3cret@example.com/ws", "wss://example.com/ws"],
    ["ws://127.0.0.1:8080/ws", "ws://127.0.0.1:8080/ws"],
  ];
  for (const [url, shown] of rows) test(url, () => assert.equal(redactUrl(url), shown));
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
