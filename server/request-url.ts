import type { IncomingMessage } from "node:http";

/** The request's target as a URL; undefined if it is not a URL (such as `//`). */
export function requestUrl(request: IncomingMessage): URL | undefined {
  try {
    return new URL(request.url ?? "/", "http://server");
  } catch {
    return undefined;
  }
}
