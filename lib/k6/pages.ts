/** Pages in browsers beside a swarm: when each publication came to the page's handler, to the DOM and to a frame. */
import { type Page as BrowserPage, browser } from "k6/browser";
import { counted } from "../counted.ts";
import type { MetricName } from "../metrics.ts";
import { Grid } from "../pacing.ts";
import {
  type ClockOffset,
  CONNECTIONS_OF_A_PAGE,
  legsOf,
  NEEDS_CHROMIUM,
  offsetBetween,
  type Publication,
  pageNotes,
} from "../page-legs.ts";
import { type PageWatch, type Seen, type Tick, watchPage } from "../page-watch.ts";
import { SettingsError } from "../settings.ts";
import { formatDuration, type Ms, ms } from "../units.ts";
import { redactUrl } from "../url.ts";
import { now, sleep, sleepUntil } from "./clock.ts";
import { Connection } from "./connection.ts";
import type { Shard } from "./plan.ts";
import { publishWhenDue, randomMark } from "./publish.ts";
import type { Record } from "./recorder.ts";
import type { SocketOptions } from "./socket.ts";
import type { BesideSwarm } from "./swarm.ts";

const PAGE_METRICS = [
  "ws_page_lag_ms",
  "ws_page_leg_ms",
  "ws_page_shown",
  "ws_page_missed",
  "ws_page_clock_error_ms",
  "ws_page_arrival_error_ms",
  "ws_generator_delay_ms",
  "ws_publications",
] as const satisfies readonly MetricName[];

/** How often a page is asked what it has seen. */
const ASK_EVERY = ms(1_000);

/** The time between publications that find out whether the page shows anything, before publications count. */
const TRY_EVERY = ms(250);

export interface PagesSpec {
  readonly browsers: number;
  /** A URL with `${room}` in it, or a path of the endpoint's host. */
  readonly url: string;
  readonly endpoint: string;
  /** The room of a browser. */
  room(browser: number): string;
  readonly interval: Ms;
  readonly payloadBytes: number;
  /** How long a publication may take to be shown. */
  readonly timeout: Ms;
  /** How long the page, and each of its neighbours, may take to be there. */
  readonly connectTimeout: Ms;
}

/** What runs beside a swarm where there are pages. */
export const pages = (spec: PagesSpec): BesideSwarm => ({
  name: "pages",
  shards: spec.browsers,
  options: { browser: { type: "chromium" } },
  metrics: PAGE_METRICS,
  load: `${counted(spec.browsers, "browser")}, each watched for a publication every ${formatDuration(spec.interval)}`,
  connections: spec.browsers * CONNECTIONS_OF_A_PAGE,
  drain: ms(spec.timeout + spec.connectTimeout),
  notes: pageNotes,
  drive: (shard, when, connect) =>
    new WatchedPage(spec, shard, connect).drive(when.start, when.hold, when.firstConnection),
});

class WatchedPage {
  readonly #spec: PagesSpec;
  readonly #shard: Shard;
  readonly #connect: NonNullable<SocketOptions["connect"]>;
  readonly #record: Record;
  readonly #mark = randomMark();
  readonly #room: string;
  /** Publications that the page has not shown yet, by their identifier. */
  readonly #open = new Map<string, Publication & { readonly arrivals: Ms[] }>();
  #published = 0;
  /** Called when the connection that joins is there. One joins at a time. */
  #ready = () => {};

  constructor(spec: PagesSpec, shard: Shard, connect: NonNullable<SocketOptions["connect"]>) {
    this.#spec = spec;
    this.#shard = shard;
    this.#connect = connect;
    this.#record = shard.record;
    this.#room = spec.room(shard.index);
  }

