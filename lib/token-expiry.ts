/** What a server did about a token that ran out on an open connection. Pure: what was seen is given. */
import type { Outcome } from "./reasons.ts";

/** What connections with an expired token come to, the one that most specifications want first. */
export const TOKEN_OUTCOMES = [
  "closed",
  "refreshed",
  "refused",
  "wrong_code",
  "cut",
  "accepted",
  "early",
  "unanswered",
  "not_ready",
] as const satisfies readonly Outcome[];

export const TOKEN_MEANINGS: Readonly<Record<(typeof TOKEN_OUTCOMES)[number], string>> = {
  closed: "the server closed with EXPECT_CODE when the token had expired",
  refreshed:
    "the token was renewed on the open connection, and messages were answered after the old one's end",
  refused: "the connection stayed open, but a message after the expiry was answered with an error",
  wrong_code: "the server closed with another code than EXPECT_CODE: a client cannot tell what to do",
  cut: "the connection ended without a close code: a client cannot tell expiry from a failing network",
  accepted: "a message was answered as usual although the token had expired: a security failure",
  early: "the connection ended before its token did",
  unanswered: "a message after the expiry had neither an answer nor a close",
  not_ready: "the connection or its session never opened",
};

/** What was seen of one connection. */
export interface TokenSighting {
  readonly ready: boolean;
  /** Whether the token was renewed. */
  readonly renewed: boolean;
  /** What the last probe came to, which was due after the expiry and the grace. */
  readonly answer?: "reply" | "error" | undefined;
  /** Its end, where it ended without our doing; `code` is undefined where no Close frame came. */
  readonly end?: { readonly code: number | undefined; readonly beforeExpiry: boolean } | undefined;
}

/** @param code the close code that means expiry; undefined: any */
export function tokenOutcome(
  { ready, renewed, answer, end }: TokenSighting,
  code: number | undefined,
): (typeof TOKEN_OUTCOMES)[number] {
  if (!ready) return "not_ready";
  if (answer === "reply") return renewed ? "refreshed" : "accepted";
  if (answer === "error") return "refused";
  if (!end) return "unanswered";
  if (end.beforeExpiry) return "early";
  if (end.code === undefined) return "cut";
  return code === undefined || end.code === code ? "closed" : "wrong_code";
}
