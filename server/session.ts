import type { Grant } from "./auth.ts";
import type { Gate } from "./gate.ts";
import type { Subscriber } from "./subscriber.ts";

/** The application's close code for a session that is over or never began. */
export const SESSION_OVER = 4001;

/** The longest that a Node timer waits. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Who a connection speaks for, and until when. Ends the connection when the time is over. */
export class Session {
  readonly #connection: Pick<Subscriber, "close">;
  readonly #gate: Gate;
  #grant: Grant | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(connection: Pick<Subscriber, "close">, gate: Gate) {
    this.#connection = connection;
    this.#gate = gate;
  }

  /** Whether a token was accepted. */
  get granted(): boolean {
    return this.#grant !== undefined;
  }

  /** The user of the session's token; the fixed tokens have none. */
  get user(): string | undefined {
    return this.#grant?.user;
  }

  /** Begins the session, or renews it. */
  grant(grant: Grant): void {
    this.#grant = grant;
    if (grant.expiresAtMs === undefined) clearTimeout(this.#timer);
    else this.endAt(grant.expiresAtMs, "token expired");
  }

  /** Closes the connection at `atMs` (epoch), unless a grant comes first. */
  endAt(atMs: number, reason: string): void {
    clearTimeout(this.#timer);
    const leftMs = atMs - Date.now();
    const end = () => this.#gate.run(() => this.#connection.close(SESSION_OVER, reason));
    const next = () => (atMs > Date.now() ? this.endAt(atMs, reason) : end());
    this.#timer = setTimeout(next, Math.min(Math.max(leftMs, 0), MAX_TIMER_MS));
  }

  /** The connection has ended. */
  stop(): void {
    clearTimeout(this.#timer);
  }
}
