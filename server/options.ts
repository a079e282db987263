import { randomBytes } from "node:crypto";
import * as v from "valibot";
import { TimingSchema } from "./completion-timing.ts";
import { DelaySchema } from "./delay.ts";
import { FaultsSchema } from "./faults.ts";
import { SLOW_READER_POLICIES } from "./slow-reader.ts";
import { parse } from "./validation.ts";

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const timeMs = v.pipe(v.number(), v.minValue(0), v.maxValue(2 ** 31 - 1));

export const OptionsSchema = v.strictObject({
  /** TCP port; 0, the default, takes a free one. */
  port: v.optional(v.pipe(count, v.maxValue(65_535)), 0),
  /** Address to listen on. Default 127.0.0.1: nothing outside this machine reaches the server. */
  host: v.optional(v.string(), "127.0.0.1"),
  /** TLS (`wss:`): true for a certificate that the server makes itself, or one in PEM. Default false. */
  tls: v.optional(v.union([v.boolean(), v.strictObject({ cert: v.string(), key: v.string() })]), false),

  /** Fixed tokens that open a session without a user or an end. Default `test-token`. */
  tokens: v.optional(v.array(v.pipe(v.string(), v.minLength(1))), ["test-token"]),
  /** Key of signed tokens. Default a random one: no token signed elsewhere is valid then. */
  secret: v.optional(v.pipe(v.string(), v.minLength(8)), () => randomBytes(32).toString("hex")),
  /** How long a connection opened with `?auth=message` may take to send its token. Default 5000. */
  authTimeoutMs: v.optional(timeMs, 5_000),
  /** Values of the Origin header that may connect. A request without the header may. Default empty: any. */
  origins: v.optional(v.array(v.string()), []),
  /** Subprotocols to choose from, the server's first choice first. Default none: none is agreed on. */
  subprotocols: v.optional(v.array(v.string()), []),

  /** Largest request line and headers, in bytes; more is refused with 431. Default 16 KiB. */
  maxHeaderBytes: v.optional(v.pipe(count, v.minValue(1_024)), 16_384),
  /** Largest message accepted, in bytes; a larger one ends its connection with 1009. Default 1 MiB. */
  maxPayloadBytes: v.optional(v.pipe(count, v.minValue(1)), 1_048_576),
  /** Whether permessage-deflate is accepted where a client offers it, as the client offers it. Default `off`. */
  compression: v.optional(v.picklist(["off", "deflate"]), "off"),
  /** What becomes of a subscriber that reads too slowly. Default `close`. */
  slowReader: v.optional(v.picklist(SLOW_READER_POLICIES), "close"),
  /** Bytes that may wait for one subscriber beyond what the kernel takes. At least 64 KiB, default 1 MiB. */
  maxBufferedBytes: v.optional(v.pipe(count, v.minValue(65_536)), 1_048_576),
  /** The history that a room keeps for clients that resume: at most this many messages … Default 1000. */
  historyMessages: v.optional(count, 1_000),
  /** … and so many bytes. Default 1 MiB. */
  historyBytes: v.optional(count, 1_048_576),

  /** IM protocol: how long after its receipt a message is replied to. Default 0. */
  teacherDelay: v.optional(DelaySchema, 0),
  /** Room streams: how long a client is told to wait before it connects again. Default 1000. */
  retryMs: v.optional(timeMs, 1_000),
  /** Room streams: from each keep-alive comment to the next; 0 for none. Default 15000. */
  keepAliveMs: v.optional(timeMs, 15_000),
  /** Completions: when their tokens come, and how many. Default 100 ms to the first, 20 ms to each other, 50 tokens. */
  completions: v.optional(TimingSchema, {}),
  /** Faults that are on from the start. Default none. */
  faults: v.optional(FaultsSchema, {}),
  /** Whether faults can be read and set over HTTP, from this machine only. Default true. */
  faultControl: v.optional(v.boolean(), true),
  /** How long a Close frame of the server may stay unanswered before the connection is ended. Default 2000. */
  closeTimeoutMs: v.optional(timeMs, 2_000),
});

/** How to run the server. The defaults stand at each field of the schema. */
export type ServerOptions = v.InferInput<typeof OptionsSchema>;
export type ResolvedOptions = v.InferOutput<typeof OptionsSchema>;

/** Fills gaps with the defaults. Throws InvalidInput on a wrong value or an unknown name. */
export function resolveOptions(given: Partial<ServerOptions>): ResolvedOptions {
  return parse(OptionsSchema, given, "server options");
}
