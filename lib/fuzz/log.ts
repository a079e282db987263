/** What the log of a connection says. Pure. */
import type { LogEntry, Shown } from "./observation.ts";
import { isHostile, type Step } from "./sequence.ts";

export type End = Extract<LogEntry, { event: "closed" }>;

export const endOf = (log: readonly LogEntry[]): End | undefined =>
  log.find((entry) => entry.event === "closed");

export const ended = ({ code, reason, by }: End): string =>
  by === "network"
    ? "the connection ended without a Close (1006)"
    : `Close ${code ?? "without a code"}${reason === "" ? "" : ` ${JSON.stringify(reason)}`}`;

export const violationsOf = (log: readonly LogEntry[]): string[] =>
  log.flatMap((entry) => (entry.event === "violation" ? [entry.detail] : []));

/**
 * Messages that break the descriptor, as the machine reports them. A server passes on to a room what others sent as
 * it is: it is not to blame for a delivery of odd values, or for their text.
 *
 * @param others steps of other connections
 */
export const complaintsOf = (
  log: readonly LogEntry[],
  others: readonly Step[] = [],
): { text: string; atMs: number }[] =>
  log.flatMap((entry) => {
    if (entry.event !== "received") return [];
    const isPassedOn = others.some(({ text, hex }) =>
      (text ?? hex ?? "").includes(entry.text ?? entry.hex ?? ""),
    );
    return entry.meaning.flatMap((one) => {
      if (one.kind !== "invalid") return [];
      const isOdd = one.detail.startsWith("delivery with") && others.some(isHostile);
      return isPassedOn || isOdd ? [] : [{ text: `${one.reason}: ${one.detail}`, atMs: entry.atMs }];
    });
  });

/** Messages that cannot be read at all, unless the server only gave back what it was given. */
export const garbledIn = (log: readonly LogEntry[], own: readonly Step[]): { text: string; atMs: number }[] =>
  log.flatMap((entry) => {
    if (entry.event !== "received") return [];
    const broken = entry.meaning.find((one) => one.kind === "invalid" && one.reason === "unparsable");
    const isEcho = own.some(({ text, hex }) => (text ?? hex ?? "").includes(entry.text ?? entry.hex ?? ""));
    return broken && !isEcho ? [{ text: "unparsable: a message that is not JSON", atMs: entry.atMs }] : [];
  });

export const duplicatesOf = (log: readonly LogEntry[]): string[] =>
  log.flatMap((entry) =>
    entry.event === "received"
      ? entry.meaning.flatMap((one) =>
          one.kind === "duplicate" ? [`the reply ${one.name} to ${one.id} came again`] : [],
        )
      : [],
  );

/** The last step that was sent before an instant. */
export function lastStep(log: readonly LogEntry[], atMs: number): number | undefined {
  let step: number | undefined;
  for (const entry of log)
    if (entry.event === "sent" && entry.step !== undefined && entry.atMs <= atMs) step = entry.step;
  return step;
}

export const shown = ({ text, hex = "", bytes }: Shown): string =>
  text === undefined ? `${bytes} bytes ${hex.slice(0, 80)}` : text.slice(0, 300);
