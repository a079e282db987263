import assert from "node:assert/strict";

/** A request for a stream, with the token that the server takes. */
export function get(
  url: string,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(url, { headers: { authorization: "Bearer test-token", ...headers }, signal: signal ?? null });
}

export function post(url: string, body: unknown): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { authorization: "Bearer test-token", "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

/** Reads a stream's text as it comes. */
export class Reader {
  text = "";
  readonly #decoder = new TextDecoder();
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(response: Response) {
    assert.equal(response.status, 200);
    this.#reader = response.body!.getReader();
  }

  /** Reads on until the text so far matches; rejects when the stream ends or breaks first. */
  async until(pattern: RegExp | ((text: string) => boolean)): Promise<string> {
    const reached = typeof pattern === "function" ? pattern : (text: string) => pattern.test(text);
    while (!reached(this.text)) {
      const { done, value } = await this.#reader.read();
      if (done) throw new Error(`ended before ${pattern}: ${this.text}`);
      this.text += this.#decoder.decode(value, { stream: true });
    }
    return this.text;
  }

  /** Reads to the end: what it was, and whether the response was complete. */
  async end(): Promise<{ text: string; complete: boolean }> {
    try {
      await this.until(() => false);
    } catch (error) {
      return { text: this.text, complete: (error as Error).message.startsWith("ended before") };
    }
    throw new Error("not reached");
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}

/** The blocks of a stream between its empty lines. */
export const blocks = (text: string): string[] => text.split("\n\n").filter(Boolean);

/** The data of its events. */
export const data = (text: string): string[] =>
  blocks(text).flatMap((block) => /^data: (.*)$/m.exec(block)?.[1] ?? []);
