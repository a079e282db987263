import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { test } from "node:test";
import { UserError } from "../../cli/command.ts";
import {
  type Check,
  checkK6,
  checkMachine,
  checkSurrounds,
  type Demand,
  type State,
} from "../../cli/doctor/checks.ts";
import { type Machine, parsePorts, readMachine } from "../../cli/doctor/machine.ts";
import { linesOf } from "../../cli/doctor.ts";
import { packageFile } from "../../cli/package-file.ts";
import { fakeK6 } from "./fake-k6.ts";
import { runMain } from "./run-main.ts";

const roomy: Machine = {
  platform: "linux",
  openFiles: 1_048_576,
  ports: { first: 32_768, last: 60_999, reserved: 0 },
  sourceAddresses: 1,
  processors: 8,
  load: 0.2,
  memoryFreeBytes: 16e9,
  clockSource: "tsc",
  node: "v20.20.2",
};
const hundred: Demand = { connections: 100, instances: 1, addressPairs: 1 };

const named = (checks: readonly Check[], name: string): Check => {
  const check = checks.find((one) => one.name === name);
  assert.ok(check, `${name} among ${checks.map(({ name }) => name).join(", ")}`);
  return check;
};

test("a roomy and idle machine is fine for 100 connections", () => {
  assert.deepEqual(
    checkMachine(roomy, hundred).filter(({ state }) => state !== "ok"),
    [],
  );
});

type Row = [
  sentence: string,
  machine: Partial<Machine>,
  demand: Partial<Demand>,
  name: string,
  state: State,
  says: RegExp,
];
const rows: Row[] = [
  [
    "connections and 256 files more fit exactly",
    { openFiles: 1_256 },
    { connections: 1_000 },
    "open files",
    "ok",
    /^1,256 for each process, 1,256 needed for 1,000 connections$/,
  ],
  [
    "one file too few names the limit to set, and how many instances would do",
    { openFiles: 1_255 },
    { connections: 1_000 },
    "open files",
    "change",
    /ulimit -n 1256 .* nofile 1256".*--instances 2\./,
  ],
  [
    "instances share the connections out",
    { openFiles: 1_255 },
    { connections: 1_000, instances: 2 },
    "open files",
    "ok",
    /756 needed for 1,000 connections over 2 instances$/,
  ],
  [
    "a limit below what k6 itself needs has no instances for an answer",
    { openFiles: 256 },
    {},
    "open files",
    "change",
    /--ulimit nofile=356\.$/,
  ],
  [
    "macOS has other words for it",
    { openFiles: 300, platform: "darwin" },
    {},
    "open files",
    "change",
    /sudo launchctl limit maxfiles 356 unlimited/,
  ],
  ["no limit is told as such", { openFiles: Infinity }, {}, "open files", "ok", /^no limit, 356 needed/],
  [
    "a limit that cannot be read is no reason to refuse",
    { openFiles: undefined },
    {},
    "open files",
    "note",
    /^cannot be read on this system$/,
  ],
  [
    "more connections than ports need a wider range or more addresses",
    {},
    { connections: 28_233 },
    "local ports",
    "change",
    /^28,232 \(32768 to 60999\).*28,233 needed.*ip_local_port_range="1024 65535".*--local-ips=/s,
  ],
  [
    "reserved ports are not there to be used",
    { ports: { first: 32_768, last: 60_999, reserved: 10_000 } },
    { connections: 20_000 },
    "local ports",
    "change",
    /^18,232 \(32768 to 60999 without 10,000 reserved\)/,
  ],
  [
    "nearly as many connections as ports leave none to reconnect from",
    {},
    { connections: 28_000 },
    "local ports",
    "note",
    /few are left for reconnecting/,
  ],
  [
    "two addresses have twice the ports",
    {},
    { connections: 45_000, addressPairs: 2 },
    "local ports",
    "ok",
    /over 2 pairs$/,
  ],
  ["a busy machine is told", { load: 4.1 }, {}, "processors", "note", /load average 4\.10/],
  [
    "too little memory is told",
    { memoryFreeBytes: 1e9 },
    { connections: 50_000 },
    "memory",
    "note",
    /^1,000 MB free, about 5,060 MB needed for 50,000 connections/,
  ],
  ["a slow clock is told", { clockSource: "hpet" }, {}, "clock", "note", /^hpet, which takes a microsecond/],
  ["a Node.js that is too old is told", { node: "v18.19.0" }, {}, "Node.js", "change", /20 or newer needed/],
];
for (const [sentence, machine, demand, name, state, says] of rows) {
  test(sentence, () => {
    const check = named(checkMachine({ ...roomy, ...machine }, { ...hundred, ...demand }), name);
    assert.equal(check.state, state);
    assert.match([check.found, check.advice ?? ""].join("\n").trim(), says);
  });
}

