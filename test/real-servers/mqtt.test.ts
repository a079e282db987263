/** The examples of MQTT against brokers: what was measured is what they counted themselves. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { count, outcomes } from "../k6/figures.ts";
import { type K6Command, OUR_K6, runK6 } from "../k6/run.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { SOAK as EXAMPLE_SOAK, runExample } from "./example.ts";
import { aedesBroker, mosquitto } from "./mqtt.ts";

const SOAK = { ...EXAMPLE_SOAK, WS_TOKEN: "" };
const FAN_OUT = { CONNECTIONS: 20, ROOMS: 2, RATE: 100, PUBLISH_RATE: 20, DURATION: "2s", WS_TOKEN: "" };

describe("MQTT 3.1.1 on Aedes", { concurrency: 3 }, () => {
  const run = (t: TestContext, url: string, command: K6Command) => runExample(t, "mqtt", url, command);

  for (const scenario of ["chat-soak", "x/chat-soak"]) {
    test(`${scenario}: each session subscribes once, each probe is acknowledged once`, async (t) => {
      const { url, seen } = await aedesBroker(t);
      const k6 = scenario.startsWith("x/") ? { k6: OUR_K6 } : {};
      const { code, verdict, stderr, of } = await run(t, url, { scenario, env: SOAK, ...k6 });
      assert.deepEqual({ code, verdict }, { code: 0, verdict: "pass" }, stderr);
      assert.ok(of("ws_probes") > 0 && seen.connected >= 10, JSON.stringify(seen));
      assert.deepEqual(
        [of("ws_sessions_opened"), of("ws_probes"), of("ws_replies"), of("ws_message_errors")],
        [seen.connected, seen.published.users, seen.published.users, 0],
      );
      assert.equal(seen.subscribed, seen.connected);
    });
  }

  test("ordering: everything that was delivered to a room's subscribers is a delivery", async (t) => {
    const { url, seen } = await aedesBroker(t);
    const { code, verdict, stderr, of } = await run(t, url, {
      scenario: "ordering",
      env: {
        ...{ CONNECTIONS: 9, ROOMS: 3, DURATION: "1s", MESSAGE_INTERVAL: "100ms", WS_TOKEN: "" },
        REPLY_TIMEOUT: "20s",
      },
    });
    assert.deepEqual({ code, verdict }, { code: 0, verdict: "pass" }, stderr);
    assert.ok(seen.published.rooms! > 20 && seen.subscribed === 9, JSON.stringify(seen));
    assert.deepEqual([of("ws_publications"), of("ws_deliveries")], [seen.published.rooms, seen.delivered]);
    assert.equal(seen.delivered, 3 * seen.published.rooms!);
  });

  test("fan-out and mass-soak: the engine counts as the broker does", async (t) => {
    const { url, seen } = await aedesBroker(t);
    const fanOut = await run(t, url, { scenario: "fan-out", k6: OUR_K6, env: FAN_OUT });
    assert.deepEqual(
      { code: fanOut.code, verdict: fanOut.verdict },
      { code: 0, verdict: "pass" },
      fanOut.stderr,
    );
    assert.ok(seen.published.rooms! > 20 && seen.subscribed === 22, JSON.stringify(seen));
    // Publishers have theirs besides.
    assert.deepEqual(
      [fanOut.of("ws_publications"), fanOut.of("ws_deliveries") + fanOut.of("ws_publications")],
      [seen.published.rooms, seen.delivered],
    );
    assert.deepEqual(outcomes(fanOut.summary, "ws_delivery_success_rate"), {
      passes: 10 * seen.published.rooms!,
      fails: 0,
    });
    const { code, verdict, stderr, of } = await run(t, url, {
      scenario: "mass-soak",
      k6: OUR_K6,
      env: { CONNECTIONS: 20, RATE: 100, PROBE_INTERVAL: "100ms", DURATION: "2s", WS_TOKEN: "" },
    });
    assert.deepEqual({ code, verdict }, { code: 0, verdict: "pass" }, stderr);
    assert.ok(of("ws_probes") > 200);
    assert.deepEqual([of("ws_probes"), of("ws_replies")], [seen.published.users, seen.published.users]);
  });

  test("what the codec cannot write is unsent, and a notice says why once", async (t) => {
    const { url, seen } = await aedesBroker(t);
    const mqtt = JSON.parse(
      await readFile(new URL("../../examples/protocols/mqtt.json", import.meta.url), "utf8"),
    );
    const [connect, subscribe] = mqtt.session;
    const qos = (send: string) => send.replace('"topic"', '"qos":${present},"topic"').replace('"qos":1,', "");
    const file = join(await temporaryDirectory(t), "mqtt.json");
    await writeFile(
      file,
      JSON.stringify({
        ...mqtt,
        session: [{ ...connect, capture: { present: "/sessionPresent" } }, subscribe],
        probe: { ...mqtt.probe, send: qos(mqtt.probe.send) },
        publish: { send: qos(mqtt.publish.send) },
      }),
    );
    for (const [scenario, due, env] of [
      ["mass-soak", "ws_probes", { CONNECTIONS: 4, RATE: 100, PROBE_INTERVAL: "200ms", DURATION: "1s" }],
      ["fan-out", undefined, { ...FAN_OUT, DURATION: "1s" }],
    ] as const) {
      const { code, summary, stderr } = await runK6(t, {
        ...{ scenario, k6: OUR_K6 },
        env: { WS_URL: url, PROTOCOL_FILE: file, WS_TOKEN: "", REPLY_TIMEOUT: "1s", ...env },
      });
      assert.equal(code, 99, stderr);
      const unsent = count(summary!, "ws_message_errors{reason:unsent}");
      assert.ok(unsent > 10, stderr);
      if (due)
        assert.deepEqual([count(summary!, due), count(summary!, "ws_messages_lost")], [unsent, unsent]);
      assert.equal(
        stderr.match(/cannot be written: qos: .*ws_message_errors\{reason:unsent\}/g)?.length,
        1,
        stderr,
      );
    }
    assert.deepEqual(seen.published, {});
  });

  test("a client that the broker refuses fails its session with the return code", async (t) => {
    const { url, seen } = await aedesBroker(t, ["k6-user-1-1"]);
    const { code, stderr, summary, of } = await run(t, url, {
      scenario: "fan-out",
      k6: OUR_K6,
      env: FAN_OUT,
    });
    assert.equal(code, 99, stderr);
    assert.match(summary.reason, /session/);
    assert.deepEqual([of("ws_message_errors{reason:error_reply}"), seen.refused], [1, 1]);
  });
});

describe("MQTT 5 with QoS 1 on mosquitto", () => {
  const run = (t: TestContext, url: string, command: K6Command) => runExample(t, "mqtt-5", url, command);

  /** Fails in continuous integration, where mosquitto is to be installed. */
  const broker = async (t: TestContext, publishersApart = false) => {
    const found = await mosquitto(t, { publishersApart });
    if (found) return found;
    assert.ok(!process.env.CI, "mosquitto is not installed");
    t.skip("mosquitto is not installed");
    return undefined;
  };

  test("chat-soak: each probe is published and acknowledged once", async (t) => {
    const found = await broker(t);
    if (!found) return;
    const { code, verdict, stderr, of } = await run(t, found.url, { scenario: "chat-soak", env: SOAK });
    assert.deepEqual({ code, verdict }, { code: 0, verdict: "pass" }, stderr);
    const seen = await found.counts();
    assert.ok(seen.probes > 0, JSON.stringify(seen));
    assert.deepEqual(
      [of("ws_sessions_opened"), of("ws_probes"), of("ws_replies")],
      [seen.connected, seen.probes, seen.acknowledged],
    );
  });

  test("fan-out: each delivery counts once and is acknowledged", async (t) => {
    const found = await broker(t);
    if (!found) return;
    const { code, verdict, stderr, of } = await run(t, found.url, {
      scenario: "fan-out",
      k6: OUR_K6,
      env: FAN_OUT,
    });
    assert.deepEqual({ code, verdict }, { code: 0, verdict: "pass" }, stderr);
    const seen = await found.counts();
    assert.ok(seen.published > 20, JSON.stringify(seen));
    assert.deepEqual(
      [of("ws_publications"), of("ws_deliveries"), of("ws_deliveries") + of("ws_publications")],
      [seen.published, 10 * seen.published, seen.delivered],
    );
    assert.equal(seen.deliveriesAcknowledged, seen.delivered);
  });

  for (const [scenario, load, publishers] of [
    ["fan-out", FAN_OUT, 2],
    [
      "ordering",
      {
        CONNECTIONS: 6,
        ROOMS: 2,
        DURATION: "1s",
        MESSAGE_INTERVAL: "50ms",
        REPLY_TIMEOUT: "10s",
        WS_TOKEN: "",
      },
      6,
    ],
  ] as const) {
    test(`${scenario}: publishers are at a second listener, since nobody may publish at the first`, async (t) => {
      const found = await broker(t, true);
      if (!found) return;
      const k6 = scenario === "fan-out" ? { k6: OUR_K6 } : {};
      const env = { ...load, PUBLISH_URL: found.publishUrl };
      const { code, verdict, stderr, of } = await run(t, found.url, { scenario, ...k6, env });
      assert.deepEqual({ code, verdict }, { code: 0, verdict: "pass" }, stderr);
      const seen = await found.counts();
      const each = load.CONNECTIONS / load.ROOMS;
      assert.ok(seen.published > 20, JSON.stringify(seen));
      assert.deepEqual(
        [of("ws_sessions_opened"), of("ws_publications"), of("ws_deliveries"), of("ws_messages_lost")],
        [load.CONNECTIONS + publishers, seen.published, each * seen.published, 0],
      );
      // Publishers subscribe too, and have copies that are nobody's.
      assert.equal(seen.delivered, (each + publishers / load.ROOMS) * seen.published);
      assert.equal(seen.denied, 0);
    });
  }
});
