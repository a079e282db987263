/** What a handshake offers, what a server answered to it, or why it did not. */
import type { ClientRequest, IncomingMessage } from "node:http";
import type { Compression } from "../../lib/compression.ts";
import { HEADER_BYTES } from "../../lib/generator-faults.ts";
import type { ConnectReason } from "../../lib/reasons.ts";
import type { UpgradeRequest } from "../../lib/request.ts";
import type { Ms } from "../../lib/units.ts";
import { redactUrl } from "../../lib/url.ts";
import type { HeaderLines } from "./event.ts";

/** Of a refusal's body, which is mostly a sentence or a web page. */
const SHOWN_BODY_BYTES = 2_048;

/**
 * Sends the request byte for byte as k6 sends it. `ws` would resolve the path's dots and join subprotocols without a
 * space, and Node.js would write non-ASCII characters in Latin-1.
 */
export function sendAsGiven({ url, headers, subprotocols }: UpgradeRequest, request: ClientRequest): void {
  const [, authority = "", target = "/"] = /^\w+:\/\/([^/]*)(.*)$/s.exec(url) ?? [];
  request.path = target;
  request.setHeader("Host", authority);
  if (subprotocols.length > 0) request.setHeader("Sec-WebSocket-Protocol", subprotocols.join(", "));
  for (const [name, value] of Object.entries(headers)) {
    // net/http, whose rules these are, takes an empty User-Agent for none.
    if (name !== "User-Agent" || value !== "") request.setHeader(name, Buffer.from(value).toString("latin1"));
  }
  request.end();
}

/** The header lines as they came. What may be a secret stays out: a cookie's value, a redirect's user and query. */
export function headerLines(raw: readonly string[]): HeaderLines {
  const lines: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const [name = "", value = ""] = raw.slice(i, i + 2);
    lines.push([name, withoutSecrets(name.toLowerCase(), value)]);
  }
  return lines;
}

function withoutSecrets(name: string, value: string): string {
  if (name === "set-cookie") return value.replace(/=[^;]*/, "=***");
  return name === "location" ? redactUrl(value.replace(/#.*$/s, "")) : value;
}

/** The beginning of a body, or what has come of it when the time is over. */
export async function readBody(response: IncomingMessage, within: Ms): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, within);
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    response.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= SHOWN_BODY_BYTES) done();
    });
    for (const end of ["end", "error", "close"]) response.on(end, done);
  });
  response.pause();
  return Buffer.concat(chunks).subarray(0, SHOWN_BODY_BYTES).toString();
}

/**
 * The agreed subprotocol. RFC 6455 section 4.1 has a client fail if the server names one that was not offered. `ws`
 * also fails if the server names none. k6 takes both, and this command is to show what k6 will meet. So `ws` is shown
 * an answer that it takes.
 */
export function tolerateSubprotocol(
  response: IncomingMessage,
  offered: readonly string[],
): { subprotocol: string | null; problem?: string } {
  const header = "sec-websocket-protocol";
  const subprotocol = (response.headers[header] as string | undefined) ?? null;
  if (subprotocol !== null && offered.includes(subprotocol)) return { subprotocol };
  if (offered[0] === undefined) delete response.headers[header];
  else response.headers[header] = offered[0];
  if (subprotocol === null) {
    const problem = `it chose none of the subprotocols offered (${offered.join(", ")}); browsers accept that`;
    return offered.length > 0 ? { subprotocol, problem } : { subprotocol };
  }
  const problem = `it chose the subprotocol "${subprotocol}", which was not offered; browsers refuse that (RFC 6455 section 4.1)`;
  return { subprotocol, problem };
}

const CODES: readonly (readonly [RegExp, ConnectReason, string])[] = [
  [/^ECONNREFUSED$/, "refused", "nothing listens there"],
  [/^(ECONNRESET|EPIPE)$/, "reset", "the connection was cut before an answer"],
  [/^(EMFILE|ENFILE)$/, "no_descriptors", "this machine gave no more file descriptors"],
  [/^(EADDRNOTAVAIL|EADDRINUSE)$/, "no_ports", "this machine has no local port left"],
  [/^(ENOBUFS|ENOMEM)$/, "no_memory", "this machine has no memory left for a socket"],
  [/^(ENOTFOUND|EAI_)/, "dns", "the host name does not resolve"],
  [/^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/, "timeout", "the host cannot be reached"],
  [/CERT|SELF_SIGNED|ISSUER|^UNABLE_TO_|^ERR_TLS|^ERR_SSL|^EPROTO$/, "tls", "no trusted TLS connection"],
  [
    /^HPE_HEADER_OVERFLOW$/,
    "header_too_large",
    `the answer has headers of more than ${HEADER_BYTES / 1_024} KiB, more than this side accepts`,
  ],
  [/^HPE_/, "http_rejected", "the answer is not HTTP"],
];

/** The server could not be reached, and why. */
export class ConnectError extends Error {
  override name = "ConnectError";
  readonly reason: ConnectReason;

  constructor(reason: ConnectReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Why there is no connection: on the closed list, and in words. */
export function reasonOf(error: Error): [ConnectReason, string] {
  if (error instanceof ConnectError) return [error.reason, error.message];
  const { code = "", reason = "" } = error as NodeJS.ErrnoException & { reason?: string };
  // The message of OpenSSL has its file and line, too.
  const said = (/^ERR_SSL/.test(code) && reason) || error.message;
  const known = CODES.find(([pattern]) => pattern.test(code));
  if (known) return [known[1], said === "" ? known[2] : `${known[2]} (${said})`];
  // `ws` has no codes for an answer that is 101 and wrong.
  return [/^Invalid |subprotocol/.test(error.message) ? "http_rejected" : "other", error.message];
}

/** What `ws` is to offer, as the engine's connections do. */
export function offerOf({ compression, contextTakeover, clientWindowBits, serverWindowBits }: Compression) {
  if (compression === "off") return false;
  const takesOver = (side: "client" | "server") => contextTakeover === side || contextTakeover === "both";
  return {
    threshold: 0,
    serverNoContextTakeover: !takesOver("server"),
    clientNoContextTakeover: !takesOver("client"),
    ...(serverWindowBits < 15 && { serverMaxWindowBits: serverWindowBits }),
    ...(clientWindowBits < 15 && { clientMaxWindowBits: clientWindowBits }),
  };
}
