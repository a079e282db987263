import { fail } from "k6";
import http from "k6/http";
import ws from "k6/ws";
import { type ConnectReason, connectReason } from "../reasons.ts";
import type { UpgradeRequest } from "../request.ts";
import { describeFailure } from "../road.ts";
import { type Ms, ms } from "../units.ts";
import { callAt, now } from "./clock.ts";
import type { Record } from "./recorder.ts";
import { onStockSockets, Socket, type SocketOptions } from "./socket.ts";

/**
 * Ends the run unless each endpoint accepts a WebSocket upgrade, naming those that do not and what they did instead.
 * All are asked at the same time, by the kind of socket that the load uses. To be called in `setup`, whose end waits
 * for the answers.
 *
 * @param within how long each may take
 * @param connect makes the load's sockets, where they are not those of `k6/websockets`
 */
export function requireUpgrades(
  requests: readonly UpgradeRequest[],
  within: Ms,
  record: Record,
  connect?: SocketOptions["connect"],
): void {
  const refusals: {
    readonly request: UpgradeRequest;
    readonly reason: ConnectReason;
    readonly error: string;
  }[] = [];
  let waiting = requests.length;
  const done = () => {
    waiting--;
    if (waiting > 0 || refusals.length === 0) return;
    // On a turn of its own: k6 logs what a socket's listener throws, and goes on.
    callAt(now(), () => {
      const hidesStatus = onStockSockets && connect === undefined;
      const told = refusals.map(({ request, reason, error }) => {
        const got = hidesStatus && reason === "http_rejected" ? askAgain(request) : error;
        record("ws_connect_failures", 1, { reason: connectReasonOf(reason, got) });
        return `${describeFailure(request.url, reason, describe(reason, got, within), __ENV)}${hintOf(request, got)}`;
      });
      fail(told.join("; "));
    });
  };
  for (const request of requests) {
    const options = { ...request, connectBy: ms(now() + within), ...(connect && { connect }) };
    const socket = new Socket(options, {
      opened() {
        socket.leave();
        done();
      },
      failed(reason, error) {
        refusals.push({ request, reason, error });
        done();
      },
      received() {},
      closed() {},
    });
  }
}

/** What an endpoint did, by what its socket said. */
function describe(reason: ConnectReason, error: string, within: Ms): string {
  const [, status] = /^(?:http|proxy)_(\d{3})$/.exec(error) ?? [];
  if (status !== undefined) return `HTTP ${status}`;
  if (reason.includes("timeout")) return `no answer within ${within / 1_000} s`;
  return error === "" ? reason : error;
}

/** How the engine's sockets name the status of a refusal, and {@link askAgain} does. */
const STATUS = /^http_(\d{3})$/;

/** The reason to count by: more than k6's socket knew, where {@link askAgain} found out. */
const connectReasonOf = (reason: ConnectReason, error: string): ConnectReason =>
  STATUS.test(error) ? connectReason(error) : reason;

/**
 * Stock k6's sockets hide the status of a refusal. The same request, sent once more by `k6/ws`, shows it; nothing is
 * sent twice where the first is accepted.
 */
function askAgain({ url, headers, subprotocols }: UpgradeRequest): string {
  const asked = subprotocols.length > 0 ? { "Sec-WebSocket-Protocol": subprotocols.join(", ") } : {};
  const params = { headers: { ...headers, ...asked }, jar: new http.CookieJar() };
  let accepted = false;
  const { status, error } = ws.connect(url, params, (socket) => {
    accepted = true;
    socket.close();
  });
  if (accepted) return "a refusal at first; sent once more, the same request was accepted";
  if (status === 101) return "HTTP 101 that is no answer to this handshake (RFC 6455 section 4.1)";
  return status ? `http_${status}` : `a refusal; sent once more, the same request failed: ${error}`;
}

/** The most frequent cause of a 401 or 403. */
function hintOf({ headers, url }: UpgradeRequest, error: string): string {
  const sent = headers.Authorization !== undefined || headers.Cookie !== undefined || url.includes("?");
  return /^http_40[13]$/.test(error) && !sent
    ? "; no credentials were sent, since WS_TOKEN is not given"
    : "";
}
