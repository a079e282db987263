import { fail } from "k6";
import http from "k6/http";
import ws from "k6/ws";
import type { Identity, Known } from "../identity.ts";
import { hasFailed } from "../login/login.ts";
import { peerText } from "../peer-text.ts";
import { forwardedRefusal, proxyForHttp } from "../proxy.ts";
import { type ConnectReason, connectReason, isProxyReason } from "../reasons.ts";
import type { UpgradeRequest } from "../request.ts";
import { describeFailure, proxiesOf } from "../route.ts";
import { type Ms, ms } from "../units.ts";
import { originOf, redactUrl } from "../url.ts";
import { callAt, now } from "./clock.ts";
import type { Record } from "./recorder.ts";
import { onStockSockets, Socket, type SocketOptions } from "./socket.ts";

/** A peer that does not answer a Close does not keep the load waiting. */
const CLOSE_WITHIN = ms(500);

/** A request of the check. */
export interface Asked extends UpgradeRequest {
  /** Its URL without what may be secret. */
  readonly shown: string;
  /** Whether connections that go there only publish. */
  readonly isPublishers?: boolean;
}

/** What else there is to ask, and how. */
export interface AskOptions {
  /** Makes the load's sockets, if not `k6/websockets` makes them. */
  readonly connect?: SocketOptions["connect"] | undefined;
  /** The URLs of publications by HTTP that go to no connection's server: any answer will do. */
  readonly publishUrls?: readonly string[];
}

/**
 * Asks each endpoint for a WebSocket upgrade, all at the same time, by the kind of socket that the load uses. If an
 * endpoint does not accept, ends the run, naming each such endpoint and its answer. To be called in `setup`, which
 * ends after the answers. It returns no promise, since k6 has another exit code for a rejected one.
 *
 * @param within how long each may take
 * @param accepted called once all have accepted; never if the run is interrupted before
 */
export function requireUpgrades(
  requests: readonly Asked[],
  within: Ms,
  record: Record,
  accepted: () => void,
  { connect, publishUrls = [] }: AskOptions = {},
): void {
  const refusals: Refusal[] = [];
  const origins = [...new Set(publishUrls.map(originOf))];
  let waiting = requests.length + origins.length;
  const done = () => {
    waiting--;
    if (waiting > 0) return;
    if (refusals.length === 0) accepted();
    else tell(refusals, within, record, onStockSockets && connect === undefined);
  };
  for (const origin of origins) {
    void unanswered(origin, within).then((said) =>
      callAt(now(), () => {
        if (said !== undefined) refusals.push(said);
        done();
      }),
    );
  }
  for (const request of requests) {
    const options = {
      ...request,
      connectBy: ms(now() + within),
      closeWithin: CLOSE_WITHIN,
      ...(connect && { connect }),
    };
    const socket = new Socket(options, {
      opened() {
        socket.leave();
        done();
      },
      failed(reason, error) {
        if (error === "aborted") return; // the run is interrupted, which is nobody's refusal
        refusals.push({ request, reason, error });
        done();
      },
      received() {},
      closed() {},
    });
  }
}

/** Logs each in, then asks. Otherwise fails the setup, past any promise. */
export function afterLogins(
  requests: readonly (Identity & Pick<Asked, "shown" | "isPublishers">)[],
  ask: (known: readonly Asked[]) => void,
): void {
  const all = requests.map(async ({ login, shown, isPublishers = false }) => ({
    asked: { shown, isPublishers },
    known: await login!.take(now()),
  }));
  void Promise.all(all).then((results) =>
    callAt(now(), () => {
      const refused = results.map(({ known }) => known).find(hasFailed);
      if (refused)
        fail(`expected a login before the load to succeed, got ${refused.reason}: ${refused.said}`);
      ask(results.map(({ known, asked }) => ({ ...(known as Known).identity, ...asked })));
    }),
  );
}

interface Refusal {
  /** The request; of one by HTTP, what it was sent to. */
  readonly request: Asked | string;
  readonly reason: ConnectReason;
  /** What the socket said. */
  readonly error: string;
}

