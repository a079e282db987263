/** The messages that one client sends by HTTP, one after the other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { onStubs } from "./on-stubs.ts";

const { module } = await onStubs<typeof import("../../lib/k6/posts.ts")>("posts.ts");

test("a message that cannot be made a request fails alone", async () => {
  const asked: string[] = [];
  const variables = new Proxy<Record<string, string>>(
    {},
    {
      get(_, name) {
        asked.push(String(name));
        throw new Error(`no ${String(name)}`);
      },
    },
  );
  const identity = { url: "ws://127.0.0.1:9", subprotocols: [], headers: {}, variables, authenticate: false };
  const posts = new module.Posts();
  const sent = ["first", "second"].map((name) =>
    posts.send(identity, { path: `/\${${name}}` }, "message", 1_000),
  );
  assert.deepEqual(
    (await Promise.allSettled(sent)).map((result) => result.status === "rejected" && result.reason.message),
    ["no first", "no second"],
  );
  assert.deepEqual(asked, ["first", "second"]);
});
