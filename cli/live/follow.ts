/** Reads a recording while k6 writes it. */
import { type FileHandle, open } from "node:fs/promises";
import { RecordingReader } from "../recording/read.ts";

const CHUNK_BYTES = 64 * 1024;

/** Hands the lines of a file that grows to a reader, each line once and whole. */
export class Follower {
  readonly #path: string;
  readonly #reader: RecordingReader;
  #file: FileHandle | undefined;
  #offset = 0;
  #lines = 0;
  /** What came of a line whose end has not come. */
  #rest = Buffer.alloc(0);

  /** @param cellSeconds one or several: how many seconds count as one */
  constructor(path: string, ...cellSeconds: readonly [number, ...number[]]) {
    this.#path = path;
    this.#reader = new RecordingReader(path, ...cellSeconds);
  }

  /** The reader, once the header came. */
  get reader(): RecordingReader | undefined {
    return this.#lines > 0 ? this.#reader : undefined;
  }

  /**
   * Reads the lines written since the last call. A file that does not exist yet has no lines.
   *
   * @throws UserError if the file is not a recording
   */
  async read(): Promise<void> {
    this.#file ??= await openIfThere(this.#path);
    if (!this.#file) return;
    const chunk = Buffer.alloc(CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = await this.#file.read(chunk, 0, chunk.length, this.#offset);
      if (bytesRead === 0) return;
      this.#offset += bytesRead;
      this.#take(chunk.subarray(0, bytesRead));
    }
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  #take(bytes: Buffer): void {
    const all = Buffer.concat([this.#rest, bytes]);
    let start = 0;
    for (let end = all.indexOf(10); end >= 0; end = all.indexOf(10, start)) {
      const line = { number: ++this.#lines, text: all.toString("utf8", start, end) };
      this.#reader.take(line);
      start = end + 1;
    }
    this.#rest = Buffer.from(all.subarray(start));
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
