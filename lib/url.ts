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
 * the one that is there, and a path goes before it. What a request line cannot have is percent-encoded as browsers do.
 */
export function appendToUrl(url: string, addition: string): string {
  const [base = "", query] = split(url);
  const [path, more] = split(addition);
  const queries = [query, more].filter((part) => part !== undefined && part !== "");
  const joined = path === "" ? base : base.replace(/\/$/, "") + path;
  return inAscii(queries.length > 0 ? `${joined}?${queries.join("&")}` : joined);
}

const inAscii = (url: string): string =>
  url.replace(
    /^(\w+:\/\/[^/?]*)(.*)$/s,
    (_, host, rest) => host + rest.replace(/[^\0-\x7f]+/g, encodeURIComponent),
  );

function split(url: string): [path: string, query: string | undefined] {
  const at = url.indexOf("?");
  return at < 0 ? [url, undefined] : [url.slice(0, at), url.slice(at + 1)];
}
