import type { Endpoint } from "./endpoint.ts";
import { BINARY, encodeFrame, TEXT } from "./frame.ts";
import { wallNowMs } from "./wall-clock.ts";

/** `/ws/echo`: sends each message back as it came, text or binary, in order. With `?welcome=1` it speaks first. */
export const echo: Endpoint = {
  path: /^\/ws\/echo$/,
  open({ replies }, connection, _session, url) {
    if (url.searchParams.get("welcome") === "1") {
      connection.sendJson({ type: "welcome", id: connection.id, timestamp: wallNowMs() });
    }
    const reply = replies.inOrder(connection);
    return {
      message(data, isBinary, receivedAtMs) {
        reply({ name: "echo", frame: encodeFrame(data, isBinary ? BINARY : TEXT), receivedAtMs });
      },
    };
  },
};
