/** Reads what `--out realtime-influxdb` stored, from either version of InfluxDB. */
import { flux, fluxDateTime, linesToTables, stringToLines } from "@influxdata/influxdb-client";
import { ask, failed } from "./ask.ts";
import type { Place, Place1, Place2 } from "./place.ts";

/** One process's part of a run, from its point in `realtime_run`. */
export interface StoredRun {
  readonly run: string;
  readonly instance: string;
  readonly branch: string | undefined;
  /** The first and the last line of a recording; without a last one the process was killed, or is still at it. */
  readonly header: string;
  readonly end: string | undefined;
}

/** The fields of one point that a recording is made from. */
export interface StoredPoint {
  readonly measurement: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Nanoseconds since 1970, as precise as a number is. */
  readonly atNs: number;
  readonly fields: Readonly<Record<string, string | number>>;
}

/** The measurements of a run, beside its series. */
const OF_THE_RUN = ["realtime_run", "realtime_result", "realtime_step", "realtime_event", "realtime_open"];

/** What must be known of a point: the rest is for dashboards. */
const FIELDS = ["histogram", "sum", "passes", "total", "last", "min", "max", "cpus", "memoryBytes"];

export interface Store {
  /** Processes that ran a scenario, the latest first. */
  runs(scenario: string): Promise<StoredRun[]>;
  /** All points of one of them that begin in a stretch of time, in the order of time. */
  points(of: StoredRun, fromSecond: number, toSecond: number): Promise<StoredPoint[]>;
}

export const openStore = (place: Place): Store => (place.major === 1 ? store1(place) : store2(place));

type Row = Readonly<Record<string, string | number | null>>;

function store2({ url, token, org, bucket }: Place2): Store {
  const rows = async (query: ReturnType<typeof flux>): Promise<Row[]> =>
    rowsOf(
      await ask({
        url: `${url}/api/v2/query?org=${encodeURIComponent(org)}`,
        headers: {
          Authorization: `Token ${token}`,
          "Content-Type": "application/json",
          Accept: "application/csv",
        },
        body: JSON.stringify({ query: query.toString(), type: "flux", dialect: DIALECT }),
        answers: "csv",
        unauthorized: "the token in INFLUX_TOKEN is not accepted",
      }),
    );
  return {
    async runs(scenario) {
      const found = await rows(flux`from(bucket: ${bucket})
        |> range(start: 0)
        |> filter(fn: (r) => r._measurement == "realtime_run" and r.scenario == ${scenario})
        |> filter(fn: (r) => r._field == "header" or r._field == "end")`);
      const points = together(found.map((row) => fromFlux(row)));
      return points.sort((a, b) => b.atNs - a.atNs).map(({ tags, fields }) => storedRun(tags, fields));
    },
    async points({ run, instance }, fromSecond, toSecond) {
      const from = fluxDateTime(new Date(fromSecond * 1000).toISOString());
      const to = fluxDateTime(new Date(toSecond * 1000).toISOString());
      const found = await rows(flux`from(bucket: ${bucket})
        |> range(start: ${from}, stop: ${to})
        |> filter(fn: (r) => r.run == ${run} and r.instance == ${instance})
        |> filter(fn: (r) => not contains(value: r._measurement, set: ${OF_THE_RUN}))
        |> filter(fn: (r) => contains(value: r._field, set: ${FIELDS}))`);
      return inOrder(together(found.map((row) => fromFlux(row))));
    },
  };
}

/** The form of CSV that {@link linesToTables} reads. */
const DIALECT = {
  header: true,
  delimiter: ",",
  quoteChar: '"',
  commentPrefix: "#",
  annotations: ["datatype", "group", "default"],
};

function rowsOf(csv: string): Row[] {
  const rows: Row[] = [];
  stringToLines(
    csv,
    linesToTables({
      next: (row, table) => {
        rows.push(table.toObject(row) as Row);
      },
      error: (error) => {
        throw failed(error.message);
      },
      complete: () => {},
    }),
  );
  return rows;
}

