/** Asks in a terminal, until each question has an answer that it takes. */
import { createInterface } from "node:readline/promises";
import { fold } from "../../lib/summary/fold.ts";
import { EXIT, UserError } from "../command.ts";
import type { Question } from "./questions.ts";

export interface Terminal {
  readonly input: NodeJS.ReadableStream;
  readonly out: NodeJS.WritableStream;
  readonly signal: AbortSignal;
}

/** @throws {@link UserError} when the input ends, or the user asks to stop */
export async function ask(
  questions: readonly Question[],
  { input, out, signal }: Terminal,
): Promise<Record<string, string>> {
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  const answers: Record<string, string> = {};
  const stop = () => lines.close();
  signal.addEventListener("abort", stop);
  try {
    // Lines that are there already count too, as when answers come from a pipe.
    const given = lines[Symbol.asyncIterator]();
    for (const question of questions) {
      for (;;) {
        out.write(promptOf(question));
        const { value, done } = await given.next();
        if (done)
          throw new UserError("init: stopped before the last answer: nothing was written", EXIT.error);
        const answer = value.trim() === "" ? question.fallback : value.trim();
        const refusal = question.refuse(answer);
        if (refusal === undefined) {
          answers[question.name] = answer;
          break;
        }
        out.write(`${fold(`  ${refusal}`, "  ", 80).join("\n")}\n`);
      }
    }
    return answers;
  } finally {
    signal.removeEventListener("abort", stop);
    lines.close();
  }
}

function promptOf({ asks, choices, fallback }: Question): string {
  const listed = choices ? fold(`  ${choices.join(", ")}`, "  ", 80) : [];
  return `${[asks, ...listed].join("\n")}\n  [${fallback}] `;
}
