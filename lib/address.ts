/** Hosts, ports and IP addresses, where there is no URL class: k6 has none. Pure. */

/** Of an IPv4 or IPv6 address; an IPv4 address written as one of IPv6 is one of IPv4. */
export type Bytes = readonly number[];

/**
 * Host, without brackets, and port of a `ws://`, `wss://`, `http://` or `https://` URL; the host of any other text is
 * empty.
 */
export function authorityOf(url: string): { host: string; port: number; isSecure: boolean } {
  const [, scheme = "", authority = ""] = /^(wss?|https?):\/\/([^/?#]*)/i.exec(url) ?? [];
  const isSecure = ["wss", "https"].includes(scheme.toLowerCase());
  const [host, port] = splitAuthority(authority);
  return { host, port: Number(port ?? (isSecure ? 443 : 80)), isSecure };
}

/** Host, without brackets, and port, undefined where there is none. */
export function splitAuthority(authority: string): [host: string, port: string | undefined] {
  const [, bracketed, named, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/.exec(authority) ?? [];
  return [bracketed ?? named ?? "", port === "" ? undefined : port];
}

/** A host as URLs have it. */
export const bracketed = (host: string): string => (host.includes(":") ? `[${host}]` : host);

export const isAddress = (text: string): boolean => bytesOf(text) !== undefined;

/** Undefined unless the text is an IP address. */
export function bytesOf(text: string): Bytes | undefined {
  if (!text.includes(":")) return ipv4(text);
  const dotted = /^(.*:)([\d.]+\.[\d.]+)$/.exec(text);
  const tail = dotted && ipv4(dotted[2]!);
  if (dotted && !tail) return undefined;
  const plain = tail ? `${dotted![1]}${hex(tail[0]!, tail[1]!)}:${hex(tail[2]!, tail[3]!)}` : text;
  const halves = plain.split("::");
  if (halves.length > 2) return undefined;
  const [front = [], back = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - front.length - back.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...front, ...Array<string>(halves.length === 2 ? missing : 0).fill("0"), ...back];
  if (!groups.every((group) => /^[\da-f]{1,4}$/i.test(group))) return undefined;
  const bytes = groups.flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 255];
  });
  const isMapped = bytes.slice(0, 12).every((byte, i) => byte === (i < 10 ? 0 : 255));
  return isMapped ? bytes.slice(12) : bytes;
}

const hex = (high: number, low: number): string => ((high << 8) | low).toString(16);

function ipv4(text: string): Bytes | undefined {
  const parts = text.split(".");
  const isAddress =
    parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256);
  return isAddress ? parts.map(Number) : undefined;
}
