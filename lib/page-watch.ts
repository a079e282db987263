/** What watches a page from inside: when a publication came to the page's handler, to the DOM and to a frame. */

/** When a publication came where, on the page's own clock (`performance.now()`); null: it was not seen there. */
export type Seen = readonly [
  id: string,
  handlerAt: number | null,
  domAt: number | null,
  frameAt: number | null,
];

/** The wall clock went over to `wallMs` between two instants of the page's clock. */
export interface Tick {
  readonly wallMs: number;
  readonly low: number;
  readonly high: number;
}

/** What {@link watchPage} leaves in the page, as `__k6_realtime`. */
export interface PageWatch {
  /** Publications that were shown since the last call; in the end those too that were only seen. */
  take(isLast: boolean): readonly Seen[];
  /** Waits busily for the wall clock's next milliseconds, and gives the one that is known best. */
  tick(): Tick;
}

/** What of a browser is used below: the types of a page are not those of k6. */
interface Browser {
  readonly performance: { now(): number };
  WebSocket: new (
    ...given: unknown[]
  ) => { addEventListener(name: string, listener: (e: { data: unknown }) => void): void };
  readonly MutationObserver: new (
    seen: (
      records: readonly {
        addedNodes: Iterable<{ textContent: string | null }>;
        target: { textContent: string | null };
        type: string;
      }[],
    ) => void,
  ) => { observe(target: unknown, options: object): void };
  readonly MessageChannel: new () => {
    port1: { onmessage: (() => void) | null };
    port2: { postMessage(message: unknown): void };
  };
  readonly TextDecoder: new (encoding: string) => { decode(bytes: unknown): string };
  readonly Blob: new () => unknown;
  readonly document: unknown;
  requestAnimationFrame(callback: () => void): void;
  __k6_realtime?: PageWatch;
}

/**
 * Runs in the page before its own scripts. It stands alone: its source is all that the page gets.
 *
 * @param mark what the identifiers of the publications begin with
 */
export function watchPage(mark: string): void {
  const browser = globalThis as unknown as Browser;
  if (browser.__k6_realtime) return;
  const { performance, WebSocket: Native, MutationObserver, MessageChannel, TextDecoder, Blob } = browser;
  const now = () => performance.now();
  const ids = new RegExp(`${mark}-[0-9]+`, "g");
  const seen = new Map<string, [handlerAt: number | null, domAt: number | null, frameAt: number | null]>();
  const timesOf = (id: string) => {
    const known = seen.get(id) ?? [null, null, null];
    seen.set(id, known);
    return known;
  };
  const told = new Set<string>();

  const inMessage = (text: string, at: number) => {
    for (const id of text.match(ids) ?? []) if (!told.has(id)) timesOf(id)[0] ??= at;
  };
  const inDocument = (text: string, at: number) => {
    for (const id of text.match(ids) ?? []) {
      const times = told.has(id) ? undefined : timesOf(id);
      if (!times || times[1] !== null) continue;
      times[1] = at;
      // The frame that shows it is made after its callbacks; a message comes when that is done.
      browser.requestAnimationFrame(() => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => {
          times[2] = now();
        };
        channel.port2.postMessage(0);
      });
    }
  };

  browser.WebSocket = class extends Native {
    constructor(...given: unknown[]) {
      super(...given);
      // Before any of the page's own: it is called first.
      this.addEventListener("message", ({ data }) => {
        const at = now();
        if (typeof data === "string") inMessage(data, at);
        else if (data instanceof Blob) {
          void (data as unknown as { text(): Promise<string> }).text().then((text) => inMessage(text, at));
        } else inMessage(new TextDecoder("latin1").decode(data), at);
      });
    }
  };

  new MutationObserver((records) => {
    const at = now();
    for (const { addedNodes, target, type } of records) {
      if (type === "characterData") inDocument(target.textContent ?? "", at);
      for (const { textContent } of addedNodes) inDocument(textContent ?? "", at);
    }
  }).observe(browser.document, { childList: true, characterData: true, subtree: true });

  browser.__k6_realtime = {
    take(isLast) {
      const all = [...seen].filter(([, [, , frameAt]]) => isLast || frameAt !== null);
      for (const [id] of all) {
        seen.delete(id);
        told.add(id);
      }
      return all.map(([id, times]) => [id, ...times] as const);
    },
    tick() {
      const once = (): Tick => {
        const before = Date.now();
        for (let low = now(); ; ) {
          const between = now();
          const wallMs = Date.now();
          if (wallMs !== before) return { wallMs, low, high: now() };
          low = between;
        }
      };
      let best = once();
      for (let i = 1; i < 4; i++) {
        const next = once();
        if (next.high - next.low < best.high - best.low) best = next;
      }
      return best;
    },
  };
}
