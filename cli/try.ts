import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import type { Ms } from "../lib/units.ts";
import { type Context, EXIT, readAgain, UserError } from "./command.ts";
import { ARGS, type Args, headersOf } from "./try/args.ts";
import { attempt } from "./try/attempt.ts";
import type { TryEvent, Untimed } from "./try/event.ts";
import type { Hosted } from "./try/in-k6.ts";
import { planOf } from "./try/plan.ts";
import { printable } from "./try/safe-text.ts";
import { linesOf } from "./try/transcript.ts";
import { Judge } from "./try/verdict.ts";

/** What `--help` says beyond the flags. */
export const TRY_MANUAL = `WHAT YOU SEE

  One connection, made as a scenario makes them: handshake, session, probes,
  publications if you ask for some, Close. Each message shows how the protocol's
  descriptor understood it. Write a descriptor like this, a line at a time, before
  any load. A protocol in code (a .js or .ts file) runs in k6, as it will under load.

    → sent   ← received   = as the descriptor understood it
    · events of time   ! faults

  Times count from the start of a login, and anew from that of the connection.

  Tokens are shown as ***, and what a server sends cannot act upon your
  terminal. A variable in [brackets] stands in for its flag; WS_TOKEN keeps a
  token out of the process list.

EXAMPLES

  k6-realtime try --url ws://127.0.0.1:8080/ws/chat
  WS_TOKEN=… k6-realtime try --url wss://example.com/ws --auth query --for 30s
  k6-realtime try --url wss://example.com/ws --protocol-file acme.json \\
    --publish 3 --room my-test-room
  k6-realtime try --url wss://example.com/ws --json | jq .meaning
  k6-realtime try --url https://example.com/events      (an event stream)

  Then the same under load:

  k6-realtime run chat-soak --url wss://example.com/ws \\
    --protocol-file acme.json

EXIT CODE

  0  the session was ready, every probe had its replies, every message kept to
     the contract if there is one, and the connection held until our Close
  1  it did not: the last line says why
  2  a flag or a descriptor is wrong: nothing was sent
  3  interrupted before there was an answer, or ended by a limit of this side
     or its machine
`;

/** `k6-realtime try`: one connection, message by message. */
export const tryOut = ({ out, err, cwd, env, signal }: Context): CommandDef =>
  defineCommand({
    meta: { name: "try", description: "Try one connection and see how each message is understood" },
    args: ARGS as ArgsDef,
    async run({ args, rawArgs }): Promise<number> {
      // What runs a protocol in code, for as long as it is tried.
      const hosted: Hosted[] = [];
      try {
        const headers = headersOf(readAgain(rawArgs, ARGS).all("header"));
        const {
          what: planned,
          maskAlso,
          json,
          notices,
          login,
        } = await planOf(args as Args, headers, { cwd, env, hosted });
        let what = planned;
        let mask = maskAlso([]);
        for (const notice of notices) err.write(`${notice}\n`);
        const judge = new Judge(what.probes);

        const print = (lines: readonly string[]): Promise<void> | undefined => {
          const text = lines.map((line) => `${printable(line)}\n`).join("");
          return out.write(text) ? undefined : new Promise((drained) => out.once("drain", drained));
        };
        const report = (untimed: Untimed, atMs: Ms) => {
          const event = { atMs, ...untimed } as TryEvent;
          judge.take(event);
          // Masked before it is cut to a line's length: half a token is too much.
          const masked = JSON.stringify(event, (key, value) =>
            typeof value === "string" && !OUR_WORDS.has(key) ? mask(value) : value,
          );
          return print(json ? [masked] : linesOf(JSON.parse(masked)));
        };

        const hide = (secrets: readonly string[]) => {
          mask = maskAlso(secrets);
        };
        const known = login && (await login(report, signal, hide));
        if (known) what = { ...what, ...known };
        if (!login || known)
          await attempt(what, report, signal).catch((error) => {
            if (!(error instanceof SyntaxError)) throw error;
            throw new UserError(
              URL.canParse(what.identity.url)
                ? "--subprotocol: expected subprotocols that differ, got one twice"
                : "--url: expected a URL, got one without a usable host or port",
            );
          });
        const { ok, undecided, reason } = judge.verdict(signal.aborted ? String(signal.reason) : undefined);
        const because = mask(reason);
        print([
          json
            ? JSON.stringify({ event: "verdict", ok, reason: because })
            : `${ok ? "ok" : undecided ? "undecided" : "failed"}: ${because}`,
        ]);
        if (ok) return EXIT.pass;
        return undecided ? EXIT.undecided : EXIT.error;
      } finally {
        for (const { close } of hosted) close();
      }
    },
  });

/** Fields of events whose values are our own words. They are not secret, even if a token is the same word. */
const OUR_WORDS: ReadonlySet<string> = new Set(["event", "kind", "purpose", "by"]);
