/** Which proxy a connection goes by. The extension's tests hold the same table to what k6 itself asks. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type ProxyServer, proxyFor } from "../../lib/proxy.ts";

interface Row {
  readonly sentence: string;
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
  readonly proxy: string | null;
}

const rows: Row[] = JSON.parse(
  readFileSync(new URL("../../lib/proxy.fixtures.json", import.meta.url), "utf8"),
);

const written = ({ scheme, user, password, host, port }: ProxyServer): string => {
  if (host === "") return "no URL";
  const authority = host.includes(":") ? `[${host}]` : host;
  return `${scheme}://${password === undefined ? "" : `${user}:${password}@`}${authority}:${port}`;
};

for (const { sentence, url, env, proxy } of rows) {
  test(`${sentence}: ${url} goes by ${proxy ?? "no proxy"}`, () => {
    const found = proxyFor(url, env);
    assert.equal(found ? written(found) : null, proxy);
  });
}

test("the variable is named as it is spelt", () => {
  assert.equal(proxyFor("wss://a.example", { https_proxy: "proxy" })?.variable, "https_proxy");
});
