/** The form of a run's account of what it tested. Apart from what scenarios need, since virtual users would hold it. */
import * as v from "valibot";

const text = v.pipe(v.string(), v.maxLength(10_000));

export const TestedSchema = v.pipe(
  v.strictObject({
    urls: v.pipe(
      v.array(text),
      v.description("The endpoints, without user, password and query, where tokens travel."),
    ),
    publishUrls: v.exactOptional(
      v.pipe(
        v.array(text),
        v.description("The endpoints of publishers that have their own, or of publications by HTTP."),
      ),
    ),
    proxies: v.exactOptional(
      v.pipe(v.array(text), v.description("The proxies that connections go by, without credentials.")),
    ),
    protocol: v.pipe(text, v.description("The name of the protocol's descriptor.")),
    profile: v.pipe(
      v.nullable(text),
      v.description("The profile by which the run was judged; null for the scenario's own limits alone."),
    ),
    load: v.pipe(text, v.description("The load, in words.")),
    connections: v.pipe(
      v.number(),
      v.integer(),
      v.minValue(0),
      v.description("How many connections the load consists of."),
    ),
    replyTimeoutMs: v.exactOptional(
      v.pipe(
        v.number(),
        v.minValue(0),
        v.description("How long a message had to come before it counted as missing: REPLY_TIMEOUT."),
      ),
    ),
    fixed: v.exactOptional(
      v.pipe(text, v.description("Of a load that grew: what all of its steps had in common, in words.")),
    ),
    settings: v.pipe(
      v.record(v.string(), text),
      v.description("The given settings, as they were given. A secret is shown as ***."),
    ),
    host: v.exactOptional(v.pipe(text, v.description("The machine that made the load."))),
  }),
  v.description("The subject of the test, and how it was tested. Absent if your own script does not say."),
);

export type Tested = v.InferOutput<typeof TestedSchema>;

/** Reads what `TESTED_VARIABLE` holds; undefined where it is not ours. */
export function parseTested(json: string | undefined): Tested | undefined {
  if (json === undefined) return undefined;
  try {
    const { success, output } = v.safeParse(TestedSchema, JSON.parse(json));
    return success ? output : undefined;
  } catch {
    return undefined;
  }
}
