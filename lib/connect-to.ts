/** Connections that go elsewhere than their URL says, in the form of curl's `--connect-to`. Pure. */
import { authorityOf, isAddress } from "./address.ts";

/** The destination of connections to one endpoint. */
export interface ConnectTo {
  /** In lower case; empty for the host of any URL. */
  readonly host: string;
  /** Undefined for any. */
  readonly port: number | undefined;
  /** An IP address, without brackets. */
  readonly address: string;
  /** Undefined for the URL's own. */
  readonly toPort: number | undefined;
}

const FORM = /^([^:[\]]*):(\d*):(?:\[([^\]]+)\]|([^:]+)):(\d*)$/;

/** Reads `HOST:PORT:ADDRESS:PORT`, several separated by commas; undefined where it is something else. */
export function parseConnectTo(text: string): readonly ConnectTo[] | undefined {
  const read = (entry: string): ConnectTo | undefined => {
    const [, host = "", port = "", bracketed, plain = "", toPort = ""] = FORM.exec(entry) ?? [];
    const address = bracketed ?? plain;
    if (!isAddress(address) || ![port, toPort].every(isPort)) return undefined;
    return { host: host.toLowerCase(), port: given(port), address, toPort: given(toPort) };
  };
  const entries = text === "" ? [] : text.split(",").map(read);
  return entries.every((entry) => entry !== undefined) ? (entries as ConnectTo[]) : undefined;
}

const isPort = (text: string): boolean => text === "" || (Number(text) >= 1 && Number(text) <= 65_535);
const given = (port: string): number | undefined => (port === "" ? undefined : Number(port));

/** The destination of connections to a URL, by the first entry that matches it. */
export function destinationOf(url: string, entries: readonly ConnectTo[]): ConnectTo | undefined {
  const { host, port } = authorityOf(url);
  return entries.find((entry) => speaksOf(entry, host, port));
}

export const speaksOf = (entry: ConnectTo, host: string, port: number): boolean =>
  (entry.host === "" || entry.host === host.toLowerCase()) &&
  (entry.port === undefined || entry.port === port);
