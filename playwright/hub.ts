/** The connections of a page, real ones and ones that {@link server} plays, as one stream of events. */
import { Buffer } from "node:buffer";
import type { Page, WebSocket } from "@playwright/test";
import type { Frame } from "../lib/protocols/reader.ts";

export type Direction = "sent" | "received";

/** What a page's connections did. Connections are numbered from 1 as they open. */
export type HubEvent =
  | { readonly kind: "open"; readonly connection: number; readonly url: string }
  | {
      readonly kind: "frame";
      readonly connection: number;
      /** As the page sees it. */
      readonly direction: Direction;
      readonly payload: Frame;
    }
  | { readonly kind: "close"; readonly connection: number };

type Listener = (event: HubEvent) => void;

export class Hub {
  readonly #listeners = new Set<Listener>();
  #connections = 0;

  constructor(page: Page) {
    page.on("websocket", (socket) => this.#follow(socket));
  }

  listen(listener: Listener): void {
    this.#listeners.add(listener);
  }

  /** A connection opens, real or played; gives its number. */
  open(url: string): number {
    const connection = ++this.#connections;
    this.tell({ kind: "open", connection, url });
    return connection;
  }

  tell(event: HubEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #follow(socket: WebSocket): void {
    const connection = this.open(socket.url());
    const tell = (direction: Direction) => (frame: { payload: string | Buffer }) =>
      this.tell({ kind: "frame", connection, direction, payload: frame.payload });
    socket.on("framesent", tell("sent"));
    socket.on("framereceived", tell("received"));
    socket.on("close", () => this.tell({ kind: "close", connection }));
  }
}

const hubs = new WeakMap<Page, Hub>();

/** One for each page. */
export function hubOf(page: Page): Hub {
  let hub = hubs.get(page);
  if (!hub) {
    hub = new Hub(page);
    hubs.set(page, hub);
  }
  return hub;
}

/** What Playwright sends. */
export const payloadOf = (frame: Frame): string | Buffer =>
  typeof frame === "string" ? frame : Buffer.from(frame);

/** Whether an address is meant: by a part of it, or by a pattern. Default: all are. */
export const isMeant = (url: string, wanted: string | RegExp = ""): boolean =>
  typeof wanted === "string" ? url.includes(wanted) : wanted.test(url);
