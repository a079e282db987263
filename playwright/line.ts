/** Connections of a page that a test can drop. */
import type { Page, WebSocketRoute } from "@playwright/test";
import type { Descriptor } from "../lib/protocols/schema.ts";
import { formatDuration, ms, parseDuration } from "../lib/units.ts";
import { type Frames, type FramesOptions, frames } from "./frames.ts";
import { isMeant } from "./hub.ts";

/** A time in milliseconds, or a text such as "2s". */
export type Within = number | string;

/** A connection of the page that goes by this line. */
interface Open {
  readonly url: string;
  readonly page: WebSocketRoute;
  /** To the real server, where there is one behind. */
  readonly server: WebSocketRoute | undefined;
}

/** The close code of a connection that ended without a Close frame (RFC 6455 section 7.1.5). */
const ABNORMAL = 1006;

/** How often it is looked for what a test waits for. */
const LOOK_EVERY_MS = 20;

export interface DropOptions {
  /** For how long new connections are dropped as well. Default: 0. */
  readonly downFor?: Within;
}

/** The page's connections to one server, each of which can be dropped. */
export class Line {
  readonly #frames: Frames;
  readonly #open = new Set<Open>();
  #opened = 0;
  #downUntilMs = 0;
  #drop: { readonly atMs: number; readonly openedBefore: number } | undefined;

  constructor(page: Page, descriptor: Descriptor, options: FramesOptions) {
    this.#frames = frames(page, descriptor, options);
  }

  /** What the descriptor takes the messages on this line for. */
  get frames(): Frames {
    return this.#frames;
  }