function tell(refusals: readonly Refusal[], within: Ms, record: Record, hidesStatus: boolean): never {
  const told = refusals.map(({ request, reason, error }) => {
    if (typeof request === "string") {
      record("ws_connect_failures", 1, { reason });
      const by = isProxyReason(reason) ? ` from ${proxiesOf([request], __ENV).join()}` : "";
      return `expected ${request}, where publications go, to answer HTTP, got ${describe(reason, error, within)}${by}`;
    }
    const got = hidesStatus && reason === "http_rejected" ? askAgain(request) : error;
    record("ws_connect_failures", 1, { reason: connectReasonOf(reason, got) });
    return `${describeFailure(request.shown, reason, describe(reason, got, within), __ENV)}${request.isPublishers ? ", where publishers connect" : ""}${hintOf(request, got)}`;
  });
  return fail(told.join("; "));
}

/** Asks a server for anything by HTTP, with no credentials, and gives the fault where no answer comes. */
async function unanswered(origin: string, within: Ms): Promise<Refusal | undefined> {
  const proxy = proxyForHttp(origin, __ENV);
  const { status, error } = await http
    .asyncRequest("HEAD", `${origin}/`, null, {
      jar: new http.CookieJar(),
      redirects: 0,
      timeout: within,
      responseCallback: http.expectedStatuses({ min: 100, max: 599 }),
    })
    .catch((error) => ({ status: 0, error: String(error) }));
  if (status === 0) return { request: origin, reason: connectReason(error, proxy !== undefined), error };
  const reason = forwardedRefusal(proxy, origin, status);
  return reason && { request: origin, reason, error: `http_${status}` };
}

/** What an endpoint did, by what its socket said. */
function describe(reason: ConnectReason, error: string, within: Ms): string {
  const [named, status] = STATUS.exec(error) ?? [];
  if (named !== undefined) return `HTTP ${status}${peerText(error.slice(named.length))}`;
  if (reason.includes("timeout")) return `no answer within ${within / 1_000} s`;
  return error === "" ? reason : error;
}

/** How the engine's sockets name the status of a refusal, and {@link askAgain} does. The target of a redirect follows. */
const STATUS = /^(?:http|proxy)_(\d{3})(?=:|$)/;

/** The reason to count by: more than k6's socket knew, where {@link askAgain} found out. */
function connectReasonOf(reason: ConnectReason, error: string): ConnectReason {
  const [named] = STATUS.exec(error) ?? [];
  return named === undefined ? reason : connectReason(named);
}

/**
 * Stock k6's sockets hide the status of a refusal. The same request, sent once more by `k6/ws`, shows it; nothing is
 * sent twice where the first is accepted.
 */
function askAgain({ url, headers, subprotocols }: UpgradeRequest): string {
  const asked = subprotocols.length > 0 ? { "Sec-WebSocket-Protocol": subprotocols.join(", ") } : {};
  const params = { headers: { ...headers, ...asked }, jar: new http.CookieJar() };
  let accepted = false;
  const {
    status,
    error,
    headers: answered,
  } = ws.connect(url, params, (socket) => {
    accepted = true;
    socket.close();
  });
  if (accepted) return "a refusal at first; sent once more, the same request was accepted";
  if (status === 101) return "HTTP 101 that does not answer this handshake (RFC 6455 section 4.1)";
  if (!status) return `a refusal; sent once more, the same request failed: ${error}`;
  const to = 300 <= status && status <= 399 ? answered?.Location : undefined;
  return `http_${status}${to ? `: it redirects to ${redactUrl(to.replace(/[?#].*$/s, ""))}` : ""}`;
}

/** The most frequent cause of a 401 or 403. */
function hintOf({ headers, url }: UpgradeRequest, error: string): string {
  const sent = headers.Authorization !== undefined || headers.Cookie !== undefined || url.includes("?");
  return /^http_40[13](:|$)/.test(error) && !sent
    ? "; no credentials were sent, since WS_TOKEN is not given"
    : "";
}
