import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

/** The TCP sockets under all connections. With TLS, what the rest of the server sees is another stream on top. */
export class Sockets {
  readonly #byPair = new Map<string, Socket>();

  add(socket: Socket): void {
    const pair = pairOf(socket);
    this.#byPair.set(pair, socket);
    socket.on("close", () => {
      // A client may have used the same port again by now.
      if (this.#byPair.get(pair) === socket) this.#byPair.delete(pair);
    });
  }

  /** Resets the TCP connection under `stream`. */
  reset(stream: Duplex): void {
    this.#byPair.get(pairOf(stream as Socket))?.resetAndDestroy();
  }

  destroyAll(): void {
    for (const socket of this.#byPair.values()) socket.destroy();
  }
}

/** The two ends of a TCP connection: two streams of one connection have the same, two connections never do. */
const pairOf = ({ localAddress, localPort, remoteAddress, remotePort }: Socket): string =>
  `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;
