import { variablesFor } from "../identity.ts";
import { dueIn } from "../pacing.ts";
import type { NoSettings, OwnSettings, SettingName, Settings, Values } from "../settings.ts";
import { durationsOf, formatDuration, type Ms, ms, type WithDurations } from "../units.ts";
import { now, sleepUntil } from "./clock.ts";
import { CONNECTION_METRICS, Connection } from "./connection.ts";
import { scenario } from "./scenario.ts";
import type { ScenarioSpec } from "./scenario-spec.ts";

type Needs = "CONNECT_TIMEOUT" | "REPLY_TIMEOUT";

/** Connections that arrive at a rate, whether or not those before them got through. */
export interface ConnectSpec<N extends SettingName, O extends OwnSettings = NoSettings>
  extends ScenarioSpec<N, O> {
  arrivals(settings: Values<N, O>): WithDurations<Arrivals>;
  /** Variables of the protocol for connection `connection`, counted from 0. Default: everybody is in one room. */
  variables?(settings: Values<N, O>, connection: number): { readonly [name: string]: string };
}

export interface Arrivals {
  /** Connections due in a second; the first is due at once. */
  readonly perSecond: number;
  /** For how long connections arrive. */
  readonly duration: Ms;
  /** For how long each is held. */
  readonly hold: Ms;
}

/** Handshakes on due times: connect, do the session's steps, hold, close. A failed one is not tried again. */
export function connect<N extends SettingName = never, O extends OwnSettings = NoSettings>(
  spec: ConnectSpec<N, O>,
) {
  return scenario(spec, CONNECTION_METRICS, (settings: Values<N | Needs, O>) => {
    const { CONNECT_TIMEOUT, REPLY_TIMEOUT } = settings as unknown as Settings<Needs>;
    const { perSecond, duration, hold } = durationsOf<Arrivals>(spec.arrivals(settings), "duration", "hold");
    const count = dueIn(perSecond, duration);
    const variables = variablesFor(spec, settings);

    return {
      load: `${count} connections, ${perSecond} in a second, each held for ${formatDuration(hold)}`,
      size: count,
      variables,
      duration: ms(duration + hold),
      async drive({ index, of, protocol, record, identity }, origin) {
        const over: Promise<unknown>[] = [];
        for (let connection = index; connection < count; connection += of) {
          const intended = ms(origin + (connection * 1_000) / perSecond);
          await sleepUntil(intended);
          const startedAt = now();
          record("ws_generator_delay_ms", startedAt - intended, { side: "send" });
          const { outcome, closed } = new Connection({
            ...identity(connection, variables(connection)),
            protocol,
            replyTimeout: REPLY_TIMEOUT,
            intended,
            connectBy: ms(startedAt + CONNECT_TIMEOUT),
            end: ms(intended + hold),
            record,
          });
          over.push(outcome, closed);
        }
        await Promise.all(over);
      },
    };
  });
}
