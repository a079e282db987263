/**
 * The place where runs are stored: the address that `--out realtime-influxdb=` takes, and the same environment
 * variables.
 */
import { isToken, shapeOf } from "../../lib/shape.ts";
import { UserError } from "../command.ts";

export interface Place2 {
  readonly major: 2;
  /** The base URL of InfluxDB, without a slash at the end. */
  readonly url: string;
  readonly org: string;
  readonly bucket: string;
  readonly token: string;
}

export interface Place1 {
  readonly major: 1;
  readonly url: string;
  readonly database: string;
  /** "" for the database's own. */
  readonly retentionPolicy: string;
  readonly user: string;
  readonly password: string;
}

export type Place = Place1 | Place2;

const EXPECTED =
  "expected http://HOST:8086/?org=ORG&bucket=BUCKET (InfluxDB 2) or http://HOST:8086/DATABASE (InfluxDB 1)";
const PARAMETERS: readonly string[] = ["org", "bucket", "rp"];

/**
 * Reads an address, and what is secret from the environment. Its errors do not repeat the address: a token may be in
 * it by mistake. `extension/influxdb/config.go` reads the same; `test/influxdb/addresses.json` holds both to it.
 *
 * @throws {@link UserError} where something is missing or too much
 */
export function parsePlace(address: string, env: NodeJS.ProcessEnv): Place {
  const wrong = (got: string) => new UserError(`${EXPECTED}, got ${got}`);
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.hash) throw wrong("another form of address");
  if (url.username || url.password) {
    throw wrong(
      "credentials in the address: give them in INFLUX_TOKEN, or in INFLUX_USERNAME and INFLUX_PASSWORD",
    );
  }
  const unknown = [...url.searchParams.keys()].find((name) => !PARAMETERS.includes(name));
  if (unknown !== undefined) throw wrong(`the parameter ${JSON.stringify(unknown)}`);
  const [org, bucket, rp] = PARAMETERS.map((name) => url.searchParams.get(name) ?? "") as [
    string,
    string,
    string,
  ];
  const path = url.pathname.replace(/^\/+|\/+$/g, "");
  const server = (prefix: string) => url.origin + (prefix && `/${prefix}`);
  if (org && !bucket) throw wrong("an organisation without a bucket");
  if (bucket && !org) throw wrong("a bucket without an organisation");
  if (org) {
    if (rp) throw wrong("a retention policy (rp), which only InfluxDB 1 has");
    const token = env.INFLUX_TOKEN;
    if (!token) throw new UserError("InfluxDB 2 wants a token: set INFLUX_TOKEN in the environment");
    if (!isToken(token)) {
      throw new UserError(`INFLUX_TOKEN: expected printable ASCII without spaces, got ${shapeOf(token)}`);
    }
    return { major: 2, url: server(path), org, bucket, token };
  }
  if (path === "") throw wrong("neither a database nor an organisation and a bucket");
  const [, prefix = "", last = ""] = /^(?:(.*)\/)?([^/]*)$/.exec(path) ?? [];
  const database = decoded(last);
  if (database === undefined) throw wrong("another form of address");
  const { INFLUX_USERNAME: user = "", INFLUX_PASSWORD: password = "" } = env;
  // What comes before the database is where a proxy has InfluxDB.
  return {
    major: 1,
    url: server(prefix.replace(/\/+$/, "")),
    database,
    retentionPolicy: rp,
    user,
    password,
  };
}

/** Undefined where it is not well formed, which no URL that a browser takes need be. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
