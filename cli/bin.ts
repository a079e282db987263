#!/usr/bin/env node
import { main } from "./main.ts";

/** npm passes the terminal's ^C on although the terminal sent it here too: a second one so soon is the same one. */
const SAME_KEYSTROKE_MS = 1_000;

const stop = new AbortController();
let stoppedAt = 0;
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(name, () => {
    if (!stop.signal.aborted) {
      stoppedAt = performance.now();
      stop.abort(name);
    } else if (performance.now() - stoppedAt > SAME_KEYSTROKE_MS) {
      process.exit(130); // asked twice: at once, whatever is left to write
    }
  });
}

// A reader that went away (`| head`) asks to stop, as ^C does.
process.stdout.on("error", () => stop.abort("SIGPIPE"));

process.exitCode = await main(process.argv.slice(2), {
  out: process.stdout,
  err: process.stderr,
  cwd: process.cwd(),
  env: process.env,
  signal: stop.signal,
  ...(process.stdin.isTTY && { input: process.stdin }),
});
