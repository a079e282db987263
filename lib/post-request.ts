/** The request that carries a message beside a connection. Pure. */
import type { Identity } from "./identity.ts";
import type { HttpSpec } from "./protocols/index.ts";
import { parsePathTemplate, stringValue } from "./protocols/template.ts";
import { canonicalHeaders } from "./request.ts";
import { originOf } from "./url.ts";

/** Headers that ask for a stream, and none of a message's. */
const OF_THE_STREAM = ["Accept", "Cache-Control", "Last-Event-Id", "Accept-Encoding"];

export interface PostRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: { readonly [name: string]: string };
}

/** The request that sends a message of the connection's own. */
export function postRequest(
  { url, headers, variables }: Identity,
  { method = "POST", path, headers: own = {} }: HttpSpec,
): PostRequest {
  const scope = (name: string) => stringValue(variables[name] ?? "");
  const usual = Object.entries(headers).filter(([name]) => !OF_THE_STREAM.includes(name));
  return {
    method,
    url: path === undefined ? url : originOf(url) + parsePathTemplate(path).expand(scope),
    headers: { "Content-Type": "application/json", ...Object.fromEntries(usual), ...canonicalHeaders(own) },
  };
}
