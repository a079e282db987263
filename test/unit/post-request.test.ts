/** Whose doing it is that a message sent by HTTP was not taken. The extension's tests run the same table. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { postFailure, postRequest } from "../../lib/post-request.ts";
import { proxyForHttp } from "../../lib/proxy.ts";

interface Row {
  readonly sentence: string;
  /** Default: http://h/x. */
  readonly url?: string;
  readonly proxy?: string;
  readonly status: number;
  readonly error?: string;
  readonly reason: string | null;
  readonly said?: string;
}

const rows: Row[] = JSON.parse(
  readFileSync(new URL("../../lib/post-request-fixtures.json", import.meta.url), "utf8"),
);

test("a message beside a WebSocket goes to its server by HTTP", () => {
  const of = (url: string, path?: string) =>
    postRequest(
      { url, authenticate: false, subprotocols: [], headers: {}, variables: { room: "a b" } },
      path ? { path } : {},
    ).url;
  assert.equal(of("ws://h:1/ws?x=1"), "http://h:1/ws?x=1");
  assert.equal(of("wss://h/ws", "/rooms/${room}"), "https://h/rooms/a%20b");
  assert.equal(of("https://h/ws"), "https://h/ws");
});

for (const { sentence, url = "http://h/x", proxy = "", status, error = "", reason, said } of rows) {
  test(`${sentence}: ${reason ?? "taken"}`, () => {
    const way = proxyForHttp(url, { HTTP_PROXY: proxy, HTTPS_PROXY: proxy });
    const expected = reason === null ? undefined : { reason, said };
    assert.deepEqual(postFailure(url, way, { status, error }), expected);
  });
}
