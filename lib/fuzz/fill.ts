/** Puts this run's values in place of what stands for them in a sequence. Pure. */
import type { Conversation } from "../protocols/index.ts";
import { STANDS_FOR } from "./sequence.ts";

/** The values of a connection that fill a message's variables. */
export interface Values {
  readonly room: string;
  readonly user: string;
  readonly neighbour: string;
  readonly token: string;
  /** Its identifiers are made of it. */
  readonly number: number;
  /** What the protocol's session captured. */
  readonly captured: Conversation["captured"];
}

export function fill(text: string, { room, user, neighbour, token, number, captured }: Values): string {
  const instead: readonly (readonly [string, string])[] = [
    [STANDS_FOR.room, room],
    [STANDS_FOR.user, user],
    [STANDS_FOR.neighbour, neighbour],
    [STANDS_FOR.token, JSON.stringify(token).slice(1, -1)],
    [STANDS_FOR.id, `fz-${number}`.padEnd(STANDS_FOR.id.length, "x")],
    [STANDS_FOR.number, String(70_000_000 + (number % 9_999_999))],
  ];
  let filled = text;
  for (const [name, value] of instead) filled = filled.replaceAll(name, value);
  for (const [name, value] of Object.entries(captured)) {
    filled = filled
      .replaceAll(`"fuzz-captured-${name}-"`, value.json)
      .replaceAll(`fuzz-captured-${name}-`, value.text);
  }
  return filled;
}
