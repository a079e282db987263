/** Fan-out without publishers: all that is known is what the server sends by itself. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { WebSocketServer } from "ws";
import { temporaryDirectory } from "../temporary-directory.ts";
import { count, rate, trend } from "./figures.ts";
import { OUR_K6, runK6 } from "./run.ts";

const SUBSCRIBERS = 20;

/**
 * Sends each connection its history, and once all are there publication `n` to connection `i` as `message` has it,
 * twenty a second; nothing where that is undefined.
 */
async function publisher(
  t: TestContext,
  message: (n: number, i: number) => object | undefined,
  history: readonly object[],
) {
  const did = { sent: 0, kept: 0 };
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  server.on("connection", (socket) => {
    for (const body of history) socket.send(JSON.stringify(body));
  });
  let n = 0;
  const publishing = setInterval(() => {
    n++;
    for (const [i, socket] of server.clients.size < SUBSCRIBERS ? [] : [...server.clients].entries()) {
      const body = message(n, i);
      if (body === undefined) did.kept++;
      else {
        did.sent++;
        socket.send(JSON.stringify(body));
      }
    }
  }, 50);
  t.after(() => {
    clearInterval(publishing);
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, did };
}

const HEADS = { where: { "/hash": { exists: true } } };

async function listen(
  t: TestContext,
  delivery: object,
  message: (n: number, i: number) => object | undefined,
  history: readonly object[] = [],
) {
  const { url, did } = await publisher(t, message, history);
  const file = join(await temporaryDirectory(t), "heads.json");
  await writeFile(file, JSON.stringify({ name: "heads", delivery: { ...HEADS, ...delivery } }));
  const { summary, stderr } = await runK6(t, {
    scenario: "fan-out",
    k6: OUR_K6,
    env: {
      ...{ WS_URL: url, PROTOCOL_FILE: file, PUBLISHERS: 0, ROOMS: 1 },
      ...{ CONNECTIONS: SUBSCRIBERS, RATE: 2000, DURATION: "2s", REPLY_TIMEOUT: "3s" },
    },
  });
  assert.ok(summary, stderr);
  return { summary, did };
}

const STAMPED = { sentAt: { at: "/time", unit: "ms" } };

test("without a time stamp no lag is judged, and the summary says so", async (t) => {
  const { summary } = await listen(t, {}, (n) => ({ hash: n }));
  assert.equal(summary.verdict, "pass", summary.reason);
  assert.ok(!summary.thresholds.some(({ metric }) => metric === "ws_fanout_lag_ms"));
  assert.match((summary.notes ?? []).join("\n"), /the lag is not judged: .*\(sentAt\)/);
  assert.match((summary.notes ?? []).join("\n"), /missed deliveries are not counted: .*\(id\)/);
  assert.equal(summary.metrics.ws_messages_lost, undefined);
});

test("what the server keeps from some of a room is lost, and breaks the limit", async (t) => {
  const { summary, did } = await listen(t, { id: "/hash" }, (n, i) =>
    n % 2 === 1 && i % 2 === 1 ? undefined : { hash: n },
  );
  const lost = count(summary, "ws_messages_lost");
  assert.ok(lost > 0 && lost <= did.kept, `${lost} lost of ${did.kept} that were kept back`);
  assert.equal(rate(summary, "ws_delivery_success_rate").fails, lost);
  assert.equal(summary.verdict, "fail");
  assert.match(summary.reason, /^share delivered in time 7\d(\.\d+)? % \(expected more than 99\.5 %\)/);
});

describe("subscribers are compared, and miss nothing", () => {
  const rows: [sentence: string, message: (n: number, i: number) => object][] = [
    ["where all get all", (n) => ({ hash: n })],
    [
      "where the first have messages of their own beside",
      (n, i) => ({ hash: n % 5 === 0 ? n * 100 + i : n }),
    ],
  ];
  for (const [sentence, message] of rows) {
    test(sentence, async (t) => {
      const { summary } = await listen(t, { id: "/hash" }, message);
      assert.equal(summary.verdict, "pass", summary.reason);
      assert.equal(count(summary, "ws_messages_lost") + count(summary, "ws_messages_duplicated"), 0);
      assert.equal(rate(summary, "ws_delivery_success_rate").rate, 1);
    });
  }

  test("where none gets what another gets there is nothing to judge", async (t) => {
    const { summary } = await listen(t, { id: "/hash" }, (n, i) => ({ hash: `${n}-${i}` }));
    assert.equal(summary.verdict, "incomplete");
    assert.match(summary.reason, /^whether ws_delivery_success_rate rate>0.995 held is unknown: no delivery/);
    assert.equal(count(summary, "ws_messages_lost"), 0);
  });
});

describe("time stamps that tell no lag leave the limits on it open", () => {
  const rows: [sentence: string, time: () => unknown, unmeasured: string, reason: RegExp][] = [
    [
      "whole seconds",
      () => Math.floor(Date.now() / 1000) * 1000,
      "stamp_1s",
      /time stamps tell whole seconds at best/,
    ],
    ["none at all", () => undefined, "no_stamp", /no delivery had a usable time stamp/],
    [
      "hexadecimal texts",
      () => `0x${Date.now().toString(16)}`,
      "no_stamp",
      /no delivery had a usable time stamp/,
    ],
  ];
  for (const [sentence, time, unmeasured, reason] of rows) {
    test(sentence, async (t) => {
      const { summary } = await listen(t, STAMPED, (n) => ({ hash: n, time: time() }));
      assert.equal(summary.verdict, "incomplete", summary.reason);
      assert.match(summary.reason, /^whether ws_fanout_lag_ms .* held is unknown: /);
      assert.match(summary.reason, reason);
      assert.equal(trend(summary, "ws_fanout_lag_ms").count, 0);
      assert.ok(count(summary, "ws_deliveries") > 0);
      const joining = count(summary, "ws_unmeasured{reason:joining}");
      assert.equal(
        count(summary, `ws_unmeasured{reason:${unmeasured}}`) + joining,
        count(summary, "ws_deliveries"),
      );
    });
  }

  test("milliseconds tell one", async (t) => {
    const { summary } = await listen(t, STAMPED, (n) => ({ hash: n, time: Date.now() }));
    assert.equal(summary.verdict, "pass", summary.reason);
    const joining = count(summary, "ws_unmeasured{reason:joining}");
    assert.equal(trend(summary, "ws_fanout_lag_ms").count + joining, count(summary, "ws_deliveries"));
  });
});

test("what a server sends of the past to those who join is neither lag nor lost", async (t) => {
  const past = Array.from({ length: 30 }, (_, n) => ({ hash: `past-${n}`, time: Date.now() - 3_600_000 }));
  const { summary } = await listen(
    t,
    { id: "/hash", ...STAMPED },
    (n) => ({ hash: n, time: Date.now() }),
    past,
  );
  assert.equal(summary.verdict, "pass", summary.reason);
  assert.ok(trend(summary, "ws_fanout_lag_ms").max! < 60_000, "no lag is as old as the history");
  assert.ok(count(summary, "ws_unmeasured{reason:joining}") >= SUBSCRIBERS * past.length);
  assert.equal(count(summary, "ws_messages_lost") + count(summary, "ws_messages_duplicated"), 0);
});
