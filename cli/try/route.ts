/** The route of the one connection that is tried: addresses, proxy, TLS, as k6 would take it. */
import { lookup } from "node:dns/promises";
import { connect, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as startTls } from "node:tls";
import { authorityOf } from "../../lib/address.ts";
import type { ProxyServer } from "../../lib/proxy.ts";
import { ofProxy } from "../../lib/reasons.ts";
import { type Ms, ms } from "../../lib/units.ts";
import { ConnectError, reasonOf } from "./handshake.ts";
import { nameOf, throughProxy } from "./proxy.ts";

/** Which of a name's addresses are tried, and which first: k6's option `dns.policy`. */
export const DNS_POLICIES = ["preferIPv4", "preferIPv6", "onlyIPv4", "onlyIPv6", "any"] as const;
export type DnsPolicy = (typeof DNS_POLICIES)[number];

/** What the network options say. */
export interface Network {
  /** k6's option `hosts`: names in lower case, with or without a port, or behind a `*`. */
  readonly hosts: Readonly<Record<string, string>>;
  readonly policy: DnsPolicy;
  readonly proxy: ProxyServer | undefined;
  readonly tls: ConnectionOptions;
  /** The faults of the trusted authorities that the environment names, in sentences. Default none. */
  readonly untrusted?: readonly string[];
}

/** A route to one server, used once. */
export class Route {
  readonly #url: string;
  readonly #network: Network;
  readonly #signal: AbortSignal;
  readonly #protocols: readonly string[];
  #isTunnelled = false;

  /**
   * @param signal gives up connecting
   * @param protocols what TLS offers above it
   */
  constructor(url: string, network: Network, signal: AbortSignal, protocols = ["http/1.1"]) {
    this.#url = url;
    this.#network = network;
    this.#signal = signal;
    this.#protocols = protocols;
  }

  /** Whether the wait is for a proxy, or for the connection to it. */
  get awaitsProxy(): boolean {
    return this.#network.proxy !== undefined && !this.#isTunnelled;
  }

  /**
   * Connects.
   *
   * @param within how long all addresses together may take
   * @throws {@link ConnectError}
   */
  async connect(within: Ms): Promise<Socket> {
    const { proxy } = this.#network;
    const { host, port, isSecure } = authorityOf(this.#url);
    const socket = await this.#dial(proxy?.host ?? host, proxy?.port ?? port, within).catch((error) => {
      const [reason, detail] = reasonOf(error);
      throw proxy ? new ConnectError(ofProxy(reason), `the proxy ${nameOf(proxy)}: ${detail}`) : error;
    });
    this.#signal.addEventListener("abort", () => socket.destroy(), { once: true });
    if (proxy) await throughProxy(socket, proxy, host, port);
    this.#isTunnelled = true;
    return isSecure ? this.#secure(socket, host) : socket;
  }

  async #secure(socket: Socket, host: string): Promise<Socket> {
    const { tls, untrusted = [] } = this.#network;
    return secure(socket, host, tls, this.#protocols).catch((error) => {
      const [reason, detail] = reasonOf(error);
      throw reason === "tls" ? new ConnectError(reason, [detail, ...untrusted].join("; ")) : error;
    });
  }

  async #dial(host: string, port: number, within: Ms): Promise<Socket> {
    const by = performance.now() + within;
    const to = aliasOf(this.#network.hosts, host, port);
    const addresses = to ? [to] : (await this.#addressesOf(host)).map((address) => ({ address, port }));
    let first: unknown;
    for (const [index, { address, port }] of addresses.entries()) {
      const share = Math.max((by - performance.now()) / (addresses.length - index), 1);
      try {
        return await open(address, port, ms(share), this.#signal);
      } catch (error) {
        first ??= error;
        this.#signal.throwIfAborted();
      }
    }
    throw first;
  }

  /** All of them, in the order in which they are tried. */
  async #addressesOf(host: string): Promise<string[]> {
    if (isIP(host)) return [host];
    const found = (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address);
    // Both, whatever the hosts file says (RFC 6761 section 6.3).
    const all = [...new Set([...found, ...(host === "localhost" ? ["127.0.0.1", "::1"] : [])])];
    const ordered = inOrder(all, this.#network.policy);
    if (ordered.length > 0) return ordered;
    throw new ConnectError("dns", `the host name has no address that ${this.#network.policy} allows`);
  }
}

function inOrder(addresses: readonly string[], policy: DnsPolicy): string[] {
  const ofFamily = (family: number) => addresses.filter((address) => isIP(address) === family);
  switch (policy) {
    case "preferIPv4":
      return [...ofFamily(4), ...ofFamily(6)];
    case "preferIPv6":
      return [...ofFamily(6), ...ofFamily(4)];
    case "onlyIPv4":
      return ofFamily(4);
    case "onlyIPv6":
      return ofFamily(6);
    case "any":
      return [...addresses];
  }
}

/**
 * The target to which `hosts` sends connections. An entry with the port precedes one without; of several patterns the
 * longest wins.
 */
export function aliasOf(
  hosts: Network["hosts"],
  host: string,
  port: number,
): { address: string; port: number } | undefined {
  const match = (name: string): string | undefined => {
    const wild = Object.keys(hosts)
      .filter((key) => key.startsWith("*") && name.endsWith(key.slice(1)))
      .sort((a, b) => b.length - a.length);
    return hosts[name] ?? (wild[0] === undefined ? undefined : hosts[wild[0]]);
  };
  const to = match(`${host.toLowerCase()}:${port}`) ?? match(host.toLowerCase());
  if (to === undefined) return undefined;
  const [, inBrackets, plain = "", toPort] = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(to) ?? [
    undefined,
    undefined,
    to,
  ];
  return { address: inBrackets ?? plain, port: Number(toPort ?? port) };
}

function open(address: string, port: number, within: Ms, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, noDelay: true });
    const late = () => fail(Object.assign(new Error(`${address}: no answer in time`), { code: "ETIMEDOUT" }));
    const timer = setTimeout(late, within);
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", late);
    };
    const fail = (error: Error) => {
      settle();
      socket.on("error", () => {}).destroy();
      reject(error);
    };
    signal.addEventListener("abort", late);
    socket.once("error", fail).once("connect", () => {
      settle();
      socket.off("error", fail);
      resolve(socket);
    });
  });
}

/** TLS over a socket that stands; the certificate must be the host's. */
function secure(
  socket: Socket,
  host: string,
  options: ConnectionOptions,
  protocols: readonly string[],
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const secured = startTls({
      ...options,
      socket,
      host,
      ...(isIP(host) === 0 && { servername: host }),
      ALPNProtocols: [...protocols],
    });
    secured.once("error", reject).once("secureConnect", () => {
      secured.off("error", reject);
      resolve(secured);
    });
  });
}
