/** The requests of a login, sent as the one connection goes: by the same proxy, to the same addresses, with the same trust. */
import { type IncomingMessage, request as startRequest } from "node:http";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { HEADER_BYTES } from "../../lib/generator-faults.ts";
import type { HttpVersion } from "../../lib/http-version.ts";
import type { Identity } from "../../lib/identity.ts";
import {
  type HttpAnswer,
  type HttpRequest,
  hasFailed,
  type LoggedIn,
  type Login,
  type LoginFailure,
} from "../../lib/login/login.ts";
import { loginReason } from "../../lib/reasons.ts";
import { SettingsError } from "../../lib/settings.ts";
import { type Ms, ms } from "../../lib/units.ts";
import { redactUrl } from "../../lib/url.ts";
import type { Untimed } from "./event.ts";
import { reasonOf } from "./handshake.ts";
import { BOTH_VERSIONS, overHttp2 } from "./over-http2.ts";
import { type Network, Route } from "./route.ts";

/** The largest answer taken. */
const MOST_BYTES = 1_048_576;

/** How requests are sent. */
export interface Sending {
  readonly network: Network;
  readonly timeout: Ms;
  readonly userAgent: string | undefined;
  readonly signal: AbortSignal;
  /** With 2, HTTP/2 where TLS chooses it. Default 1.1. */
  readonly httpVersion?: HttpVersion["httpVersion"];
}

/** Logs in, and gives what is then known of the connection; nothing where that failed, which it has told. */
export type LogIn = (
  report: (event: Untimed, at: Ms) => unknown,
  signal: AbortSignal,
  hide: (secrets: readonly string[]) => void,
) => Promise<{ readonly identity: Identity; readonly network: Network } | undefined>;

/** Makes that of a login. */
export function logInBy(
  login: Login,
  variables: Identity["variables"],
  how: Pick<Sending, "timeout" | "userAgent"> & {
    networkOf(url: string): Promise<Network>;
    identityOf(given: LoggedIn): Identity;
  },
): LogIn {
  return async (report, signal, hide) => {
    const origin = performance.now();
    const tell = (event: Untimed) => report(event, ms(performance.now() - origin));
    const ask = async (request: HttpRequest) => {
      const network = await how.networkOf(asSocketUrl(request.url));
      const answer = await send(request, { ...how, network, signal });
      const status = hasFailed(answer) ? null : answer.status;
      tell({ event: "login-request", method: request.method, url: redactUrl(request.url), status });
      return answer;
    };
    const result = await login.perform(variables, ask);
    if (hasFailed(result)) {
      tell({ event: "login-failed", reason: result.reason, detail: result.said });
      return undefined;
    }
    hide(Object.values(result.variables));
    tell({ event: "logged-in", variables: Object.keys(result.variables) });
    try {
      const identity = how.identityOf(result);
      return { identity, network: await how.networkOf(identity.url) };
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      tell({ event: "login-failed", reason: "contract", detail: error.message });
      return undefined;
    }
  };
}

/** The URL of a connection that goes where a request goes. */
export const asSocketUrl = (url: string): string => url.replace(/^http/i, "ws");

/** Sends a request. Never rejects. */
export async function send(
  request: HttpRequest,
  { network, timeout, userAgent, signal: outer, httpVersion }: Sending,
): Promise<HttpAnswer | LoginFailure> {
  const late = AbortSignal.timeout(timeout);
  const signal = AbortSignal.any([outer, late]);
  try {
    const offers = httpVersion === "2" ? BOTH_VERSIONS : undefined;
    const socket = await new Route(asSocketUrl(request.url), network, signal, offers).connect(timeout);
    const isHttp2 = (socket as TLSSocket).alpnProtocol === "h2";
    return await exchange(request, isHttp2 ? (overHttp2(socket, true) as Socket) : socket, userAgent, signal);
  } catch (error) {
    if (late.aborted) return { reason: "timeout", said: `no answer within ${timeout} ms` };
    if (error instanceof TooLarge)
      return { reason: "contract", said: `an answer larger than ${MOST_BYTES} bytes` };
    const [reason, detail] = reasonOf(error as Error);
    return { reason: loginReason(reason), said: detail };
  }
}

class TooLarge extends Error {}

async function exchange(
  { method, url, headers, body }: HttpRequest,
  socket: Socket,
  userAgent: string | undefined,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const [, authority = "", target = ""] = /^\w+:\/\/([^/?]*)(.*)$/s.exec(url) ?? [];
  const bytes = body === undefined ? undefined : Buffer.from(body);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = startRequest({
      method,
      path: target.startsWith("/") ? target : `/${target}`,
      headers: {
        Host: authority,
        ...(userAgent && { "User-Agent": userAgent }),
        ...(bytes && { "Content-Length": bytes.length }),
        ...headers,
      },
      createConnection: () => socket,
      maxHeaderSize: HEADER_BYTES,
      signal,
    });
    outgoing.once("response", resolve).once("error", reject).end(bytes);
  });
  try {
    return {
      status: response.statusCode ?? 0,
      headers: Object.fromEntries(
        Object.entries(response.headers).map(([name, value]) => [name, String(value)] as const),
      ),
      cookies: cookiesOf(response.headers["set-cookie"] ?? []),
      body: await textOf(response),
    };
  } finally {
    socket.destroy();
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw new TooLarge();
  }
  return Buffer.concat(chunks).toString();
}

/** RFC 6265 section 5.2: name and value, without quotes around it. */
const cookiesOf = (lines: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    lines.flatMap((line) => {
      const [, name, value] = /^\s*([^=;\s]+)\s*=\s*"?([^;"]*?)"?\s*(?:;|$)/.exec(line) ?? [];
      return name === undefined ? [] : [[name, value!]];
    }),
  );
