import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** A WebSocket client on a bare TCP socket, for what a well-behaved one cannot do: not reading, not closing. */
export class RawClient {
  readonly socket: Socket;
  #bytes = Buffer.alloc(0);
  /** Called when bytes have arrived or none will any more. */
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => {}); // a reset is what some tests are for
    socket.on("data", (chunk) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake?.();
    });
    socket.on("close", () => this.#wake?.());
  }

  /** Sends an upgrade request and does not wait for the answer. */
  static async request(port: number, path: string): Promise<RawClient> {
    const client = new RawClient(connect(port, "127.0.0.1"));
    await once(client.socket, "connect");
    const key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==";
    client.socket.write(
      `GET ${path}?token=test-token HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n\r\n`,
    );
    return client;
  }

  /** Resolves once the connection is open. */
  static async open(port: number, path: string): Promise<RawClient> {
    const client = await RawClient.request(port, path);
    while (!client.#bytes.includes("\r\n\r\n")) await once(client.socket, "data");
    const end = client.#bytes.indexOf("\r\n\r\n") + 4;
    if (!client.#bytes.subarray(0, 12).equals(Buffer.from("HTTP/1.1 101"))) throw new Error(`no 101`);
    client.#bytes = client.#bytes.subarray(end);
    return client;
  }

  /** Sends a frame of up to 125 bytes, masked with zeros. */
  send(opcode: number, payload: string | Buffer): void {
    const data = Buffer.from(payload as string);
    this.socket.write(Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | data.length, 0, 0, 0, 0]), data]));
  }

  /** The next frame; undefined when the connection ends first. */
  async frame(): Promise<{ opcode: number; payload: Buffer } | undefined> {
    for (;;) {
      const frame = parseFrame(this.#bytes);
      if (frame) {
        this.#bytes = this.#bytes.subarray(frame.bytes);
        return frame;
      }
      if (this.socket.closed) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

function parseFrame(bytes: Buffer): { opcode: number; payload: Buffer; bytes: number } | undefined {
  const short = bytes.length < 2 ? 0 : bytes[1]! & 0x7f;
  const header = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < header) return undefined;
  const length =
    short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (bytes.length < header + length) return undefined;
  return {
    opcode: bytes[0]! & 0x0f,
    payload: bytes.subarray(header, header + length),
    bytes: header + length,
  };
}
