/** Opens a WebSocket as the target wants it: its route, its headers, and no compression. */
import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { HEADER_BYTES } from "../../lib/generator-faults.ts";
import type { Identity } from "../../lib/identity.ts";
import { ms } from "../../lib/units.ts";
import { sendAsGiven } from "../try/handshake.ts";
import { type Network, Route } from "../try/route.ts";
import type { Target } from "./target.ts";

export interface Call {
  readonly identity: Identity;
  readonly network: Network;
  /** Ends it, also while the server is still being connected to. */
  readonly signal: AbortSignal;
  /** Is given the connection below, for frames that `ws` does not write. */
  onTcp(tcp: Socket): void;
}

/** @throws if the URL or a subprotocol is not valid */
export function dial(
  { identity, network, signal, onTcp }: Call,
  { connectTimeoutMs, messageBytes, userAgent }: Target,
): WebSocket {
  const { url, subprotocols } = identity;
  const route = new Route(url, network, signal);
  return new WebSocket(url, [...subprotocols], {
    finishRequest: (request) => {
      if (userAgent) request.setHeader("User-Agent", userAgent);
      sendAsGiven(identity, request);
    },
    // The types know no connection that is made later, as Node.js does.
    createConnection: ((_: unknown, made: (error: Error | null, socket?: Socket) => void) => {
      route.connect(ms(connectTimeoutMs)).then((tcp) => {
        onTcp(tcp);
        made(null, tcp);
      }, made);
    }) as never,
    perMessageDeflate: false,
    maxPayload: messageBytes,
    maxHeaderSize: HEADER_BYTES,
    skipUTF8Validation: false,
  });
}
