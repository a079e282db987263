import { randomBytes } from "node:crypto";
import * as v from "valibot";
import { DelaySchema } from "./delay.ts";
import { FaultsSchema } from "./faults.ts";
import { parse } from "./validation.ts";

const OptionsSchema = v.strictObject({
  /** TCP port; 0, the default, takes a free one. */
  port: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535)), 0),
  /** Address to listen on. Default 127.0.0.1: nothing outside this machine reaches the server. */
  host: v.optional(v.string(), "127.0.0.1"),
  /** Fixed tokens that open a session without a user or an end. Default `test-token`. */
  tokens: v.optional(v.array(v.string()), ["test-token"]),
  /** Key of signed tokens. Default a random one: no token signed elsewhere is valid then. */
  secret: v.optional(v.pipe(v.string(), v.minLength(8)), () => randomBytes(32).toString("hex")),
  /** Largest message accepted, in bytes; a larger one ends its connection with 1009. Default 1 MiB. */
  maxPayloadBytes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 1_048_576),
  /** IM protocol: how long after the receipt the teacher's reply follows. Default 0. */
  teacherDelay: v.optional(DelaySchema, 0),
  /** Faults that are on from the start. Default none. */
  faults: v.optional(FaultsSchema, {}),
  /** Whether faults can be read and set over HTTP, from this machine only. Default true. */
  faultControl: v.optional(v.boolean(), true),
  /** How long `close()` waits for Close frames to be answered before it ends connections. Default 1000. */
  closeTimeoutMs: v.optional(v.pipe(v.number(), v.minValue(0)), 1_000),
});

/** How to run the server. The defaults stand at each field of the schema. */
export type ServerOptions = v.InferInput<typeof OptionsSchema>;
export type ResolvedOptions = v.InferOutput<typeof OptionsSchema>;

/** Fills gaps with the defaults. Throws InvalidInput on a wrong value or an unknown name. */
export function resolveOptions(given: Partial<ServerOptions>): ResolvedOptions {
  return parse(OptionsSchema, given, "server options");
}
