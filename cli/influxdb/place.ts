/** Where runs are stored: the address that `--out realtime-influxdb=` takes, and the same environment variables. */
import { UserError } from "../command.ts";

export interface Place2 {
  readonly major: 2;
  readonly url: string;
  readonly org: string;
  readonly bucket: string;
  readonly token: string;
}

export interface Place1 {
  readonly major: 1;
  readonly url: string;
  readonly database: string;
  readonly user: string;
  readonly password: string;
}

export type Place = Place1 | Place2;

const EXPECTED =
  "expected http://HOST:8086/?org=ORG&bucket=BUCKET (InfluxDB 2) or http://HOST:8086/DATABASE (InfluxDB 1)";

/**
 * Reads an address, and what is secret from the environment. Its errors do not repeat the address: a token may be in
 * it by mistake.
 *
 * @throws {@link UserError} where something is missing or too much
 */
export function parsePlace(address: string, env: NodeJS.ProcessEnv): Place {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new UserError(`${EXPECTED}, got another form of address`);
  if (url.username || url.password) {
    throw new UserError(
      `${EXPECTED}, got credentials in the address: give them in INFLUX_TOKEN, or in INFLUX_USERNAME and INFLUX_PASSWORD`,
    );
  }
  const database = url.pathname.replace(/^\/+|\/+$/g, "");
  const [org, bucket] = [url.searchParams.get("org"), url.searchParams.get("bucket")];
  if (database && !org && !bucket) {
    const { INFLUX_USERNAME: user = "", INFLUX_PASSWORD: password = "" } = env;
    return { major: 1, url: url.origin, database, user, password };
  }
  if (database || !org || !bucket) throw new UserError(`${EXPECTED}, got an address that is neither`);
  const token = env.INFLUX_TOKEN;
  if (!token) throw new UserError("InfluxDB 2 wants a token: set INFLUX_TOKEN in the environment");
  return { major: 2, url: url.origin, org, bucket, token };
}
