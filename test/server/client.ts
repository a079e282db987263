import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { type ClientOptions, WebSocket } from "ws";

/** A `ws` client whose messages are awaited one by one, in order. */
export class Client {
  readonly ws: WebSocket;
  /** The TCP or TLS socket underneath, once the connection is open. */
  socket: Socket | undefined;
  readonly #arrived: string[] = [];
  /** Called when a message has arrived or none will any more. */
  #wake: (() => void) | undefined;

  private constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on("message", (data) => {
      this.#arrived.push(String(data));
      this.#wake?.();
    });
    ws.on("close", () => this.#wake?.());
    ws.on("upgrade", ({ socket }) => {
      this.socket = socket;
    });
  }

  /** Resolves once the connection is open. */
  static async connect(url: string, options: ClientOptions = bearer("test-token")): Promise<Client> {
    const client = new Client(new WebSocket(url, options));
    await once(client.ws, "open");
    return client;
  }

  send(message: object): void {
    this.ws.send(JSON.stringify(message));
  }

  /** The next message as text. Rejects when the connection ends first. */
  async text(): Promise<string> {
    while (this.#arrived.length === 0) {
      if (this.ws.readyState === this.ws.CLOSED) throw new Error("closed while waiting for a message");
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#arrived.shift()!;
  }

  /** The next message, parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: assertions say what it should be
  async json(): Promise<any> {
    return JSON.parse(await this.text());
  }

  async request(message: object): Promise<ReturnType<Client["json"]>> {
    this.send(message);
    return this.json();
  }

  /** Subscribes to `room` and waits for the answer. */
  async subscribe(room: string): Promise<this> {
    await this.request({ type: "subscribe", room });
    return this;
  }

  /** The close code, once the connection has ended. To be asked for before it ends. */
  async closeCode(): Promise<number> {
    const [code] = await once(this.ws, "close");
    return code as number;
  }
}

export const bearer = (token: string): ClientOptions => ({ headers: { authorization: `Bearer ${token}` } });

/** The HTTP status and JSON body of an upgrade that must be refused. */
export async function refusal(
  url: string,
  options: ClientOptions,
): Promise<{ status: number; error: string }> {
  const ws = new WebSocket(url, options);
  ws.on("error", () => {}); // what follows a refusal
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    ws.once("unexpected-response", (_, response) => resolve(response));
    ws.once("open", () => reject(new Error("the upgrade was not refused")));
  });
  let body = "";
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode!, error: JSON.parse(body).error };
}
