import { once } from "node:events";
import { type ClientOptions, WebSocket } from "ws";

/** A `ws` client whose messages are awaited one by one, in order. */
export class Client {
  readonly ws: WebSocket;
  readonly #arrived: string[] = [];
  readonly #wanted: ((message: string) => void)[] = [];

  private constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on("message", (data) => {
      const text = String(data);
      const want = this.#wanted.shift();
      if (want) want(text);
      else this.#arrived.push(text);
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

  /** The next message as text. Rejects when the connection closes first. */
  async text(): Promise<string> {
    const arrived = this.#arrived.shift();
    if (arrived !== undefined) return arrived;
    return new Promise((resolve, reject) => {
      this.#wanted.push(resolve);
      this.ws.once("close", (code) => reject(new Error(`closed with ${code} while waiting for a message`)));
    });
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

  /** The close code, once the connection has ended. */
  async closeCode(): Promise<number> {
    if (this.ws.readyState === this.ws.CLOSED) throw new Error("closed before it was asked for");
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
  const [, response] = await once(ws, "unexpected-response");
  let body = "";
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode, error: JSON.parse(body).error };
}
