/** A server that sends publications in lists, also in the answer to who comes back: each element is a delivery. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { type WebSocket, WebSocketServer } from "ws";
import type { Descriptor } from "../../lib/protocols/index.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { count } from "./figures.ts";
import { type K6Command, OUR_K6, runK6 } from "./run.ts";
import { strictProfile } from "./strict-profile.ts";

const LISTS: Descriptor = {
  name: "lists",
  session: [{ send: '{"sub":1,"room":${room}}', await: { where: { "/sub": 1 } } }],
  publish: { send: '{"pub":${room},"id":${id},"seq":${seq}}' },
  delivery: {
    each: "/publications",
    where: { "/id": { exists: true } },
    id: "/id",
    seq: "/seq",
    cursor: "/offset",
  },
  resume: { send: '{"sub":2,"room":${room},"since":${lastSeq}}', await: { where: { "/sub": 2 } } },
  unmatched: "error",
};

interface Publication {
  readonly offset: number;
}

/**
 * Sends what was published every 40 ms, with something else in each list, and cuts those who publish nothing when the
 * first room has had `cutAfter` publications.
 */
async function listServer(t: TestContext, cutAfter = Number.POSITIVE_INFINITY) {
  const seen = { joins: 0, published: 0, delivered: 0, missed: 0, cuts: 0 };
  const logs = new Map<string, Publication[]>();
  const members = new Map<
    WebSocket,
    { readonly room: string; readonly from: number; next: number; publishes: boolean }
  >();
  const logOf = (room: string) => {
    if (!logs.has(room)) logs.set(room, []);
    return logs.get(room)!;
  };
  const flush = () => {
    for (const [socket, member] of members) {
      const publications = logOf(member.room).slice(member.next);
      if (publications.length === 0 || socket.readyState !== socket.OPEN) continue;
      member.next += publications.length;
      seen.delivered += publications.length;
      socket.send(JSON.stringify({ publications: [{ joined: "x" }, ...publications] }));
    }
  };
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  server.on("connection", (socket) => {
    socket.on("close", () => members.delete(socket));
    socket.on("message", (data) => {
      const { sub, room, since, pub, ...message } = JSON.parse(String(data));
      if (sub !== undefined) {
        const log = logOf(room);
        const member = members.get(socket);
        // Who comes back subscribes first, and has had since then what was published meanwhile.
        const live = ({ offset }: Publication) => member && offset > member.from && offset <= member.next;
        const publications = since === undefined ? [] : log.filter((one) => one.offset > since && !live(one));
        if (since === undefined) seen.joins++;
        else seen.missed += publications.length;
        const from = member?.from ?? log.length;
        members.set(socket, { room, from, next: log.length, publishes: member?.publishes ?? false });
        socket.send(JSON.stringify({ sub, publications }));
        return;
      }
      seen.published++;
      members.get(socket)!.publishes = true;
      const log = logOf(pub);
      log.push({ ...message, offset: log.length + 1 });
      if (log.length !== cutAfter) return;
      for (const [other, { publishes }] of members) {
        if (publishes) continue;
        seen.cuts++;
        members.delete(other); // nothing more is sent to it
        other.terminate();
      }
    });
  });
  const flushing = setInterval(flush, 40);
  await once(server, "listening");
  t.after(() => {
    clearInterval(flushing);
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

async function run(t: TestContext, url: string, { env, ...command }: K6Command) {
  const PROTOCOL_FILE = join(await temporaryDirectory(t), "lists.json");
  await writeFile(PROTOCOL_FILE, JSON.stringify(LISTS));
  const ran = await runK6(t, {
    ...command,
    env: { WS_URL: url, PROTOCOL_FILE, WS_TOKEN: "", PROFILE: await strictProfile(t), ...env },
  });
  assert.deepEqual(
    { code: ran.code, verdict: ran.summary?.verdict },
    { code: 0, verdict: "pass" },
    ran.stderr,
  );
  return (series: string) => count(ran.summary!, series);
}

describe("deliveries in lists", { concurrency: 3 }, () => {
  test("reconnect: what was missed came in the answer, and nothing is lost", async (t) => {
    const { url, seen } = await listServer(t, 50);
    const of = await run(t, url, {
      scenario: "reconnect",
      env: {
        PROFILE: "",
        CONNECTIONS: 4,
        ROOMS: 1,
        DURATION: "4s",
        MESSAGE_INTERVAL: "10ms",
        REPLY_TIMEOUT: "2s",
      },
    });
    assert.ok(seen.cuts >= 4 && seen.missed > 0, JSON.stringify(seen));
    assert.equal(of("ws_publications"), seen.published);
    // Those published after the answer and before the client had read it are of the gap too.
    assert.ok(of("ws_gap_messages{fate:replayed}") >= seen.missed, JSON.stringify(seen));
  });

  for (const [scenario, more] of [
    ["ordering", { env: { CONNECTIONS: 9, ROOMS: 3, DURATION: "2s", MESSAGE_INTERVAL: "20ms" } }],
    [
      "fan-out",
      { k6: OUR_K6, env: { CONNECTIONS: 10, RATE: 100, ROOMS: 1, PUBLISH_RATE: 200, DURATION: "2s" } },
    ],
  ] as const) {
    test(`${scenario}: each element of a list is a delivery, what does not look like one is not`, async (t) => {
      const { url, seen } = await listServer(t);
      const of = await run(t, url, { scenario, ...more });
      assert.ok(seen.published > 100, JSON.stringify(seen));
      // The publisher of fan-out, who is in the room, does not count its own.
      const own = scenario === "fan-out" ? of("ws_publications") : 0;
      assert.deepEqual([of("ws_publications"), of("ws_deliveries") + own], [seen.published, seen.delivered]);
    });
  }
});
