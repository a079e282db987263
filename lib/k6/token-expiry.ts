import { variablesFor } from "../identity.ts";
import { dueAt } from "../pacing.ts";
import { type SettingName, type Settings, SettingsError } from "../settings.ts";
import { TOKEN_MEANINGS, TOKEN_OUTCOMES, type TokenSighting, tokenOutcome } from "../token-expiry.ts";
import { durationsOf, formatDuration, type Ms, ms, type WithDurations } from "../units.ts";
import { now } from "./clock.ts";
import { Connection } from "./connection.ts";
import { outcomeTrial, type TrialNeeds } from "./outcome-trial.ts";
import { requireProbe } from "./requirements.ts";
import type { ScenarioSpec } from "./scenario-spec.ts";

/** Connections that outlive their token. */
export interface TokenExpirySpec<N extends SettingName> extends ScenarioSpec<N> {
  token(settings: Settings<N>): WithDurations<ExpiringToken>;
  /** Variables of the protocol for connection `connection`, counted from 0. Default: everybody is in one room. */
  variables?(settings: Settings<N>, connection: number): { readonly [name: string]: string };
}

export interface ExpiringToken {
  /** From the start of the load to the token's end. */
  readonly validFor: Ms;
  /** How long after that the server may still accept it. */
  readonly grace: Ms;
  /** What to renew it with on the open connection; undefined: nothing. */
  readonly next: string | undefined;
  /** The close code that means expiry; undefined: any. */
  readonly code: number | undefined;
}

/** A token runs out early by as much as the two clocks, and the rounding of its end to seconds, may differ. */
const CLOCK_TOLERANCE = ms(2_000);

/** One probe for each connection at once, and one after the token's end and the grace. */
export function tokenExpiry<N extends SettingName>(spec: TokenExpirySpec<N>) {
  return outcomeTrial<N, (typeof TOKEN_OUTCOMES)[number]>({
    ...spec,
    noLogin: "which tests the tokens that it is given",
    outcomes: TOKEN_OUTCOMES,
    meanings: TOKEN_MEANINGS,
    trial: (settings: Settings<N | TrialNeeds>, protocol) => {
      requireProbe(protocol);
      const { REPLY_TIMEOUT, CONNECT_TIMEOUT, RAMP } = settings as Settings<TrialNeeds>;
      const { validFor, grace, next, code } = durationsOf<ExpiringToken>(
        spec.token(settings),
        "validFor",
        "grace",
      );
      if (next !== undefined && !protocol.descriptor.refresh) {
        throw new SettingsError(
          `NEXT_TOKEN: expected a protocol with a refresh message, got "${protocol.name}" without one`,
        );
      }
      if (RAMP >= validFor) {
        throw new SettingsError(
          `RAMP: expected less than TOKEN_TTL (${formatDuration(validFor)}), so that every connection begins with a valid token, got ${formatDuration(RAMP)}`,
        );
      }
      const variables = variablesFor(spec, settings);
      const duration = ms(validFor + grace);
      return {
        what: `until ${formatDuration(grace)} after the end of their token, which comes after ${formatDuration(validFor)}`,
        duration,
        longest: ms(duration + REPLY_TIMEOUT + CONNECT_TIMEOUT),
        variables,
        async run({ identity, protocol, record }, index, intended, origin) {
          const expiry = ms(origin + validFor);
          const lastProbe = ms(expiry + grace);
          let ready = false;
          let renewed = false;
          let probes = 0;
          let answer: TokenSighting["answer"];
          const connection = new Connection({
            ...identity(index, variables(index)),
            protocol,
            replyTimeout: REPLY_TIMEOUT,
            intended,
            connectBy: ms(now() + CONNECT_TIMEOUT),
            end: ms(lastProbe + REPLY_TIMEOUT + 1),
            record,
            observe(effect) {
              if (effect.kind === "send" && effect.purpose === "refresh") renewed = true;
              const settled = effect.kind === "reply" || effect.kind === "error" ? effect : undefined;
              if (settled?.dueAt !== undefined && settled.dueAt >= lastProbe) {
                answer = settled.kind as "reply" | "error";
                connection.finish();
              }
            },
            probing: {
              payload: "",
              nextId: () => String(++probes),
              begin: (at) => {
                ready = true;
                if (next !== undefined) connection.renew(next, expiry);
                return dueAt(at, lastProbe);
              },
            },
          });
          const outcome = await connection.outcome;
          if (outcome.kind === "planned") await connection.closed;
          const end =
            outcome.kind === "dropped"
              ? { code: outcome.code, beforeExpiry: outcome.at < expiry - CLOCK_TOLERANCE }
              : undefined;
          return tokenOutcome({ ready, renewed, answer, end }, code);
        },
      };
    },
  });
}
