/** The URL as it may be shown: without user, password and query, where tokens travel. */
export function redactUrl(url: string): string {
  return url.replace(/\/\/[^/?#]*@/, "//").replace(/\?.*$/s, "?…");
}

/** As {@link redactUrl}, of a connection's URL, whose path may hold the token too. */
export function redactUrlOf({
  url,
  variables: { token },
}: {
  readonly url: string;
  readonly variables: { readonly [name: string]: string };
}): string {
  const shown = redactUrl(url);
  if (!token) return shown;
  const [, host = "", path = ""] = /^(\w+:\/\/[^/]*)(.*)$/s.exec(shown) ?? ["", "", shown];
  return host + path.replaceAll(encodeURIComponent(token), "…").replaceAll(token, "…");
}

/**
 * Appends to an endpoint's URL what a protocol adds: a path, a query (`?room=1`), or both. A query joins
 * the one that is there, and a path goes before it.
 */
export function appendToUrl(url: string, addition: string): string {
  const [base = "", query] = split(url);
  const [path, more] = split(addition);
  const queries = [query, more].filter((part) => part !== undefined && part !== "");
  const joined = path === "" ? base : base.replace(/\/$/, "") + path;
  return queries.length > 0 ? `${joined}?${queries.join("&")}` : joined;
}

/** Whether the URL's query has a parameter of that name. */
export function hasParameter(url: string, name: string): boolean {
  const [, query = ""] = split(url);
  return query.split("&").some((pair) => pair.replace(/=.*$/s, "") === name);
}

/** The URL without the parameters of that name. */
export function withoutParameter(url: string, name: string): string {
  const [base, query] = split(url);
  const kept = (query ?? "").split("&").filter((pair) => pair !== "" && pair.replace(/=.*$/s, "") !== name);
  return kept.length > 0 ? `${base}?${kept.join("&")}` : base;
}

/**
 * Text of a path or query as a request line takes it. Characters that RFC 3986 does not allow there are
 * percent-encoded, so that no client encodes them in its own way. Existing percent-encodings stay.
 */
export const encodeTarget = (text: string): string =>
  text.replace(/%(?![\da-f]{2})/gi, "%25").replace(/[^\w\-.~!$&'()*+,;=:@/?[\]%]+/g, encodeURIComponent);

/** Why a URL cannot be an endpoint: `message` continues "expected". */
export class EndpointError extends Error {}

/**
 * The URL with its scheme, host and port as every client writes them: the host in lower case, no port where it is the
 * scheme's own. Path and query stay.
 *
 * @throws {@link EndpointError}
 */
export function endpointOf(url: string): string {
  const [, scheme, host = "", port = "", rest = ""] =
    /^(wss?|https?):\/\/(\[[^\]/?#]*\]|[^:/?#[\]]*)(?::([^/?#]*))?([/?].*)?$/s.exec(url) ?? [];
  if (scheme === undefined) throw new EndpointError("a ws:// or wss:// URL with a host");
  if (host.includes("$"))
    throw new EndpointError("no variable in the host: it may stand in the path and the query");
  if (/[^\x21-\x7e]/.test(host))
    throw new EndpointError("the host in ASCII: xn--… for a name in other letters");
  if (!/^(\[[\da-f:.]+\]|[\w.-]+)$/i.test(host)) throw new EndpointError("a host's name or address");
  if (!/^\d{0,5}$/.test(port) || (port !== "" && (Number(port) < 1 || Number(port) > 65_535))) {
    throw new EndpointError("a port from 1 to 65535");
  }
  const isOwn = port === "" || Number(port) === (isSecure(scheme) ? 443 : 80);
  return `${scheme}://${host.toLowerCase()}${isOwn ? "" : `:${Number(port)}`}${rest}`;
}

const isSecure = (scheme: string): boolean => scheme === "wss" || scheme === "https";

/** Whether connections to the URL are event streams, not WebSockets. */
export const isEventStream = (url: string): boolean => /^https?:/i.test(url);

/** Scheme, host and port of a URL. */
export const originOf = (url: string): string => /^\w+:\/\/[^/?#]*/.exec(url)?.[0] ?? url;

function split(url: string): [path: string, query: string | undefined] {
  const at = url.indexOf("?");
  return at < 0 ? [url, undefined] : [url.slice(0, at), url.slice(at + 1)];
}
