import type { MetricName } from "../metrics.ts";
import { dropCode } from "../reasons.ts";
import { type Duration, inMs, type Ms, ms } from "../units.ts";
import { callAt, now } from "./clock.ts";
import { CLOSE_TIMEOUT } from "./connection.ts";
import type { Record } from "./recorder.ts";
import { type Frame, Socket } from "./socket.ts";

/** What a measured socket records. */
export const SOCKET_METRICS = [
  "ws_connect_latency_ms",
  "ws_connect_failures",
  "ws_sessions_opened",
  "ws_sessions_closed",
  "ws_connection_drops",
  "ws_connection_drop_rate",
  "ws_message_errors",
  "ws_generator_delay_ms",
] as const satisfies readonly MetricName[];

export interface MeasuredSocketOptions {
  readonly record: Record;
  readonly headers?: { readonly [name: string]: string };
  readonly subprotocols?: readonly string[];
  /** How long to wait for the 101. Default 10 s. */
  readonly connectTimeout?: Duration;
  /** When the connection was due, where that was not now. */
  readonly due?: Ms;
  /** A message came; `at` is when it was read. */
  message?(message: Frame, at: Ms): void;
  /** The connection is over, whoever ended it. Called once, and only after it was open. */
  over?(): void;
}

/**
 * A WebSocket whose connecting, drops and close are counted (docs/guides/drops.md), for a script that sends and reads its
 * messages itself. It has the sockets of `k6/websockets`, or the engine's, without their traps.
 */
export class MeasuredSocket {
  /** Whether there is a connection; settled once that is known. */
  readonly opened: Promise<boolean>;
  /** Settled when the connection is over, or there is none. Never rejects. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #record: Record;
  #state: "connecting" | "open" | "closing" | "over" = "connecting";
  #settleOpened!: (opened: boolean) => void;
  #settleClosed!: () => void;

  constructor(url: string, options: MeasuredSocketOptions) {
    const { record, headers = {}, subprotocols = [], connectTimeout = "10s", due = now() } = options;
    this.#record = record;
    this.opened = new Promise((resolve) => {
      this.#settleOpened = resolve;
    });
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
    const connectBy = ms(now() + inMs(connectTimeout, "connectTimeout"));
    this.#socket = new Socket(
      { url, headers, subprotocols, connectBy },
      {
        opened: (at) => {
          this.#state = "open";
          record("ws_connect_latency_ms", at - due);
          record("ws_sessions_opened", 1);
          this.#settleOpened(true);
        },
        failed: (reason) => {
          this.#state = "over";
          record("ws_connect_failures", 1, { reason });
          this.#settleOpened(false);
          this.#settleClosed();
        },
        received: (message, at, handledAt) => {
          record("ws_generator_delay_ms", handledAt - at, { side: "receive" });
          options.message?.(message, at);
        },
        breached: (reason) => record("ws_message_errors", 1, { reason }),
        closed: (code, by) => {
          const isPlanned = this.#state === "closing";
          record("ws_sessions_closed", 1);
          record("ws_connection_drop_rate", !isPlanned);
          if (!isPlanned) record("ws_connection_drops", 1, { code: dropCode(code), by });
          if (by === "timeout") this.#unanswered();
          this.#finish(options);
        },
      },
    );
  }

  /** Whether messages can be sent. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Sends a message; false where there is no connection any more. */
  send(message: Frame): boolean {
    return this.#state === "open" && this.#socket.send(message);
  }

  /** Ends the connection as planned: no drop. Resolves when it is over, or the peer had 5 s to answer. */
  close(): Promise<void> {
    if (this.#state === "connecting") {
      this.#state = "over";
      this.#socket.close(1000);
      this.#settleOpened(false);
      this.#settleClosed();
    } else if (this.#state === "open") {
      this.#state = "closing";
      this.#socket.close(1000);
      const stop = callAt(ms(now() + CLOSE_TIMEOUT), () => {
        this.#unanswered();
        this.#settleClosed();
      });
      void this.closed.then(stop);
    }
    return this.closed;
  }

  #unanswered(): void {
    if (this.#state !== "closing") return;
    this.#state = "over";
    this.#record("ws_message_errors", 1, { reason: "close_unanswered" });
  }

  #finish({ over }: MeasuredSocketOptions): void {
    this.#state = "over";
    over?.();
    this.#settleClosed();
  }
}
