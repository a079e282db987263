import { dueIn } from "../pacing.ts";
import type { SettingName, Settings } from "../settings.ts";
import { formatDuration, type Ms, ms } from "../units.ts";
import { now, sleepUntil } from "./clock.ts";
import { CONNECTION_METRICS, Connection } from "./connection.ts";
import { type ScenarioSpec, scenario } from "./scenario.ts";

type Needs = "CONNECT_TIMEOUT" | "REPLY_TIMEOUT";

/** Connections that arrive at a rate, whether or not those before them got through. */
export interface ConnectSpec<N extends SettingName> extends ScenarioSpec<N> {
  arrivals(settings: Settings<N>): Arrivals;
  /** Variables of the protocol for connection `connection`, counted from 0. */
  variables(settings: Settings<N>, connection: number): { readonly [name: string]: string };
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
export function connect<N extends SettingName>(spec: ConnectSpec<N>) {
  return scenario(spec, CONNECTION_METRICS, (settings: Settings<N | Needs>) => {
    const { CONNECT_TIMEOUT, REPLY_TIMEOUT } = settings as Settings<Needs>;
    const { perSecond, duration, hold } = spec.arrivals(settings);
    const count = dueIn(perSecond, duration);

    return {
      load: `${count} connections, ${perSecond} in a second, each held for ${formatDuration(hold)}`,
      size: count,
      variables: (connection) => spec.variables(settings, connection),
      duration: ms(duration + hold),
      async drive({ index, of, protocol, record, identity }, origin) {
        const over: Promise<unknown>[] = [];
        for (let connection = index; connection < count; connection += of) {
          const intended = ms(origin + (connection * 1_000) / perSecond);
          await sleepUntil(intended);
          const startedAt = now();
          record("ws_generator_delay_ms", startedAt - intended, { side: "send" });
          const { outcome, closed } = new Connection({
            ...identity(connection, spec.variables(settings, connection)),
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
