// What late-session.test.ts has a real k6 do.
import { WebSocket } from "k6/x/realtime";
import { now } from "../../lib/k6/clock.ts";
import { Connection } from "../../lib/k6/connection.ts";
import { engineSocket } from "../../lib/k6/socket.ts";
import { compile } from "../../lib/protocols/index.ts";
import { ms } from "../../lib/units.ts";

export const options = { vus: 1, iterations: 1, maxDuration: "5m" };

/** The script is busy for longer than the session's first step may take, and only then sends it. */
export default async function () {
  const begun = now();
  const errors: string[] = [];
  const connection = new Connection({
    url: __ENV.WS_URL!,
    subprotocols: [],
    headers: {},
    variables: {},
    authenticate: false,
    protocol: compile({
      name: "late",
      session: [
        {
          send: '{"type":"subscribe","room":"a"}',
          await: { where: { "/type": "subscribed" } },
          within: "3s",
        },
      ],
    }),
    replyTimeout: ms(60_000),
    intended: begun,
    connectBy: ms(begun + 60_000),
    end: ms(begun + 60_000),
    connect: engineSocket(WebSocket),
    record: (metric, _, tags) => {
      if (metric === "ws_message_errors" || metric === "ws_connect_failures")
        errors.push(String(tags?.reason));
    },
    observe: ({ kind }) => {
      if (kind === "ready") connection.finish();
    },
  });
  while (now() < begun + 4_000); // the answer comes meanwhile
  const { kind } = await connection.outcome;
  console.log(`heard ${JSON.stringify({ kind, errors })}`);
}
