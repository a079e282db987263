import type { IncomingMessage } from "node:http";

/** The request's target as a URL; undefined when it is none (`//`, for one). */
export function requestUrl(request: IncomingMessage): URL | undefined {
  try {
    return new URL(request.url ?? "/", "http://server");
  } catch {
    return undefined;
  }
}
