/** What a swarm counts, held against what the server did. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { accept, rawServer } from "../raw-server.ts";
import { runSwarm } from "./run.ts";

const PING = "\x89\x01p";
const TEXT = "\x81\x02hi";

test("messages are counted as k6 counts its own: without Pings and Pongs", async (t) => {
  const url = await rawServer(t, (socket, request) => {
    socket.write(accept(request));
    socket.write(Buffer.from(PING + TEXT + PING + TEXT + PING, "latin1"));
  });
  const run = await runSwarm(t, { servers: [url], connections: 4, holdMs: 500, timeouts: { closeMs: 100 } });
  assert.equal(run.counts.get("ws_msgs_received"), 8, run.stderr);
  assert.equal(run.counts.get("ws_msgs_sent"), undefined, "Pongs only");
});

test("what probes send is counted too, and each connection that opens again once", async (t) => {
  let opened = 0;
  const url = await rawServer(t, (socket, request) => {
    socket.write(accept(request));
    if (opened++ < 3) socket.destroySoon(); // and is done with later ones
  });
  const run = await runSwarm(t, {
    ...{ servers: [url], connections: 3, timeouts: { closeMs: 100 } },
    probing: {
      ...{ protocol: { name: "echo", probe: { send: "${id}" }, reply: [{ name: "echo", match: "whole" }] } },
      ...{ intervalMs: 100, forMs: 1_000, timeoutMs: 500, backoffBaseMs: 10, backoffCapMs: 10 },
    },
  });
  assert.deepEqual(
    run.outcomes.map(({ wanted, opened }) => ({ wanted, opened })),
    [{ wanted: 3, opened: 3 }],
    run.stderr,
  );
  assert.equal(run.counts.get("ws_sessions_opened"), 6);
  const sent = run.counts.get("ws_msgs_sent") ?? 0;
  assert.ok(sent > 0 && sent <= (run.counts.get("ws_probes") ?? 0), `${sent} were sent`);
});
