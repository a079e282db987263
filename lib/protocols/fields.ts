import type { Ms } from "../units.ts";
import type { Capture, CompiledDelivery, DeliveryFields } from "./compile.ts";
import { isoTimeMs } from "./iso-time.ts";
import type { Effect } from "./protocol.ts";
import type { Reader } from "./reader.ts";
import type { Value } from "./template.ts";

/** A message that breaks the protocol in the way said. */
export const contract = (detail: string): Effect => ({ kind: "invalid", reason: "contract", detail });

/** What is to be captured from the message, or the name of what is not there. */
export function readCaptures(reader: Reader, captures: readonly Capture[]): Map<string, Value> | string {
  const taken = new Map<string, Value>();
  for (const { name, locator } of captures) {
    const value = reader.value(locator);
    if (!value) return name;
    taken.set(name, value);
  }
  return taken;
}

/** The delivery that the message is, with its faults, and the point to resume from after it. */
export function readDelivery(
  reader: Reader,
  delivery: CompiledDelivery,
  at: Ms,
): { effect: Effect; complaint?: Effect | undefined; cursor?: Value | undefined } {
  if (delivery.isJson && !reader.isJson) {
    return { effect: { kind: "invalid", reason: "unparsable", detail: "a delivery that is not JSON" } };
  }
  const id = delivery.id && reader.textAt(delivery.id);
  const publisher = delivery.publisher && reader.textAt(delivery.publisher);
  const room = delivery.room && reader.textAt(delivery.room);
  const seq = delivery.seq && reader.sequence(delivery.seq);
  const sentAt = timeAt(reader, delivery);
  const cursor = delivery.cursor ? reader.sequence(delivery.cursor) : seq;
  const fields: Record<keyof DeliveryFields, unknown> = { id, publisher, room, seq, sentAt, cursor };
  // A field may be absent, but what is there must be of use. The delivery came all the same, and counts without it.
  const unusable = (Object.keys(fields) as (keyof DeliveryFields)[]).find((field) => {
    const locator = delivery[field];
    return locator && fields[field] === undefined && reader.has(locator);
  });
  const sentAtMs = sentAt === undefined ? undefined : delivery.toMs(sentAt);
  return {
    effect: { kind: "delivery", id, publisher, room, seq: seq && exactNumber(seq.text), sentAtMs, at },
    complaint: unusable && contract(`delivery with an unusable ${unusable}`),
    cursor,
  };
}

/** The server's time as it was given; undefined where there is none, or more than milliseconds can say. */
function timeAt(reader: Reader, { sentAt, toMs, isIso }: CompiledDelivery): number | undefined {
  if (sentAt && isIso) return isoTimeMs(reader.textAt(sentAt) ?? "");
  const given = sentAt && reader.number(sentAt);
  return given !== undefined && Number.isFinite(toMs(given)) ? given : undefined;
}

/** A number where the text is a whole one that JavaScript holds exactly. */
function exactNumber(text: string): string | number {
  const number = Number(text);
  return Number.isSafeInteger(number) && String(number) === text ? number : text;
}
