import { type Ms, ms } from "../units.ts";
import { WallOffset } from "../wall-offset.ts";
import { now } from "./clock.ts";

/** What an event of a WebSocket says of when it happened. */
export interface SocketEvent {
  /** Milliseconds since 1970, fractional. */
  readonly timestamp: number;
  /** The engine's alone: how long ago it happened, in milliseconds. */
  readonly ageMs?: number;
}

/** One clock offset for all sockets of a virtual user: they share both clocks. */
const wallOffset = new WallOffset();

/**
 * When an event of a WebSocket happened, on the clock of {@link now}. The engine says how long ago that was. Stock k6
 * stamps it in the goroutine that read the socket (js/modules/k6/websockets, readPump); the handler runs whenever the
 * event loop comes to it.
 */
export const arrivalOf = ({ timestamp, ageMs }: SocketEvent, handledAt: Ms = now()): Ms =>
  ageMs === undefined ? wallOffset.arrival(timestamp, handledAt) : ms(handledAt - ageMs);
