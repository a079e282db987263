/**
 * Which proxy the environment names for a WebSocket endpoint: by the rules of Go's net/http, which k6's own sockets
 * and the engine follow. Pure.
 */
import { authorityOf, type Bytes, bytesOf, splitAuthority } from "./address.ts";
import type { LoginReason, ProxyReason } from "./reasons.ts";

/** What a proxy's variable says. */
export interface ProxyServer {
  /** The variable, as it is spelt in the environment. */
  readonly variable: string;
  /** In lower case, such as `http`; empty if the variable is not a URL. */
  readonly scheme: string;
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  /** Empty for none. To an HTTP proxy it is sent only with a password. */
  readonly user: string;
  readonly password?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The proxy for an HTTP request to a URL; undefined for none. */
export const proxyForHttp = (url: string, env: Environment): ProxyServer | undefined =>
  proxyFor(url.replace(/^http/i, "ws"), env);

/** The proxy for connections to a `ws://` or `wss://` URL; undefined for none. A loopback address never has one. */
export function proxyFor(url: string, env: Environment): ProxyServer | undefined {
  const { host, port, isSecure } = authorityOf(url);
  if (host === "") return undefined;
  if (!isProxied(host, String(port), firstOf(env, "NO_PROXY", "no_proxy")?.[1] ?? "")) return undefined;
  const [variable, value] =
    (isSecure ? firstOf(env, "HTTPS_PROXY", "https_proxy") : firstOf(env, "HTTP_PROXY", "http_proxy")) ?? [];
  return variable === undefined ? undefined : parse(variable, value!);
}

/** What a proxy that forwards plain HTTP answers in the server's place, or the server behind it: nothing tells the two apart. */
const FORWARDED_REFUSALS: Readonly<Record<number, ProxyReason & LoginReason>> = {
  407: "proxy_407",
  502: "proxy_502",
  503: "proxy_503",
  504: "proxy_504",
};

/**
 * Why an HTTP request was refused where it may be the proxy's doing; undefined where the answer is certainly the server's.
 * A proxy does not see HTTPS, and a SOCKS proxy no HTTP.
 */
export function forwardedRefusal(
  proxy: ProxyServer | undefined,
  url: string,
  status: number,
): (ProxyReason & LoginReason) | undefined {
  return proxy?.scheme === "http" && /^http:/i.test(url) ? FORWARDED_REFUSALS[status] : undefined;
}

/** The first of these variables that is not empty. */
function firstOf(env: Environment, ...names: string[]): [name: string, value: string] | undefined {
  for (const name of names) {
    const value = env[name];
    if (value) return [name, value];
  }
  return undefined;
}

const PROXY_URL = /^([a-z][a-z\d+.-]*):\/\/(?:([^/?#]*)@)?([^/?#@\s]+)([/?#]|$)/i;
const STANDARD_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443, socks5: 1080 };

/** A text that is not a URL may be one without its scheme. */
const parse = (variable: string, value: string): ProxyServer =>
  parseUrl(variable, value) ??
  parseUrl(variable, `http://${value}`) ?? { variable, scheme: "", host: "", port: 0, user: "" };

function parseUrl(variable: string, url: string): ProxyServer | undefined {
  const [, written = "", credentials = "", authority = ""] = PROXY_URL.exec(url) ?? [];
  const [host, port = ""] = splitAuthority(authority);
  const [, name = "", secret] = /^([^:]*)(?::(.*))?$/s.exec(credentials) ?? [];
  const [user, password] = [decoded(name), decoded(secret ?? "")];
  if (host === "" || !/^\d*$/.test(port) || user === undefined || password === undefined) return undefined;
  const scheme = written.toLowerCase();
  return {
    variable,
    scheme,
    host,
    port: Number(port || (STANDARD_PORTS[scheme] ?? 80)),
    user,
    ...(secret !== undefined && { password }),
  };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Whether connections to a host go through a proxy. */
function isProxied(host: string, port: string, noProxy: string): boolean {
  if (host === "localhost") return false;
  const address = bytesOf(host);
  if (address && isLoopback(address)) return false;
  return !noProxy
    .split(",")
    .some((entry) => excepts(entry.trim().toLowerCase(), host.toLowerCase(), address, port));
}

/** Whether an entry of NO_PROXY speaks of a host: `*`, a name, `*.name`, an address or a network, also with a port. */
function excepts(entry: string, host: string, address: Bytes | undefined, port: string): boolean {
  if (entry === "") return false;
  if (entry === "*") return true;
  const [, network, bits] = /^([^/]+)\/(\d{1,3})$/.exec(entry) ?? [];
  if (network !== undefined) {
    const prefix = bytesOf(network);
    return !!prefix && !!address && isWithin(address, prefix, Number(bits));
  }
  const whole = bytesOf(entry);
  const [name, only] = whole ? [entry, undefined] : splitAuthority(entry);
  if (name === "" || (only !== undefined && only !== port)) return false;
  const exception = whole ?? bytesOf(name);
  if (exception) return !!address && isWithin(address, exception, exception.length * 8);
  if (address) return false;
  const suffix = name.startsWith("*.") ? name.slice(1) : name;
  return suffix.startsWith(".") ? host.endsWith(suffix) : host === suffix || host.endsWith(`.${suffix}`);
}

const isLoopback = (address: Bytes): boolean =>
  address.length === 4 ? address[0] === 127 : address.every((byte, i) => byte === (i === 15 ? 1 : 0));

function isWithin(address: Bytes, prefix: Bytes, bits: number): boolean {
  if (address.length !== prefix.length || bits > prefix.length * 8) return false;
  return address.every((byte, i) => {
    const free = Math.min(8, Math.max(0, 8 * (i + 1) - bits));
    return byte >> free === prefix[i]! >> free;
  });
}
