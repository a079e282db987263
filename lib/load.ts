/** Who is connected when. Pure: a load is a plan, and each connection can look up its own part of it. */
import { type Ms, ms } from "./units.ts";

/** Connections opened over `ramp`, held for `hold`, closed over `rampDown`, the last opened first. */
export interface Load {
  readonly connections: number;
  readonly ramp: Ms;
  readonly hold: Ms;
  readonly rampDown: Ms;
}

/** From when to when something is meant to be there, from the start of the load. */
export interface Span {
  readonly start: Ms;
  readonly end: Ms;
}

/** The whole load, first opening to last planned close. */
export const plannedMs = (load: Load): Ms => ms(load.ramp + load.hold + load.rampDown);

/** When connection `index` (from 0) is meant to be open. */
export function spanOf(load: Load, index: number): Span {
  const share = index / load.connections;
  return {
    start: ms(load.ramp * share),
    end: ms(load.ramp + load.hold + load.rampDown * (1 - share)),
  };
}

/**
 * The connections that shard `shard` (from 0) of `shards` drives. Every connection belongs to exactly
 * one shard, so k6 can spread the shards over processes and nothing is lost or doubled.
 */
export function connectionsOf(load: Load, shard: number, shards: number): number[] {
  const indices: number[] = [];
  for (let index = shard; index < load.connections; index += shards) indices.push(index);
  return indices;
}

/**
 * Cuts a span into sessions of `length`. A rest too short for even one probe (`least`) is added to the
 * session before it instead of becoming one of its own.
 */
export function sessionsIn(span: Span, length: Ms, least: Ms): Span[] {
  const sessions: Span[] = [];
  let start = span.start;
  while (start < span.end) {
    const next = ms(start + length);
    const end = span.end - next < least ? span.end : next;
    sessions.push({ start, end });
    start = end;
  }
  return sessions;
}
