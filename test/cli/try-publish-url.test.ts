/** `try --publish` where publications by HTTP go to another server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonFile } from "../json-file.ts";
import { twoAddresses } from "../k6/publish-url-server.ts";
import { tryOut } from "./try-out.ts";

const ROOMS = {
  name: "rooms",
  path: "/${room}",
  publish: { send: '{"id":${id},"seq":${seq}}', http: { path: "/rooms/${room}" } },
  delivery: { where: { "/id": { exists: true } }, id: "/id", seq: "/seq" },
};

test("publications go there, and their deliveries come by the connection", async (t) => {
  const { subscribersAt, publishersAt, seen } = await twoAddresses(t);
  const file = await jsonFile(t, ROOMS);
  const run = await tryOut(
    ["--url", `ws://${subscribersAt}`, "--protocol-file", file, "--publish", "1", "--probes", "0"],
    {
      env: { PUBLISH_URL: `http://${publishersAt}/api?key=s3cret`, WS_TOKEN: "t0ken" },
      until: /delivery.*published-1/,
    },
  );
  assert.deepEqual([seen.requests, seen.delivered, seen.offences], [1, 1, []], run.out + run.err);
  assert.deepEqual([...seen.credentials.keys()], ["Bearer t0ken undefined ?key=s3cret"]);
  assert.doesNotMatch(run.out + run.err, /s3cret|t0ken/);
});

test("publishers with connections of their own are refused", async (t) => {
  const { http: _, ...publish } = ROOMS.publish;
  const file = await jsonFile(t, { ...ROOMS, publish });
  const run = await tryOut(["--url", "ws://127.0.0.1:1", "--protocol-file", file, "--publish", "1"], {
    env: { PUBLISH_URL: "ws://127.0.0.1:2" },
  });
  assert.equal(run.code, 2);
  assert.match(
    run.err,
    /PUBLISH_URL: expected a protocol with "publish\.http" beside it, since publishers of try/,
  );
});