  async drive(start: Ms, hold: Ms, firstConnection: number): Promise<void> {
    const end = ms(start + hold + this.#spec.timeout + this.#spec.connectTimeout);
    const first = firstConnection + this.#shard.index * CONNECTIONS_OF_A_PAGE;
    const connections: Connection[] = [];
    const join = async () => {
      const connection = this.#connection(first + connections.length, end);
      connections.push(connection);
      await this.#joined(connection);
    };
    try {
      await join(); // publishes
      await join();
      const page = await this.#openPage();
      await join();
      await this.#watch(page, connections, start, hold);
      await page.close();
    } finally {
      for (const connection of connections) connection.finish();
    }
  }

  async #watch(page: BrowserPage, connections: readonly Connection[], start: Ms, hold: Ms): Promise<void> {
    const [publisher] = connections as [Connection];
    await this.#untilShown(page, publisher);
    await sleepUntil(start);
    const isOver = { now: false };
    const asking = this.#ask(page, isOver);
    await this.#publish(publisher, hold);
    const deadline = ms(now() + this.#spec.timeout);
    while (this.#open.size > 0 && now() < deadline) await sleep(TRY_EVERY);
    isOver.now = true;
    await asking;
    await this.#take(page, true);
    for (let i = 0; i < this.#open.size; i++) {
      this.#record("ws_page_missed", 1);
      this.#record("ws_page_lag_ms", this.#spec.timeout);
    }
    if (connections.some(({ open }) => !open)) {
      throw new Error(
        `a connection beside the page in room ${this.#room} dropped, so the legs are not known`,
      );
    }
  }

  /** A connection of the engine's in the page's room, which tells when publications come to it. */
  #connection(index: number, end: Ms): Connection {
    return new Connection({
      ...this.#shard.identity(index, { room: this.#room }),
      protocol: this.#shard.protocol,
      replyTimeout: this.#spec.timeout,
      intended: now(),
      connectBy: ms(now() + this.#spec.connectTimeout),
      end,
      connect: this.#connect,
      // The load's own figures are the swarm's.
      record: () => {},
      observe: (effect) => {
        if (effect.kind === "ready") this.#ready();
        if (effect.kind === "delivery") this.#open.get(effect.id ?? "")?.arrivals.push(effect.at);
      },
    });
  }

  async #joined(connection: Connection): Promise<void> {
    const isReady = new Promise<void>((resolve) => {
      this.#ready = resolve;
    });
    await Promise.race([isReady, connection.outcome]);
    if (!connection.open)
      throw new Error(`a connection beside the page did not come into room ${this.#room}`);
  }

  async #openPage(): Promise<BrowserPage> {
    const url = this.#url();
    try {
      const context = await browser.newContext();
      await context.addInitScript(`(${watchPage.toString()})(${JSON.stringify(this.#mark)})`);
      const page = await context.newPage();
      await page.goto(url, { timeout: this.#spec.connectTimeout });
      return page;
    } catch (error) {
      throw new Error(
        `the page ${redactUrl(url)} did not open: ${(error as Error).message ?? error}; ${NEEDS_CHROMIUM}`,
      );
    }
  }

  #url(): string {
    const { url, endpoint } = this.#spec;
    const path = url.replaceAll("${room}", encodeURIComponent(this.#room));
    if (!path.startsWith("/")) return path;
    const [, scheme, host] = /^(wss?):\/\/([^/?]+)/.exec(endpoint)!;
    return `${scheme === "wss" ? "https" : "http"}://${host}${path}`;
  }

  /** Publishes until the page shows it. Then the page is connected, is in the room, and shows publications. */
  async #untilShown(page: BrowserPage, publisher: Connection): Promise<void> {
    const deadline = ms(now() + this.#spec.connectTimeout);
    for (;;) {
      this.#send(publisher, now());
      await sleep(TRY_EVERY);
      const isShown = (await this.#seen(page, false)).some(([, , , frame]) => frame !== null);
      if (isShown) break;
      if (now() > deadline) {
        const seen = await this.#seen(page, true);
        const isHandled = seen.some(([, handler]) => handler !== null);
        throw new Error(
          `the page showed no publication of room ${this.#room} within ${formatDuration(this.#spec.connectTimeout)}: ${isHandled ? "it got them, but their payload is not in its text" : "none came to it: is PAGE_URL in that room?"}`,
        );
      }
    }
    this.#open.clear();
  }

  async #publish(publisher: Connection, hold: Ms): Promise<void> {
    const { interval } = this.#spec;
    const start = now();
    const grid = new Grid(ms(start + Math.random() * interval), interval, ms(start + hold));
    await publishWhenDue(grid, this.#record, (due) => {
      if (!publisher.open) return "over";
      this.#send(publisher, due);
      return "published";
    });
  }

  #send(publisher: Connection, due: Ms): void {
    const seq = ++this.#published;
    const id = `${this.#mark}-${seq}`;
    this.#open.set(id, { due, arrivals: [] });
    publisher.publish({ id, seq, payload: `${id} `.padEnd(this.#spec.payloadBytes, "x") });
  }

  async #ask(page: BrowserPage, isOver: { readonly now: boolean }): Promise<void> {
    while (!isOver.now) {
      await sleep(ASK_EVERY);
      await this.#take(page, false);
    }
  }

  async #take(page: BrowserPage, isLast: boolean): Promise<void> {
    const seen = await this.#seen(page, isLast);
    if (seen.length === 0) return;
    const clock = await clockOf(page);
    this.#record("ws_page_clock_error_ms", clock.errorMs);
    for (const one of seen) this.#shown(one, clock);
  }

  #seen(page: BrowserPage, isLast: boolean): Promise<readonly Seen[]> {
    return page.evaluate((last) => (globalThis as unknown as Watched).__k6_realtime.take(last), isLast);
  }

  #shown(seen: Seen, clock: ClockOffset): void {
    const [id, , , frame] = seen;
    const publication = this.#open.get(id);
    if (!publication || frame === null) return;
    const lag = frame + clock.offset - publication.due;
    if (lag > this.#spec.timeout) return; // missed
    this.#open.delete(id);
    this.#record("ws_page_shown", 1);
    this.#record("ws_page_lag_ms", lag);
    for (const [leg, time] of Object.entries(legsOf(publication, seen, clock))) {
      this.#record("ws_page_leg_ms", time, { leg });
    }
    const { arrivals } = publication;
    if (arrivals.length > 1) {
      this.#record("ws_page_arrival_error_ms", Math.max(...arrivals) - Math.min(...arrivals));
    }
  }
}

/** A page with what {@link watchPage} left there. */
interface Watched {
  readonly __k6_realtime: PageWatch;
}

/** The page's clock and this run's, by the tick of the wall clock that both read. */
async function clockOf(page: BrowserPage): Promise<ClockOffset> {
  const asked = now();
  const tick: Tick = await page.evaluate(() => (globalThis as unknown as Watched).__k6_realtime.tick());
  const answered = now();
  const clock = offsetBetween(tick, tickHere());
  const at = tick.high + clock.offset;
  if (at < asked - clock.errorMs || at > answered + clock.errorMs) {
    throw new SettingsError(
      "the browser reads another clock than this machine's: pages are measured on one machine",
    );
  }
  return clock;
}

/** As {@link PageWatch.tick}, on this side. */
function tickHere(): Tick {
  const ticks = Array.from({ length: 4 }, nextTick);
  return ticks.reduce((a, b) => (b.high - b.low < a.high - a.low ? b : a));
}

function nextTick(): Tick {
  const before = Date.now();
  for (let low = now(); ; ) {
    const between = now();
    const wallMs = Date.now();
    if (wallMs !== before) return { wallMs, low, high: now() };
    low = between;
  }
}
