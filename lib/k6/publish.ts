import type { DueTimes } from "../pacing.ts";
import type { Ms } from "../units.ts";
import { now, sleepUntil } from "./clock.ts";
import type { Record } from "./recorder.ts";

/** The fate of a publication that was due: sent, left out, or the first one that nobody can send any more. */
type Attempt = "published" | "left-out" | "over";

/**
 * Publishes at each due time, whatever became of earlier publications (an open model). Records each publication and
 * how late it was.
 *
 * @param publish sends the publication that was due at `due`, at `at` on the script's clock
 */
export async function publishWhenDue(
  dueTimes: DueTimes,
  record: Record,
  publish: (due: Ms, at: Ms) => Attempt,
): Promise<void> {
  for (let due = dueTimes.next(); due !== undefined; due = dueTimes.next()) {
    await sleepUntil(due);
    const at = now();
    dueTimes.take(at);
    const attempt = publish(due, at);
    if (attempt === "over") return;
    if (attempt === "left-out") continue;
    record("ws_publications", 1);
    record("ws_generator_delay_ms", at - due, { side: "send" });
  }
}

/**
 * A mark for the rooms and publications of one run of one instance. Neither an earlier run's history nor another
 * instance's publications are then taken for ours.
 */
export const randomMark = (): string => Math.random().toString(36).slice(2, 10);
