import type { Endpoint } from "./endpoint.ts";
import { BINARY, encodeFrame, TEXT } from "./frame.ts";
import { wallNowMs } from "./wall-clock.ts";

/** `/ws/echo`: sends each message back as it came, text or binary. With `?welcome=1` it speaks first. */
export const echo: Endpoint = {
  open({ replies }, connection, url) {
    if (url.searchParams.get("welcome") === "1") {
      connection.sendJson({ type: "welcome", id: connection.id, timestamp: wallNowMs() });
    }
    return {
      message(data, isBinary, receivedAtMs) {
        replies.send(connection, "echo", receivedAtMs, encodeFrame(data, isBinary ? BINARY : TEXT));
      },
    };
  },
};
