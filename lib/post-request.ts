/** The request that carries a message beside a connection, and what its answer means. Pure. */
import type { Identity } from "./identity.ts";
import type { HttpSpec } from "./protocols/index.ts";
import { parsePathTemplate, stringValue } from "./protocols/template.ts";
import { forwardedRefusal, type ProxyServer } from "./proxy.ts";
import { type MessageReason, saysExhausted } from "./reasons.ts";
import { canonicalHeaders } from "./request.ts";
import { originOf } from "./url.ts";

/** Headers that ask for a stream, and none of a message's. */
const OF_THE_STREAM = ["Accept", "Cache-Control", "Last-Event-Id", "Accept-Encoding"];

/** How a message is sent. */
export interface PostSpec extends HttpSpec {
  /** The URL, whatever `path` says. Default: `path` on the connection's server. */
  readonly to?: string | undefined;
}

export interface PostRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: { readonly [name: string]: string };
}

/** The request that sends a message of the connection's own. */
export function postRequest(
  { url, headers, variables }: Identity,
  { method = "POST", path, headers: own = {}, to }: PostSpec,
): PostRequest {
  const endpoint = url.replace(/^ws/i, "http"); // a WebSocket's server answers HTTP on the same port
  const scope = (name: string) => stringValue(variables[name] ?? "");
  const usual = Object.entries(headers).filter(([name]) => !OF_THE_STREAM.includes(name));
  return {
    method,
    url: to ?? (path === undefined ? endpoint : originOf(endpoint) + parsePathTemplate(path).expand(scope)),
    headers: { "Content-Type": "application/json", ...Object.fromEntries(usual), ...canonicalHeaders(own) },
  };
}

/** Why a message was not taken. */
export interface PostFailure {
  readonly reason: Extract<MessageReason, "error_reply" | "generator" | "proxy" | "unsent">;
  /** `http_503`, or what k6 says of a request without an answer. */
  readonly said: string;
}

/** An answer; status 0 says that there was none, and the error why. */
export interface PostAnswer {
  readonly status: number;
  readonly error: string;
}

/**
 * The fault of a message sent by HTTP; undefined where the server took it. In the engine it is `refusal` of
 * `extension/binding/post.go`: one table of fixtures holds both.
 */
export function postFailure(
  url: string,
  proxy: ProxyServer | undefined,
  { status, error }: PostAnswer,
): PostFailure | undefined {
  if (status === 0 && saysExhausted(error)) return { reason: "generator", said: error };
  if (status === 0) return { reason: proxy ? "proxy" : "unsent", said: error };
  if (status >= 200 && status < 300) return undefined;
  const reason = forwardedRefusal(proxy, url, status) ? "proxy" : "error_reply";
  return { reason, said: `http_${status}` };
}