  /** The page's connections that are open. */
  protected get pages(): readonly WebSocketRoute[] {
    return [...this.#open].map(({ page }) => page);
  }

  /** A connection of the page opens; false where it is dropped at once. */
  protected opens(page: WebSocketRoute, server?: WebSocketRoute): boolean {
    const open = { url: page.url(), page, server };
    if (performance.now() < this.#downUntilMs) {
      void this.#end(open);
      return false;
    }
    this.#opened++;
    this.#open.add(open);
    return true;
  }

  /** A connection of the page has ended. */
  protected ends(page: WebSocketRoute): void {
    for (const open of this.#open) if (open.page === page) this.#open.delete(open);
  }

  /**
   * Ends the page's connections as a network does that fails: the page gets 1006 and no Close frame. A real server behind
   * sees the page leave.
   *
   * @throws Error where the page has none
   */
  async dropConnection({ downFor = 0 }: DropOptions = {}): Promise<void> {
    if (this.#open.size === 0) throw new Error("The page has no open connection to drop.");
    const now = performance.now();
    this.#downUntilMs = now + toMs(downFor, "downFor");
    this.#drop = { atMs: now, openedBefore: this.#opened };
    const dropped = [...this.#open];
    this.#open.clear();
    for (const open of dropped) await this.#end(open);
  }

  /**
   * Waits until the page has a new connection after the last drop, and has sent on it what the session begins with.
   *
   * @returns how long that took, in milliseconds from the drop
   * @throws Error saying in a sentence what did not happen within the time
   */
  async expectReconnect({ within }: { readonly within: Within }): Promise<number> {
    const drop = this.#drop;
    if (!drop)
      throw new Error("Expected a dropped connection before expectReconnect: call dropConnection first.");
    const end = drop.atMs + toMs(within, "within");
    const isOpen = await until(() => this.#opened > drop.openedBefore, end);
    if (!isOpen) {
      throw new Error(
        `The page opened no new connection within ${shown(within)} of the drop: it does not reconnect.`,
      );
    }
    const isJoined = await until(() => this.#hasJoined(), end);
    if (!isJoined) {
      throw new Error(
        `The page opened a new connection, but did not send what the session begins with (${this.#missing().join(", ")}) within ${shown(within)} of the drop.`,
      );
    }
    return performance.now() - drop.atMs;
  }

  #hasJoined(): boolean {
    return this.#missing().length === 0;
  }

  /** The session's messages that the page has not sent on its last connection. */
  #missing(): string[] {
    const { session = [] } = this.#frames.descriptor;
    const last = this.#frames.lastConnection;
    const sent = new Set(
      this.#frames.sent.filter(({ connection }) => connection === last).map(({ field }) => field),
    );
    // A resumed session may leave out a step that it replaces.
    if (sent.has("resume")) sent.add(`session[${this.#frames.descriptor.resume?.replaces}]`);
    return session.flatMap(({ send }, i) =>
      send === undefined || sent.has(`session[${i}]`) ? [] : [`session[${i}]`],
    );
  }

  async #end({ page, server }: Open): Promise<void> {
    await page.close({ code: ABNORMAL });
    await server?.close();
  }
}

/** A line that leads to the real server. */
class Passing extends Line {
  readonly take = (page: WebSocketRoute): void => {
    const server = page.connectToServer();
    if (!this.opens(page, server)) return;
    page.onClose((code, reason) => {
      this.ends(page);
      void server.close({ ...(code !== undefined && { code }), ...(reason !== undefined && { reason }) });
    });
    server.onClose((code, reason) => {
      this.ends(page);
      void page.close({ ...(code !== undefined && { code }), ...(reason !== undefined && { reason }) });
    });
  };
}

const lines = new WeakMap<Page, Line[]>();

/** Puts a line between the page and the addresses that are meant. */
export async function putLine<L extends Line>(
  page: Page,
  line: L,
  take: (route: WebSocketRoute) => void,
  { url }: FramesOptions,
): Promise<L> {
  const known = lines.get(page);
  if (known) known.push(line);
  else {
    lines.set(page, [line]);
    await page.addInitScript(closeUncleanly, ABNORMAL);
  }
  await page.routeWebSocket((address) => isMeant(address.href, url), take);
  return line;
}

/**
 * Lets the page talk with its real server, so that {@link dropConnection} can come between. Call it before the page opens
 * its connection.
 */
export async function passThrough(
  page: Page,
  descriptor: Descriptor,
  options: FramesOptions = {},
): Promise<Line> {
  const line = new Passing(page, descriptor, options);
  return putLine(page, line, line.take, options);
}

/** As {@link Line.dropConnection}, on the page's line. */
export const dropConnection = (page: Page, options?: DropOptions): Promise<void> =>
  onlyLine(page).dropConnection(options);

/** As {@link Line.expectReconnect}, on the page's line. */
export const expectReconnect = (page: Page, options: { readonly within: Within }): Promise<number> =>
  onlyLine(page).expectReconnect(options);

function onlyLine(page: Page): Line {
  const [line, ...more] = lines.get(page) ?? [];
  if (!line)
    throw new Error(
      "Expected server(page, …) or passThrough(page, …) before the page was opened, got neither.",
    );
  if (more.length > 0) {
    throw new Error(
      `Expected one line of this page, got ${more.length + 1}: call the method of the one that is meant.`,
    );
  }
  return line;
}

/** Runs in the page: a close event with 1006 is never clean, but Playwright makes one that claims to be. */
function closeUncleanly(abnormal: number): void {
  // biome-ignore lint/suspicious/noExplicitAny: the types of a page are not those of Node.js
  const { prototype } = (globalThis as any).CloseEvent;
  const { get } = Object.getOwnPropertyDescriptor(prototype, "wasClean")!;
  Object.defineProperty(prototype, "wasClean", {
    configurable: true,
    enumerable: true,
    get() {
      return this.code !== abnormal && get!.call(this);
    },
  });
}

async function until(holds: () => boolean, endMs: number): Promise<boolean> {
  for (;;) {
    if (holds()) return true;
    if (performance.now() >= endMs) return false;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

function toMs(time: Within, name: string): number {
  const number = typeof time === "number" ? time : parseDuration(time);
  if (number === undefined || !Number.isFinite(number) || number < 0) {
    throw new RangeError(
      `${name}: expected milliseconds or a duration such as "2s", got ${JSON.stringify(time)}`,
    );
  }
  return number;
}

const shown = (time: Within): string => (typeof time === "number" ? formatDuration(ms(time)) : time);
