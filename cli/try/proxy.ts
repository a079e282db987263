/** A way through a proxy: by CONNECT (RFC 9110 section 9.3.6), or by SOCKS (RFC 1928). */
import type { Socket } from "node:net";
import { bracketed, bytesOf } from "../../lib/address.ts";
import type { ProxyServer } from "../../lib/proxy.ts";
import { type ConnectReason, connectReason } from "../../lib/reasons.ts";
import { ConnectError } from "./handshake.ts";

/** A proxy as it may be shown. */
export const nameOf = ({ scheme, host, port, variable }: ProxyServer): string =>
  `${scheme}://${bracketed(host)}:${port} (${variable})`;

/**
 * Asks a proxy for a way to a host.
 *
 * @param socket a connection to the proxy, which then is one to the host
 * @throws {@link ConnectError}
 */
export async function throughProxy(
  socket: Socket,
  proxy: ProxyServer,
  host: string,
  port: number,
): Promise<void> {
  const refuse = (reason: ConnectReason, detail: string) => {
    socket.destroy();
    return new ConnectError(reason, `the proxy ${nameOf(proxy)} ${detail}`);
  };
  if (proxy.scheme === "socks5") await bySocks(socket, proxy, host, port, refuse);
  else await byConnect(socket, proxy, `${bracketed(host)}:${port}`, refuse);
}

type Refuse = (reason: ConnectReason, detail: string) => ConnectError;

const HUNG_UP = ["proxy_closed", "ended the connection before it answered"] as const;
const OTHER_PROTOCOL = ["proxy_bad_answer", "answered with something else than a proxy does"] as const;

/** A longer head is not taken for an answer. */
const HEAD_BYTES = 16_384;

/**
 * The head of an answer with a body. Proxies that open a tunnel may send such fields too, which are ignored
 * (RFC 9110 section 9.3.6), but nothing that they announce.
 */
const ANNOUNCES_PAGE = /^(content-length:[ \t]*[1-9]|transfer-encoding:)/im;

async function byConnect(
  socket: Socket,
  { user, password }: ProxyServer,
  authority: string,
  refuse: Refuse,
): Promise<void> {
  const credentials = Buffer.from(`${user}:${password}`).toString("base64");
  const authorization = password === undefined ? "" : `Proxy-Authorization: Basic ${credentials}\r\n`;
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization}\r\n`);
  for (;;) {
    const head = await readHead(socket).catch(() => {
      throw refuse(...HUNG_UP);
    });
    const [, status, phrase = ""] = /^HTTP\/1\.[01] (\d{3})(?: (.*))?$/m.exec(head) ?? [];
    if (status === undefined) throw refuse(...OTHER_PROTOCOL);
    if (status >= "300") {
      const why = password === undefined && status === "407" ? "; its variable has no user and password" : "";
      throw refuse(connectReason(`proxy_${status}`), `answered ${status} ${phrase.trim()}${why}`);
    }
    if (status >= "200" && ANNOUNCES_PAGE.test(head) && socket.readableLength > 0)
      throw refuse(connectReason(`proxy_${status}`), `answered ${status} with a page, and opened no tunnel`);
    if (status >= "200") return;
    // An interim answer: the real one follows.
  }
}

/** An HTTP head, as far as it is one; what comes behind it stays to be read. */
const readHead = async (socket: Socket): Promise<string> => {
  const head = await readUntil(socket, (read) => {
    const text = read.toString("latin1");
    const [end] = /\r?\n\r?\n/.exec(text) ?? [];
    if (end !== undefined) return text.indexOf(end) + end.length;
    return read.length < HEAD_BYTES && "HTTP/1.".startsWith(text.slice(0, 7)) ? undefined : read.length;
  });
  return head.toString("latin1");
};

/** The words for why a SOCKS proxy opens no way (RFC 1928 section 6), and the HTTP status of the same meaning. */
const SOCKS_REPLIES: readonly (readonly [words: string, status: number])[] = [
  ["with a general failure", 500],
  ["with a general failure", 500],
  ["that the connection is not allowed", 403],
  ["that the network is unreachable", 502],
  ["that the host is unreachable", 502],
  ["that the connection was refused", 502],
  ["that the host is too far away", 502],
  ["that it knows no such command", 501],
  ["that it knows no such kind of address", 501],
];

async function bySocks(
  socket: Socket,
  { user, password = "" }: ProxyServer,
  host: string,
  port: number,
  refuse: Refuse,
): Promise<void> {
  const read = (size: number) =>
    readUntil(socket, (got) => (got.length >= size ? size : undefined)).catch(() => {
      throw refuse(...HUNG_UP);
    });
  const wantsCredentials = () =>
    refuse(
      "proxy_407",
      user === "" ? "wants a user, which its variable has not" : "took not this user and password",
    );
  socket.write(user === "" ? Buffer.from([5, 1, 0]) : Buffer.from([5, 2, 0, 2]));
  const [version, method] = await read(2);
  if (version !== 5) throw refuse(...OTHER_PROTOCOL);
  if (method === 0xff) throw wantsCredentials();
  if (method === 2 && user !== "") {
    socket.write(Buffer.concat([Buffer.from([1]), sized(user), sized(password)]));
    const [, refused] = await read(2);
    if (refused !== 0) throw wantsCredentials();
  } else if (method !== 0) throw refuse(...OTHER_PROTOCOL);
  const address = bytesOf(host);
  const kind = address ? (address.length === 4 ? 1 : 4) : 3;
  const to = address ? Buffer.from(address) : sized(host);
  socket.write(Buffer.concat([Buffer.from([5, 1, 0, kind]), to, Buffer.from([port >> 8, port & 255])]));
  const [spoken, reply = 0] = await read(2);
  if (spoken !== 5) throw refuse(...OTHER_PROTOCOL);
  if (reply !== 0) {
    const [words, status] = SOCKS_REPLIES[reply] ?? SOCKS_REPLIES[0]!;
    throw refuse(connectReason(`proxy_${status}`), `answered ${words}`);
  }
  const [, from = 0, first = 0] = await read(3);
  const rest = { 1: 4 - 1, 3: first, 4: 16 - 1 }[from];
  if (rest === undefined) throw refuse(...OTHER_PROTOCOL);
  await read(rest + 2);
}

/** At most 255 bytes, after their number. */
function sized(text: string): Buffer {
  const bytes = Buffer.from(text).subarray(0, 255);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

/** The first bytes that come, as many as `size` says once it knows; what comes behind them stays to be read. */
function readUntil(socket: Socket, size: (read: Buffer) => number | undefined): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let read = Buffer.alloc(0);
    const done = (act: () => void) => {
      socket.off("readable", look).off("end", gone).off("error", gone).off("close", gone);
      act();
    };
    const gone = () => done(() => reject(new Error("ended")));
    const look = () => {
      for (let chunk = socket.read(); chunk !== null; chunk = socket.read())
        read = Buffer.concat([read, chunk]);
      const whole = size(read);
      if (whole === undefined) return;
      done(() => {
        if (whole < read.length) socket.unshift(read.subarray(whole));
        resolve(read.subarray(0, whole));
      });
    };
    socket.on("readable", look).on("end", gone).on("error", gone).on("close", gone);
    look();
  });
}
