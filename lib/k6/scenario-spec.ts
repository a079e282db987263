import type { MetricName, OwnMetrics } from "../metrics.ts";
import type { Profile, ProfileName } from "../profile.ts";
import type { Protocol } from "../protocols/index.ts";
import type { Publishers } from "../publish-url.ts";
import type { NoSettings, OwnSettings, SettingName, Settings } from "../settings.ts";
import type { OwnExecutors } from "./executors.ts";
import type { LoginFunction } from "./login.ts";
import type { OwnProtocol } from "./protocol.ts";

/** Limits by metric, or by metric and value of a tag. */
export type Floor = { readonly [M in MetricName]?: readonly string[] } & {
  readonly [series: string]: readonly string[] | undefined;
};

/** What all scenarios state. A login of its own comes before each connection, in the place of `LOGIN_FILE`. */
export interface ScenarioSpec<N extends SettingName, O extends OwnSettings = NoSettings>
  extends Partial<LoginFunction> {
  /** The file's name, in lower case with hyphens. */
  readonly name: string;
  /** The settings it reads, beside the ones that all scenarios have. */
  readonly settings: readonly N[];
  /** Settings of its own: `{ MY_VAR: duration("What it is for.", "10s") }`. */
  readonly ownSettings?: O;
  /** Metrics of its own: `{ my_time_ms: trend("…") }`. */
  readonly metrics?: OwnMetrics;
  /**
   * Executors of its own, beside the load: k6's, each with the function that it runs as `exec`. That function wraps what
   * it does in `iteration`, and records with `record`. Default: none.
   */
  readonly executors?: OwnExecutors;
  /**
   * Metrics of the toolkit that its own executors record, such as {@link SOCKET_METRICS}. If its load records a
   * metric, too, the summary breaks the metric down by executor: a limit may be on
   * `ws_sessions_opened{scenario:NAME}`. Beside a swarm, none of the swarm's. Default: none.
   */
  readonly records?: readonly MetricName[];
  /** What its settings are unless given, where that is not what they are elsewhere. */
  readonly defaults?: Profile["settings"];
  /** The limits by which it is judged unless `PROFILE` says otherwise. Default: none beside its own. */
  readonly profile?: ProfileName;
  /**
   * Limits that hold whatever the profile, on metrics or on one value of a tag (`ws_connection_drops{code:1006}`). A
   * Counter must be among them, so that silence cannot pass.
   */
  readonly floor: Floor;
  /** The extension, where the scenario's sockets are not its own. Default: none. */
  readonly extension?: Helper;
  /** What its messages look like, whatever `PROTOCOL` and `PROTOCOL_FILE` say of other scenarios. */
  readonly protocol?: OwnProtocol;
  /** The same where settings decide it. */
  protocolOf?(settings: Settings<N>): Protocol;
  /**
   * Whether it takes `SSE_URL`, and by which connections. `swarm` is the engine's. `sockets` are a script's, the engine's
   * in `dist/x` alone; `engine-sockets` are so in any case. `requests` are single ones, in `dist/x` alone. Default: it
   * does not take it.
   */
  readonly eventStreams?: "swarm" | "sockets" | "engine-sockets" | "requests";
  /** Who publishes, and so whether it takes `PUBLISH_URL`. Default: nobody does. */
  readonly publishers?: Publishers;
  /** Why no check comes before its load. Default: `PREFLIGHT` decides. */
  readonly noCheck?: string;
  /** Why no login comes before its connections, in words that go on from its name. Default: one may. */
  readonly noLogin?: string;
}

/** What the extension can do that a script cannot. */
export type Helper = Pick<
  typeof import("k6/x/realtime"),
  "answerTo" | "readUsers" | "inherits" | "tryDirectory" | "Contract"
>;