/** A row of flux is one field of one point, with all its tags as columns. */
function fromFlux(row: Row): StoredPoint {
  const { result: _, table: __, _start, _stop, _time, _value, _field, _measurement, ...rest } = row;
  const tags = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null && value !== ""));
  return {
    measurement: String(_measurement),
    tags: tags as Record<string, string>,
    atNs: nanoseconds(String(_time)),
    fields: { [String(_field)]: _value! },
  };
}

function nanoseconds(time: string): number {
  const [, second, fraction = ""] = /^(.*?)(?:\.(\d+))?Z$/.exec(time) ?? [];
  return (Date.parse(`${second}Z`) / 1000) * 1e9 + Number(fraction.padEnd(9, "0"));
}

function store1({ url, database, retentionPolicy, user, password }: Place1): Store {
  const query = async (influxql: string): Promise<StoredPoint[]> => {
    const text = await ask({
      url: `${url}/query`,
      headers: user
        ? { Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` }
        : {},
      body: new URLSearchParams({
        db: database,
        ...(retentionPolicy && { rp: retentionPolicy }),
        epoch: "ns",
        q: influxql,
      }),
      answers: "json",
    });
    const answer: Answer1 = JSON.parse(text);
    const result = answer.results?.[0] ?? answer;
    if (result.error) throw failed(result.error);
    return (result.series ?? []).flatMap(fromSeries);
  };
  return {
    async runs(scenario) {
      const points = await query(
        `SELECT "header", "end" FROM "realtime_run" WHERE "scenario" = ${literal(scenario)} GROUP BY *`,
      );
      return points.sort((a, b) => b.atNs - a.atNs).map(({ tags, fields }) => storedRun(tags, fields));
    },
    async points({ run, instance }, fromSecond, toSecond) {
      const fields = FIELDS.map((field) => `"${field}"`).join(", ");
      const points = await query(
        `SELECT ${fields} FROM /^(?:.*)$/ WHERE "source" = 'aggregates' AND "run" = ${literal(run)} ` +
          `AND "instance" = ${literal(instance)} AND time >= ${fromSecond}s AND time < ${toSecond}s GROUP BY *`,
      );
      return inOrder(points.filter(({ measurement }) => !OF_THE_RUN.includes(measurement)));
    },
  };
}

const literal = (text: string): string => `'${text.replace(/[\\']/g, "\\$&").replace(/\n/g, "\\n")}'`;

interface Answer1 {
  readonly error?: string;
  readonly series?: readonly Series1[];
  readonly results?: readonly Answer1[];
}

interface Series1 {
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly columns: readonly string[];
  readonly values: readonly (readonly (string | number | null)[])[];
}

function fromSeries({ name, tags, columns, values }: Series1): StoredPoint[] {
  // GROUP BY * gives every tag of the measurement, empty where a series has none.
  const own = Object.fromEntries(Object.entries(tags).filter(([, value]) => value !== ""));
  return values.map((row) => {
    const { time, ...fields } = Object.fromEntries(
      columns.flatMap((column, i) => (row[i] === null ? [] : [[column, row[i]!]])),
    );
    return { measurement: name, tags: own, atNs: Number(time), fields };
  });
}

/** Puts the fields of one point together that came apart. */
function together(points: readonly StoredPoint[]): StoredPoint[] {
  const whole = new Map<string, StoredPoint>();
  for (const point of points) {
    const key = JSON.stringify([point.measurement, point.atNs, Object.entries(point.tags).sort()]);
    const before = whole.get(key);
    whole.set(key, before ? { ...before, fields: { ...before.fields, ...point.fields } } : point);
  }
  return [...whole.values()];
}

const inOrder = (points: StoredPoint[]): StoredPoint[] => points.sort((a, b) => a.atNs - b.atNs);

function storedRun(tags: StoredPoint["tags"], { header, end }: StoredPoint["fields"]): StoredRun {
  return {
    run: tags.run ?? "",
    instance: tags.instance ?? "",
    branch: tags.branch,
    header: String(header),
    end: end === undefined ? undefined : String(end),
  };
}