test("a k6 without the extension works, and is told how to get it", () => {
  const [k6, extension] = checkK6({ command: "k6", version: "v2.2.0", extension: false });
  assert.equal(k6?.state, "ok");
  assert.equal(extension?.state, "note");
  assert.match(extension?.advice ?? "", /npx k6-realtime setup/);
});

test("no k6 at all must be changed, and the advice is what to install", () => {
  const [k6] = checkK6(new UserError("no k6 found. Install either Go or k6."));
  assert.deepEqual(k6, {
    name: "k6",
    state: "change",
    found: "no k6 found",
    advice: "Install either Go or k6.",
  });
});

const surrounds: [
  sentence: string,
  go: string | undefined,
  synchronised: boolean | undefined,
  states: State[],
][] = [
  ["a recent Go and a synchronised clock are fine", "1.26.8", true, ["ok", "ok"]],
  ["without Go nothing can be built, which is worth knowing", undefined, true, ["note", "ok"]],
  ["a Go before 1.21 cannot fetch its own tool chain", "1.20.14", true, ["note", "ok"]],
  ["a clock that nobody sets is worth knowing", "1.26.8", false, ["ok", "note"]],
  ["and so is one of which nobody says anything", "1.26.8", undefined, ["ok", "note"]],
];
for (const [sentence, go, clockSynchronised, states] of surrounds) {
  test(sentence, () => {
    assert.deepEqual(
      checkSurrounds({ go, clockSynchronised }).map(({ state }) => state),
      states,
    );
  });
}

const ranges: [sentence: string, range: string, reserved: string, expected: ReturnType<typeof parsePorts>][] =
  [
    ["a range is read", "32768\t60999\n", "\n", { first: 32_768, last: 60_999, reserved: 0 }],
    [
      "reserved ports count as far as they are within it",
      "10000 10009",
      "8080,10003,10008-20000\n",
      { first: 10_000, last: 10_009, reserved: 3 },
    ],
    ["macOS's two lines are read", "49152\n65535\n", "", { first: 49_152, last: 65_535, reserved: 0 }],
    ["what is no range is none", "", "", undefined],
  ];
for (const [sentence, range, reserved, expected] of ranges) {
  test(`ports: ${sentence}`, () => assert.deepEqual(parsePorts(range, reserved), expected));
}

test("this machine's limits are read", async () => {
  const { openFiles, processors, memoryFreeBytes, ports } = await readMachine();
  assert.ok(openFiles !== undefined && openFiles > 0);
  assert.ok(processors > 0);
  assert.ok(memoryFreeBytes > 0);
  assert.ok(ports && ports.first < ports.last);
});

test("advice stands below what it is about", () => {
  assert.deepEqual(
    linesOf([
      { name: "clock", state: "ok", found: "tsc" },
      { name: "processors", state: "note", found: "2", advice: "Wait." },
    ]),
    ["ok      clock       tsc", "note    processors  2", "        Wait."],
  );
});

const run = (env: NodeJS.ProcessEnv, ...argv: string[]) => runMain(["doctor", ...argv], { cwd: "/", env });

test("--json tells the same, and whether all is well, in one object", async (t) => {
  const PATH = dirname(await fakeK6(t, {}));
  const { code, out } = await run({ ...process.env, PATH: `${PATH}:${process.env.PATH}` }, "--json");
  const told = JSON.parse(out);
  assert.equal(told.connections, 100);
  assert.equal(
    told.ok,
    told.checks.every((check: Check) => check.state !== "change"),
  );
  assert.equal(code, told.ok ? 0 : 1);
  assert.match(named(told.checks, "k6").found, /^v2\.\d+\.\d+/);
});

test("what must be changed makes the exit code 1", async () => {
  // More connections than there are ports for in any range.
  const { code, out } = await run(process.env, "--connections", "70000");
  assert.equal(code, 1);
  assert.match(out, /^change {2}local ports .*70,000 needed/m);
});

test("docs/reference/cli.md has every check", async () => {
  const docs = await readFile(packageFile("docs/reference/cli.md"), "utf8");
  const table = docs.slice(docs.indexOf("| check |"));
  const checks = [
    ...checkMachine(roomy, hundred),
    ...checkK6({ command: "k6", version: "v2.2.0", extension: true }),
    ...checkSurrounds({ go: "1.26", clockSynchronised: true }),
  ];
  for (const { name } of checks) assert.match(table, new RegExp(`^\\|.*\\b${name}\\b.*\\|`, "m"));
});

test("a wrong number is refused by its flag", async () => {
  assert.deepEqual(await run({}, "--connections", "many"), {
    code: 2,
    out: "",
    err: '--connections: expected a whole number from 1 to 100000, got "many"\n',
  });
});
