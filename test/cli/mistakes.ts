/** Mistakes that people make on a first day, and what they should read: what was found, what was expected, what to do. */
export interface Mistake {
  readonly what: string;
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Files in the directory, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** What the message must say, in any order. */
  readonly says: readonly (string | RegExp)[];
  /** Default 2. */
  readonly code?: number;
}

const URL = "ws://127.0.0.1:9/ws";
const soak = ["run", "chat-soak", "--url", URL];

export const MISTAKES: readonly Mistake[] = [
  // Commands and flags.
  { what: "a misspelt command", argv: ["gat"], says: ["gat", "did you mean gate?"] },
  { what: "a command that there is not", argv: ["deploy"], says: ["deploy", "expected one of", "run"] },
  {
    what: "a scenario as the command",
    argv: ["chat-soak"],
    says: ["that is a scenario", "k6-realtime run chat-soak"],
  },
  { what: "a flag before the command", argv: ["--url", URL], says: ["unknown flag --url", "run"] },
  { what: "no scenario", argv: ["run"], says: ["SCENARIO: expected", "chat-soak", "got nothing"] },
  { what: "a misspelt scenario", argv: ["run", "chatsoak"], says: ['"chatsoak"', "did you mean chat-soak?"] },
  {
    what: "a misspelt flag",
    argv: [...soak, "--conections", "5"],
    says: ["--conections", "did you mean --connections?"],
  },
  {
    what: "k6's flag for the load",
    argv: [...soak, "--vus", "5"],
    says: ["--vus", "expected --connections"],
  },
  {
    what: "k6's flag for an output",
    argv: [...soak, "--out", "json=x"],
    says: ["--out", "behind --", "-- --out"],
  },
  {
    what: "a baseline for a run",
    argv: [...soak, "--baseline", "x"],
    says: ["--baseline", "k6-realtime gate"],
  },
  {
    what: "a flag without its value",
    argv: [...soak, "--connections"],
    says: ["--connections", "expects a value"],
  },
  { what: "a setting without -e", argv: ["run", "chat-soak", "ROOMS=5"], says: ['"ROOMS=5"', "-e ROOMS=…"] },
  {
    what: "-e without a value",
    argv: [...soak, "-e", "ROOMS"],
    says: ["-e: expected NAME=value", '"ROOMS"'],
  },
  {
    what: "a misspelt setting",
    argv: [...soak, "-e", "CONECTIONS=5"],
    says: ["CONECTIONS", "did you mean CONNECTIONS?"],
  },
  {
    what: "a setting given twice",
    argv: [...soak, "--rooms", "1", "-e", "ROOMS=2"],
    says: ["ROOMS", "expected it once, got it twice"],
  },
  {
    what: "a token on the command line",
    argv: [...soak, "--token", "secret"],
    says: ["--token", "in the environment", "WS_TOKEN=… k6-realtime run"],
  },
  {
    what: "a load for k6 behind --",
    argv: [...soak, "--", "--duration=5s"],
    says: ["-- --duration=5s", "expected", "-e"],
  },
  // Values.
  {
    what: "a number that is none",
    argv: [...soak, "--connections", "many"],
    says: ["CONNECTIONS: expected a whole number", '"many"'],
  },
  {
    what: "a duration without a unit",
    argv: [...soak, "--duration", "30"],
    says: ["DURATION: expected a duration", "10s", '"30"'],
  },
  {
    what: "a URL of the web",
    argv: ["run", "chat-soak", "--url", "https://a.example/ws"],
    says: ["WS_URL: expected a ws:// or wss:// URL", "https://"],
  },
  {
    what: "a URL without a scheme",
    argv: ["run", "chat-soak", "--url", "a.example/ws"],
    says: ["WS_URL: expected a ws:// or wss:// URL", "does not begin with"],
  },
  {
    what: "a protocol that there is not",
    argv: [...soak, "--protocol", "mqtt"],
    says: ["PROTOCOL: expected chat, echo or im", '"mqtt"', "PROTOCOL_FILE"],
  },
  {
    what: "a profile that there is not",
    argv: [...soak, "--profile", "fast"],
    says: ["expected", "smoke", "the path of a profile", '"fast"'],
  },
  {
    what: "a session too short for a probe",
    argv: [...soak, "--session", "1s"],
    says: ["SESSION: expected at least PROBE_INTERVAL + REPLY_TIMEOUT (7s)", "got 1s"],
  },
  {
    what: "more rooms than members",
    argv: ["run", "ordering", "--url", URL, "--connections", "2", "--rooms", "9"],
    says: ["ROOMS: expected at most CONNECTIONS (2)", "got 9"],
  },
  {
    what: "a search that falls",
    argv: ["run", "fan-out", "--url", URL, "--steps", "auto:9..3"],
    says: ["STEPS: expected", "auto:FROM..TO", '"auto:9..3"'],
  },
  {
    what: "a token with a line break",
    argv: soak,
    env: { WS_TOKEN: "secret\n" },
    says: ["WS_TOKEN: expected printable ASCII", "ends in a line break"],
  },
  {
    what: "headers that are no JSON",
    argv: soak,
    env: { HEADERS: "X-Api-Key: secret" },
    says: ["HEADERS: expected a JSON object", "no JSON"],
  },
  // Files.
  {
    what: "a protocol's file that is not there",
    argv: [...soak, "--protocol-file", "none.json"],
    says: ["PROTOCOL_FILE: expected a readable", "none.json"],
  },
  {
    what: "a protocol's file that is no JSON",
    argv: [...soak, "--protocol-file", "p.json"],
    files: { "p.json": "{" },
    says: ["PROTOCOL_FILE", "p.json", "JSON"],
  },
  {
    what: "a field that no protocol has",
    argv: [...soak, "--protocol-file", "p.json"],
    files: { "p.json": '{"name":"x","probee":{}}' },
    says: ["p.json", "probee"],
  },
  {
    what: "a profile's limit on no metric",
    argv: [...soak, "--profile", "l.json"],
    files: { "l.json": '{"thresholds":{"latency":["p(95)<5"]}}' },
    says: ["l.json", "latency", "docs/reference/metrics.md"],
  },
  {
    what: "a profile's limit that is none",
    argv: [...soak, "--profile", "l.json"],
    files: { "l.json": '{"thresholds":{"ws_msg_rtt_ms":["p95 < 5"]}}' },
    says: ["l.json", "p(95)<500", "p95 < 5"],
  },
  {
    what: "a table of users that is not there",
    argv: [...soak, "--users", "u.csv"],
    says: ["USERS: expected a readable", "u.csv"],
  },
  {
    what: "a script that is not there",
    argv: ["run", "./none.js"],
    says: ["SCENARIO: expected a readable file", "none.js"],
  },
  {
    what: "a script that does not parse",
    argv: ["run", "./bad.js"],
    files: { "bad.js": "export default function ( {" },
    says: ["k6 refuses", "bad.js", "Line 1:28"],
    code: 1,
  },
  {
    what: "a script that imports a package and is not bundled",
    argv: ["run", "./mine.ts"],
    files: { "mine.ts": 'import { soak } from "k6-realtime/scenarios";\nexport default soak({}).run;' },
    says: ["mine.ts", 'the package "k6-realtime/scenarios"', "npx esbuild", "dist/mine.js"],
  },
  // Judging.
  { what: "a gate of nothing", argv: ["gate"], says: ["gate: expected a RUN", "got none"] },
  {
    what: "a gate of a file that is not there",
    argv: ["gate", "none.jsonl"],
    says: ["none.jsonl: expected a recording", "got nothing there"],
  },
  {
    what: "a gate of a directory without recordings",
    argv: ["gate", "."],
    says: ["expected recordings (*.realtime.jsonl)", "got none"],
  },
  {
    what: "a gate of another file",
    argv: ["gate", "a.json"],
    files: { "a.json": "{}" },
    says: ["a.json: expected a recording", "k6 run --out realtime=FILE"],
  },
  {
    what: "a tolerance that is none",
    argv: ["gate", ".", "--tolerance", "much"],
    says: ["gate: --tolerance: expected percent", '"much"'],
  },
  { what: "a report of nothing", argv: ["report"], says: ["report: expected a RUN", "got none"] },
  // Stores.
  {
    what: "a baseline without an address",
    argv: ["baseline", "--scenario", "chat-soak", "--to", "b"],
    says: ["baseline", "--from"],
  },
  {
    what: "a store without a bucket",
    argv: ["baseline", "--from", "http://127.0.0.1:9/", "--scenario", "chat-soak", "--to", "b"],
    says: ["expected http://HOST:8086/?org=ORG&bucket=BUCKET", "got neither"],
  },
  {
    what: "a store that is not there",
    argv: [
      "baseline",
      "--from",
      "http://127.0.0.1:2/?org=a&bucket=b",
      "--scenario",
      "chat-soak",
      "--to",
      "b",
    ],
    env: { INFLUX_TOKEN: "x" },
    says: ["reading from InfluxDB", "ECONNREFUSED", "at http://127.0.0.1:2"],
  },
  {
    what: "a store without a token",
    argv: [
      "baseline",
      "--from",
      "http://127.0.0.1:9/?org=a&bucket=b",
      "--scenario",
      "chat-soak",
      "--to",
      "b",
    ],
    says: ["INFLUX_TOKEN"],
  },
  // Servers.
  {
    what: "a run without a server",
    argv: [...soak, "--json"],
    says: ["took no WebSocket upgrade (refused)", "Check host and port, and that the server runs"],
    code: 3,
  },
  {
    what: "try without a server",
    argv: ["try", "--url", "ws://127.0.0.1:9/ws", "--for", "1s"],
    says: ["127.0.0.1:9", /refused/],
    code: 1,
  },
];
