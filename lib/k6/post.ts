import http from "k6/http";
import type { Identity } from "../identity.ts";
import type { HttpSpec } from "../protocols/index.ts";
import { parsePathTemplate, stringValue } from "../protocols/template.ts";
import { canonicalHeaders } from "../request.ts";
import { originOf } from "../url.ts";
import type { Frame } from "./socket.ts";

/** Headers that ask for a stream, and none of a message's. */
const OF_THE_STREAM = ["Accept", "Cache-Control", "Last-Event-Id", "Accept-Encoding"];

/**
 * Sends a message beside its connection, as whoever the connection is.
 *
 * @returns what went wrong, as `http_503` or in words; undefined where the server took it
 */
export async function post(
  { url, headers, variables }: Identity,
  { method = "POST", path, headers: own = {} }: HttpSpec,
  message: Frame,
  timeoutMs: number,
): Promise<string | undefined> {
  const scope = (name: string) => stringValue(variables[name] ?? "");
  const to = path === undefined ? url : originOf(url) + parsePathTemplate(path).expand(scope);
  const usual = Object.entries(headers).filter(([name]) => !OF_THE_STREAM.includes(name));
  const body = typeof message === "string" ? message : message.slice().buffer;
  try {
    const { status, error } = await http.asyncRequest(method, to, body, {
      headers: { "Content-Type": "application/json", ...Object.fromEntries(usual), ...canonicalHeaders(own) },
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
