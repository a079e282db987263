import { Script } from "node:vm";
import { EXIT, UserError } from "./command.ts";

/** Long for messages and rules of any honest size. */
const MOST_MS = 5_000;

/**
 * Does it, unless it takes too long: a regular expression in a file may take for ever on a text that a server chose.
 *
 * @param act synchronous
 * @param source what to name in the error
 * @throws {@link UserError} with the exit code for no decision
 */
export function inTime<T>(act: () => T, source: string): T {
  let result: T | undefined;
  const run = () => {
    result = act();
  };
  try {
    new Script("run()").runInNewContext({ run }, { timeout: MOST_MS });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
    throw new UserError(
      `${source}: expected rules that are checked within ${MOST_MS / 1_000} seconds; a pattern such as (a+)+ takes for ever on some texts`,
      EXIT.undecided,
    );
  }
  return result as T;
}
