/** What a scenario makes of its settings: the load of one run, and the share of one virtual user. Types alone. */
import type { Options, Scenario } from "k6/options";
import type { FIRST_ROOM, Identity } from "../identity.ts";
import type { MetricName } from "../metrics.ts";
import type { Protocol } from "../protocols/index.ts";
import type { Sizes } from "../steps.ts";
import type { Breakdowns, Thresholds } from "../summary/summarize.ts";
import type { Summary } from "../summary/summary.ts";
import type { Ms } from "../units.ts";
import type { Record } from "./recorder.ts";
import type { SocketOptions } from "./socket.ts";
import type { Step } from "./steps.ts";

/** The load of one run, cut into shards that k6 spreads over virtual users, processes and machines. */
export interface Plan {
  /** In words: "100 connections for 12m". */
  readonly load: string;
  /** The number of things there are to drive; each belongs to one shard. */
  readonly size: number;
  /** Start of the load to its last planned close; 0 where nothing but the server decides that. */
  readonly duration: Ms;
  /** What it records, where the settings decide that. */
  readonly metrics?: readonly MetricName[];
  /** How long that may take. Default: no longer. */
  readonly longest?: Ms;
  /** Shards that the load is cut into. Default: one for each connection or room, at most 20. */
  readonly shards?: number;
  /** The endpoints, where it is not `WS_URL` alone. */
  readonly servers?: readonly string[];
  /** Whether some of the connections only publish, as {@link Protocol.publisher} or at `PUBLISH_URL`. Default false. */
  readonly publishersApart?: boolean;
  /** Connections that present themselves, each by the credentials of its number. Default: {@link size}. */
  readonly connections?: number;
  /** Whether the load presents each connection's credentials more than once in any case. Default false. */
  readonly reusesCredentials?: boolean;
  /** Makes the sockets of the load, where they are not those of `k6/websockets`. */
  readonly connect?: NonNullable<SocketOptions["connect"]>;
  /** Variables of connection `connection`, beside the ones that every connection has. Default: {@link FIRST_ROOM}. */
  variables?(connection: number): { readonly [name: string]: string };
  /** Options of k6, beside the ones that all scenarios have. */
  readonly options?: Pick<Options, "noConnectionReuse" | "batch" | "batchPerHost">;
  /** The extension, where it does the measuring. */
  readonly engine?: Engine;
  /** Loads to drive one after the other, instead of {@link drive}. */
  readonly steps?: StepsPlan;
  /** Limits that follow from the settings, beside the floor. */
  readonly limits?: Thresholds;
  /** Tag values to break metrics down by, where the settings decide which there are. */
  readonly breakdowns?: Breakdowns;
  /** What runs beside the load from its start, in virtual users of its own. */
  readonly beside?: Beside;
  /** Sentences that the summary shows beside its figures. */
  notes?(metrics: Summary["metrics"]): string[];
  /** Drives the share of one shard, whose load starts at `origin` on the run's clock. */
  drive(shard: Shard, origin: Ms): Promise<unknown>;
}

/** Something beside the load, as another scenario of k6. */
export interface Beside {
  /** What k6 is to call it. */
  readonly name: string;
  /** How many virtual users; each drives its share once. */
  readonly shards: number;
  /** k6's own, such as a browser. */
  readonly options?: Scenario["options"];
  drive(shard: Shard, origin: Ms): Promise<unknown>;
}

/** A load that grows. */
export interface StepsPlan {
  /** What sizes are numbers of, and what all steps have in common, in words. */
  readonly of: string;
  readonly fixed: string;
  readonly sizes: Sizes;
  /** One for each size that may be tried. */
  readonly each: readonly Step[];
}

/** What the summary takes of the extension. */
export type Engine = Pick<typeof import("k6/x/realtime"), "distributions" | "steps" | "version">;

/** One virtual user's share, and what it needs to drive it. */
export interface Shard {
  /** Counted from 0. */
  readonly index: number;
  readonly of: number;
  readonly protocol: Protocol;
  readonly record: Record;
  /** How connection `connection` of the run presents itself; `as` is {@link protocol} (default) or its `publisher`. */
  identity(connection: number, variables?: { readonly [name: string]: string }, as?: Protocol): Identity;
}
