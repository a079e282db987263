import http from "k6/http";
import type { Identity } from "../identity.ts";
import { postRequest } from "../post-request.ts";
import type { HttpSpec } from "../protocols/index.ts";
import type { Frame } from "./socket.ts";

/**
 * Sends a message beside its connection, as whoever the connection is.
 *
 * @returns what went wrong, as `http_503` or in words; undefined where the server took it
 */
export async function post(
  identity: Identity,
  spec: HttpSpec,
  message: Frame,
  timeoutMs: number,
): Promise<string | undefined> {
  const { method, url, headers } = postRequest(identity, spec);
  const body = typeof message === "string" ? message : message.slice().buffer;
  try {
    const { status, error } = await http.asyncRequest(method as "POST", url, body, {
      headers,
      jar: new http.CookieJar(),
      redirects: 0,
      timeout: timeoutMs,
      responseType: "none",
    });
    if (status >= 200 && status < 300) return undefined;
    return status > 0 ? `http_${status}` : error.replace(/\?\S*/g, "?…");
  } catch (error) {
    return String(error).replace(/\?\S*/g, "?…");
  }
}
