// A chat under load for ten minutes: everybody joins a room, stays a minute, and asks for an echo every ten seconds.
//   k6 run -e WS_URL=wss://chat.example.com/ws -e WS_TOKEN=… chat-soak.js
import exec from "k6/execution";
import {
  MeasuredSocket,
  ROUND_TRIP_METRICS,
  RoundTrips,
  SOCKET_METRICS,
  script,
  sleep,
} from "k6-realtime/k6";

const STAY = __ENV.STAY ?? "60s";

/** How long the stages take can be shortened for a trial: `-e PACE=0.01`. */
const stage = (seconds: number, target: number) => ({
  duration: `${Math.ceil(seconds * Number(__ENV.PACE ?? 1))}s`,
  target,
});

const { options, iteration, record, handleSummary } = script({
  name: "chat-soak",
  records: [...ROUND_TRIP_METRICS, ...SOCKET_METRICS],
  options: {
    scenarios: {
      soak: {
        executor: "ramping-vus",
        startVUs: 0,
        stages: [stage(60, 100), stage(600, 100), stage(60, 0)],
        // Who is there may stay to the end: a session that k6 interrupts makes the run incomplete.
        gracefulRampDown: "90s",
        gracefulStop: "90s",
      },
    },
  },
  limits: {
    ws_connect_latency_ms: ["p(95)<500"],
    ws_msg_rtt_ms: ["p(50)<100", "p(95)<500", "p(99)<1000"],
    ws_reply_success_rate: ["rate>0.995"],
    ws_connection_drops: ["count<5"],
    ws_connect_failures: ["count==0"],
    ws_replies: ["count>0"],
  },
});

export { handleSummary, options };

export default () => iteration(session);

async function session() {
  const trips = new RoundTrips({ record, timeout: __ENV.REPLY_TIMEOUT ?? "5s" });
  const socket = new MeasuredSocket(__ENV.WS_URL ?? "ws://127.0.0.1:8080/ws/chat", {
    record,
    headers: { Authorization: `Bearer ${__ENV.WS_TOKEN ?? "test-token"}` },
    message: (data, at) => {
      const message = parse(data);
      if (message?.type === "echo_reply") trips.answered(message.echoId, at);
      else if (message?.type === "error") trips.failed(message.echoId);
      else if (message === undefined) record("ws_message_errors", 1, { reason: "unparsable" });
    },
    over: () => trips.over(),
  });
  if (!(await socket.opened)) return sleep("1s");
  socket.send(JSON.stringify({ type: "subscribe", room: `load-test-room-${exec.vu.idInTest % 10}` }));
  const every = __ENV.PROBE_INTERVAL ?? "10s";
  await trips.every({ every, for: STAY }, (echoId) => {
    socket.send(JSON.stringify({ type: "echo", echoId }));
  });
  await socket.close();
}

function parse(data: string | Uint8Array): { type: string; echoId: string } | undefined {
  try {
    return JSON.parse(String(data));
  } catch {
    return undefined;
  }
}
