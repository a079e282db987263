import http from "k6/http";
import type { Identity } from "../identity.ts";
import { withoutQueries } from "../peer-text.ts";
import { type PostFailure, type PostSpec, postFailure, postRequest } from "../post-request.ts";
import { proxyForHttp } from "../proxy.ts";
import type { Frame } from "./socket.ts";

/**
 * Sends a message beside its connection, as whoever the connection is.
 *
 * @returns what went wrong; undefined where the server took it
 */
export async function post(
  identity: Identity,
  spec: PostSpec,
  message: Frame,
  timeoutMs: number,
): Promise<PostFailure | undefined> {
  const { method, url, headers } = postRequest(identity, spec);
  const proxy = proxyForHttp(url, __ENV);
  const body = typeof message === "string" ? message : message.slice().buffer;
  const failure = (status: number, said: string) =>
    postFailure(url, proxy, { status, error: withoutQueries(said) });
  try {
    const { status, error } = await http.asyncRequest(method as "POST", url, body, {
      headers,
      jar: new http.CookieJar(),
      redirects: 0,
      timeout: timeoutMs,
      responseType: "none",
    });
    return failure(status, error);
  } catch (error) {
    return failure(0, String(error));
  }
}
