/** Routes to endpoints: what must be known, and refused, before there is a connection. Pure. */
import { authorityOf, bracketed, isAddress } from "./address.ts";
import { type ConnectTo, destinationOf, speaksOf } from "./connect-to.ts";
import { type ProxyServer, proxyFor } from "./proxy.ts";
import { type ConnectReason, isProxyReason } from "./reasons.ts";
import { type Settings, SettingsError } from "./settings.ts";
import { isEventStream, redactUrl } from "./url.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The kinds of proxies that k6's own sockets, the engine's and those of `try` can go by. */
const PROXY_SCHEMES: readonly string[] = ["http", "socks5"];

/**
 * Checks that each endpoint can be reached.
 *
 * @returns what `CONNECT_TO` says, as k6's option `hosts`
 * @throws {@link SettingsError} naming what no socket can do
 */
export function hostsOption(
  urls: readonly string[],
  { CONNECT_TO }: Settings<"CONNECT_TO">,
  env: Environment,
): Record<string, string> {
  for (const url of urls) {
    const proxy = proxyFor(url, env);
    if (!proxy) continue;
    requireUsable(proxy);
    if (destinationOf(url, CONNECT_TO)) {
      throw new SettingsError(
        `CONNECT_TO: expected no proxy to ${authorityOf(url).host}, since a proxy looks up names itself, got ${proxy.variable}: NO_PROXY may name it`,
      );
    }
  }
  return hostsFor(CONNECT_TO, urls);
}

function requireUsable({ variable, scheme, host }: ProxyServer): void {
  if (host !== "" && PROXY_SCHEMES.includes(scheme)) return;
  const expected = PROXY_SCHEMES.map((one) => `${one}://`).join(" or ");
  throw new SettingsError(
    `${variable}: expected ${host === "" ? `the URL of a proxy, ${expected}` : `an ${expected} proxy`}, got ${host === "" ? "something else" : `${scheme}://`}; NO_PROXY may except the server`,
  );
}

/**
 * For who asks by plain HTTP, too: a proxy forwards that, and answers in the server's place.
 *
 * @throws {@link SettingsError} where connections to a `ws://` URL go by a proxy
 */
export function requireNoForwarding(url: string, env: Environment): void {
  const { host, isSecure } = authorityOf(url);
  const proxy = isSecure ? undefined : proxyFor(url, env);
  if (!proxy) return;
  throw new SettingsError(
    `${proxy.variable}: expected no proxy to ${host} for this scenario, which asks by HTTP, too, where a proxy answers in the server's place: use wss://, or have NO_PROXY name the server`,
  );
}

/** The proxies that connections go by, in words: one for each, without credentials. */
export function proxiesOf(urls: readonly string[], env: Environment): string[] {
  const words = urls.map((url) => {
    const proxy = proxyFor(url, env);
    return proxy && `${proxy.scheme}://${bracketed(proxy.host)}:${proxy.port} (${proxy.variable})`;
  });
  return [...new Set(words.filter((word) => word !== undefined))];
}

/**
 * What went wrong with a connection, in a sentence that names whose doing it was.
 *
 * @param answer what came instead, in words
 */
export function describeFailure(
  url: string,
  reason: ConnectReason,
  answer: string,
  env: Environment,
): string {
  const { host, port } = authorityOf(url);
  if (isProxyReason(reason)) {
    return `expected the proxy ${proxiesOf([url], env).join()} to open a tunnel to ${bracketed(host)}:${port}, got ${answer}`;
  }
  const [, tried] = /^dial tcp (\d+\.\d+\.\d+\.\d+):/.exec(answer) ?? [];
  const isNamed = tried !== undefined && !isAddress(host);
  const hint = isNamed
    ? `; of a name's addresses k6 tries one, ${tried} here: K6_DNS=policy=preferIPv6 is for a server that has IPv6 alone`
    : "";
  const wanted = isEventStream(url)
    ? "answer with an event stream (200)"
    : "accept a WebSocket upgrade (101)";
  return `expected ${redactUrl(url)} to ${wanted}, got ${answer}${hint}`;
}

function hostsFor(entries: readonly ConnectTo[], urls: readonly string[]): Record<string, string> {
  const endpoints = urls.map(authorityOf);
  const idle = entries.find((entry) => !endpoints.some(({ host, port }) => speaksOf(entry, host, port)));
  if (idle) {
    const wanted = [...new Set(endpoints.map(({ host, port }) => `${host}:${port}`))].join(", ");
    throw new SettingsError(
      `CONNECT_TO: expected entries for ${wanted}, got one for ${idle.host || "any host"}:${idle.port ?? "any port"}`,
    );
  }
  const hosts: Record<string, string> = {};
  for (const url of urls) {
    const to = destinationOf(url, entries);
    if (!to) continue;
    const { host, port } = authorityOf(url);
    // k6's option takes neither IPv6 nor underscores (validHostPattern in lib/types/hosts.go).
    if (!/^([a-z\d]([a-z\d-]*[a-z\d])?\.)*[a-z\d]([a-z\d-]*[a-z\d])?$/i.test(host)) {
      throw new SettingsError(
        `CONNECT_TO: expected a URL whose host is a name of letters, digits, - and ., or an IPv4 address, got ${host}`,
      );
    }
    hosts[`${host.toLowerCase()}:${port}`] = `${bracketed(to.address)}:${to.toPort ?? port}`;
  }
  return hosts;
}
