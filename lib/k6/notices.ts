import { peerText } from "../peer-text.ts";
import { type ConnectReason, dropCode } from "../reasons.ts";

/**
 * What closed lists leave out, said once each: the text of a Close frame, where a redirect leads to, why a look-up
 * failed. A log line, and a note of the summary where the extension keeps it: virtual users of stock k6 share nothing
 * with the summary.
 */

/** The extension, as far as it keeps notices. */
export type Keeper = Pick<typeof import("k6/x/realtime"), "notice" | "notices">;

/** Of one virtual user, and of one reason or close code. */
const MOST = 30;
const MOST_OF_A_GROUP = 5;

let keeper: Keeper | undefined;
let secrets: readonly string[] = [];
const heard = new Set<string>();
const groups = new Map<string, number>();

/** Keeps notices in the extension from here on. */
export function keepNotices(extension: Keeper): void {
  keeper = extension;
}

/** What no notice may repeat. */
export function hideInNotices(texts: readonly string[]): void {
  secrets = texts;
}

/**
 * Reports a peer's words.
 *
 * @param group the reason or close code that it is counted by
 * @param said the peer's words, as they came
 * @param sentence makes the notice from the words, once they are safe to print
 * @param more further secrets that must not be in them
 */
export function notice(
  group: string,
  said: string,
  sentence: (said: string) => string,
  more: readonly string[] = [],
): void {
  const key = `${group} ${said}`;
  const count = groups.get(group) ?? 0;
  if (heard.has(key) || count >= MOST_OF_A_GROUP || heard.size >= MOST) return;
  heard.add(key);
  groups.set(group, count + 1);
  const told = sentence(peerText(said, [...secrets, ...more]));
  if (keeper) keeper.notice(group, told);
  else console.warn(told);
}

/** The notices of all virtual users of this process, as the extension has kept them. */
export const noticesSoFar = (): readonly string[] => keeper?.notices() ?? [];

/** What the closed list of close codes does not tell. */
export function tellOfClose(code: number | undefined, text: string, secrets: readonly string[]): void {
  const isOther = dropCode(code) === "other";
  if (code === undefined || (!isOther && text === "")) return;
  const counted = isOther ? ", which counts as ws_connection_drops{code:other}" : "";
  notice(
    `closed ${code}`,
    text,
    (said) => `a connection was closed with ${code}${said === "" ? "" : ` and "${said}"`}${counted}`,
    secrets,
  );
}

/** Reasons of which the sockets know more than their name. */
const TOLD: readonly ConnectReason[] = ["dns", "tls", "other", "bad_upgrade"];

/** What the closed list of failures does not tell. */
export function tellOfFailure(reason: ConnectReason, text: string, secrets: readonly string[]): void {
  const status = /^http_\d{3}/.exec(text)?.[0];
  if (status !== undefined && (reason !== status || text !== status)) {
    const counted = reason === status ? "" : `, which counts as ws_connect_failures{reason:${reason}}`;
    notice(status, text, (said) => `an upgrade was answered with ${said}${counted}`, secrets);
  } else if (TOLD.includes(reason) && text !== "") {
    notice(reason, text, (said) => `a connection failed (${reason}): ${said}`, secrets);
  }
}
