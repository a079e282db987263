import type { Page } from "@playwright/test";
import type { Frame } from "../lib/protocols/reader.ts";
import { type Recognized, Recognizer } from "../lib/protocols/recognize.ts";
import type { Descriptor } from "../lib/protocols/schema.ts";
import { type Direction, type HubEvent, hubOf, isMeant } from "./hub.ts";

/** A message on a connection of the page, and what the descriptor takes it for. */
export interface FrameRecord extends Recognized {
  /** As the page sees it. */
  readonly direction: Direction;
  /** Milliseconds from the call of {@link frames} until Playwright reported the frame. */
  readonly atMs: number;
  /** Which of the page's connections, numbered from 1. */
  readonly connection: number;
  readonly url: string;
  /** The message of WebSocket, which may hold several of the protocol. */
  readonly payload: Frame;
}

export interface FramesOptions {
  /** A part of the address of the connections to record, or a pattern of it. Default: all. */
  readonly url?: string | RegExp;
}

/** The messages of a page's connections, in the order in which they passed. */
export class Frames implements Iterable<FrameRecord> {
  readonly descriptor: Descriptor;
  readonly #records: FrameRecord[] = [];
  readonly #open = new Map<number, { readonly url: string; readonly recognizer: Recognizer }>();
  readonly #startMs = performance.now();

  constructor(page: Page, descriptor: Descriptor, { url }: FramesOptions) {
    this.descriptor = descriptor;
    hubOf(page).listen((event) => this.#take(event, url));
  }

  [Symbol.iterator](): Iterator<FrameRecord> {
    return this.#records.values();
  }

  /** All until now. */
  get all(): readonly FrameRecord[] {
    return this.#records;
  }

  /** The frames that the page sent. */
  get sent(): readonly FrameRecord[] {
    return this.#records.filter(({ direction }) => direction === "sent");
  }

  /** The frames that the page received. */
  get received(): readonly FrameRecord[] {
    return this.#records.filter(({ direction }) => direction === "received");
  }

  /** The number of the connection that opened last; undefined before the first. */
  get lastConnection(): number | undefined {
    return [...this.#open.keys()].at(-1);
  }

  #take(event: HubEvent, wanted: string | RegExp | undefined): void {
    if (event.kind === "open") {
      if (!isMeant(event.url, wanted)) return;
      this.#open.set(event.connection, { url: event.url, recognizer: new Recognizer(this.descriptor) });
      return;
    }
    const open = this.#open.get(event.connection);
    if (event.kind !== "frame" || !open) return;
    const { connection, direction, payload } = event;
    const atMs = performance.now() - this.#startMs;
    for (const message of open.recognizer[direction](payload)) {
      this.#records.push({ ...message, direction, atMs, connection, url: open.url, payload });
    }
  }
}

/**
 * Records every message on the page's connections, with what the descriptor takes it for. Call it before the page
 * opens its connection.
 */
export const frames = (page: Page, descriptor: Descriptor, options: FramesOptions = {}): Frames =>
  new Frames(page, descriptor, options);
