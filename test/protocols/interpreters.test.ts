/**
 * Random conversations and templates: what the interpreter in TypeScript makes of them, the one in Go must make of them
 * too. FIXTURES_SEED repeats those of an earlier run, which says its seed.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import fc, { type Arbitrary } from "fast-check";
import fixtures from "../../lib/protocols/fixtures.json" with { type: "json" };
import {
  compile,
  type Descriptor,
  type Frame,
  PROTOCOLS,
  parseDescriptor,
} from "../../lib/protocols/index.ts";
import { type Ms, ms } from "../../lib/units.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { anyFrame, everything } from "./messages.ts";
import { type Case, endOf, expanded, frameToJson, runStep, type Step, scopeOf } from "./run-fixtures.ts";

const CONVERSATIONS = 400;
const TEMPLATES = 5_000;
/** Few seconds for both: most conversations are short, some forget probes. */
const MOST_STEPS = 300;
const VARIABLES = { room: "r/ü", user: "u", token: 't"', vu: "1", connection: "2" };

/** A protocol; what makes its session ready; what its server may say, `#` being the name of one of the last probes. */
interface Talk {
  readonly descriptor: Descriptor;
  readonly ready?: string;
  readonly said: readonly string[];
}

const OF_EVERYTHING = [
  ...[
    "ask # ",
    "ask # x",
    'id:{"id":"#"}',
    '{"turn":true}',
    'id:{"id":"#"}\u0000\n',
    'id:{"id":"\\u0023"}',
    "id:{}",
  ],
  ...[
    '{"error":1,"id":"#","why":"no"}',
    '{"ping":null,"n":"#"}',
    '{"ping":null}',
    '{"list":[]}',
    "all x 1",
    "hi",
  ],
  'ask # x\u001eid:{"id":"#"}\u001e{"turn":true}',
];

const talks: readonly Talk[] = [
  { descriptor: everything, ready: "hi you", said: OF_EVERYTHING },
  {
    descriptor: { ...everything, name: "delimited", delimiter: "\u001e", unmatched: "error" },
    ready: "hi you",
    said: OF_EVERYTHING,
  },
  {
    descriptor: PROTOCOLS.chat,
    ready: '{"type":"subscribed"}',
    said: [
      ...['{"type":"echo_reply","echoId":"#"}', '{"type":"echo_reply","echoId":#}', '{"type":"echo_reply"}'],
      ...['{"type":"error","echoId":"#","reason":"no"}', '{"type":"auth_ok"}', '{"type":"resumed"}'],
    ],
  },
  {
    descriptor: PROTOCOLS.im,
    ready: '{"type":"match","code":"0","msg":"t"}',
    said: ['{"type":"receipt","code":"0"}', '{"type":"normal","code":"0"}', '{"code":"1","msg":"no"}'],
  },
  { descriptor: PROTOCOLS.echo, said: ["# ", "# x", "#"] },
  {
    descriptor: {
      name: "numeric",
      probe: { send: '{"n":${id},"at":${nowMs}}', id: "number" },
      reply: [{ name: "n", match: "id", id: "/n" }],
      error: { where: { "/why": { exists: true } }, reason: "/why", settles: "oldest" },
      delivery: { where: { "/seq": { exists: true } }, seq: "/seq", sentAt: { at: "/t", unit: "s" } },
    },
    said: ['{"n":#}', '{"n":"#"}', '{"why":[]}', '{"why":"no"}', '{"n":null}'],
  },
];

/** Numbers as few servers write them. */
const oddNumber = fc.constantFrom(
  ...["-0", "0.0", "1e400", "-1E+2", "2.50", "9007199254740993", "-9007199254740992", "1e-400", "1e21"],
  ...["123456789012345678901234567890", "0.1e1", "1700000000.123456789", "1700000000000000000", "4.9e-324"],
);

const withOddNumbers: Arbitrary<string> = fc.oneof(
  oddNumber.map((n) => `{"seq":${n},"t":${n}}`),
  oddNumber.map((n) => `say a\n{"id":${n},"seq":${n},"t":"${n}"}`),
  oddNumber.map((n) => `{"list":[{"seq":"${n}","n":${n},"t":${n}},${n},{"id":${n}}]}`),
  oddNumber.map((n) => `{"type":"message","id":${n},"publisherSeq":${n},"seq":"${n}","timestamp":${n}}`),
);

/** A text in the table cannot have half of a surrogate pair. */
const wellFormed = (given: string): string => new TextDecoder().decode(new TextEncoder().encode(given));

type Did = Partial<Step> & Pick<Step, "do">;
type Happening = (talk: Talk, probes: number, at: Ms) => Did | Did[];
const receive = (frame: Frame): Did => ({ do: "receive", frame: frameToJson(frame) });
const wait = fc.nat(20).map(ms);
const happening: Arbitrary<readonly [wait: Ms, Happening]> = fc.tuple(
  fc.oneof(
    { weight: 20, arbitrary: fc.constant(ms(0)) },
    { weight: 20, arbitrary: wait },
    { weight: 1, arbitrary: fc.constantFrom(ms(300), ms(60_000)) },
  ),
  fc.oneof(
    {
      weight: 12,
      arbitrary: fc
        .tuple(fc.nat(), fc.oneof(fc.nat(3), fc.nat(150)), fc.nat(9))
        .map(([pick, back, kind]): Happening => {
          return ({ said }, probes) => {
            const frame = said[pick % said.length]!.replaceAll("#", String(Math.max(0, probes - 1 - back)));
            return receive(kind === 0 ? new TextEncoder().encode(frame) : frame);
          };
        }),
    },
    {
      weight: 1,
      arbitrary: withOddNumbers.map(
        (frame): Happening =>
          () =>
            receive(frame),
      ),
    },
    {
      weight: 2,
      arbitrary: fc.array(anyFrame, { minLength: 1, maxLength: 3 }).map((frames): Happening => {
        const texts = frames.filter((frame) => typeof frame === "string");
        const [first] = frames;
        return () => receive(typeof first === "string" ? wellFormed(texts.join("\u001e")) : first!);
      }),
    },
    {
      weight: 8,
      arbitrary: fc.tuple(wait, fc.constantFrom("", "x")).map(([early, payload]): Happening => {
        return (_, probes, at) => ({ do: "probe", id: String(probes), dueAt: ms(at - early), payload });
      }),
    },
    fc.tuple(fc.integer({ min: 2, max: 90 }), fc.constantFrom(0, 1, 25)).map(([times, every]): Happening => {
      return (_, probes, at) =>
        Array.from({ length: times }, (_, n) => ({
          do: "probe",
          id: String(probes + n),
          dueAt: ms(at + n * every),
          payload: "",
        }));
    }),
    fc.constant<Happening>((_, __, at) => ({ do: "publish", id: `p-${at}`, seq: at, payload: "x" })),
    fc.constant<Happening>(() => ({ do: "due" })),
    fc.constant<Happening>((_, __, at) => ({ do: "setToken", token: "new", expiresAt: ms(at + 40_000) })),
  ),
);

const conversation = fc.record({
  talk: fc.constantFrom(...talks),
  begins: fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, fc.constant(false)),
  lastSeq: fc.option(fc.constantFrom("7", '"x"', "9007199254740993"), { nil: undefined }),
  unixOffsetMs: fc.constantFrom(ms(0), ms(1_700_000_000_000)),
  happenings: fc.array(happening, { maxLength: MOST_STEPS, size: "max" }),
});

type Conversation = typeof conversation extends Arbitrary<infer T> ? T : never;

/** A row of the table of fixtures, as TypeScript has it. */
function caseOf({ talk, begins, lastSeq, unixOffsetMs, happenings }: Conversation, index: number): Case {
  const { name } = talk.descriptor;
  const protocol = compile(parseDescriptor(talk.descriptor, name));
  const init = { variables: VARIABLES, replyTimeoutMs: ms(200), unixOffsetMs, lastSeq };
  const live = protocol.connection(init);
  let at = ms(0);
  let probes = 0;
  const steps: Step[] = [];
  const run = (step: Partial<Step>) => steps.push(runStep(live, { at, ...step } as Step));
  run({ do: "open" });
  if (begins && talk.ready !== undefined) run(receive(talk.ready));
  for (const [later, happen] of happenings) {
    at = ms(at + later);
    for (const step of [happen(talk, probes, at)].flat()) {
      if ((step.do === "probe" || step.do === "publish") && !live.ready) continue;
      if (step.do === "publish" && !protocol.descriptor.publish) continue;
      if (step.do === "probe") probes++;
      run(step);
    }
  }
  run({ do: "drop" });
  return {
    name: `${index}, ${name}`,
    descriptor: name,
    init,
    path: protocol.path(VARIABLES),
    steps,
    end: endOf(live),
  };
}

/** What templates are made of. */
const templateSource = fc
  .array(
    fc.constantFrom(
      ...["{", "}", "[", "]", '"', ",", ":", "\\", "x", "42", "null", "\n", " ", "\u0000", "$", "é", "${id}"],
      ...[
        "${id}",
        "${n}",
        "${none}",
        '"a":',
        '{"a":${id}}',
        '["e",${n}]',
        "[${id}]",
        '"${id}"',
        '{"b":"${id}',
        "\n",
      ],
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));
const template = fc.record({
  template: templateSource,
  delimiter: fc.constantFrom(undefined, "\n", "\u0000", ",", "x4"),
});
const TEMPLATE_VARIABLES = { id: 'a"\n', n: { number: "7.0" }, none: null };

test("of random conversations and templates both interpreters make the same", async (t) => {
  const seed = Number(process.env.FIXTURES_SEED ?? Date.now() % 2 ** 31);
  t.diagnostic(`FIXTURES_SEED=${seed}`);
  const cases = fc.sample(conversation, { seed, numRuns: CONVERSATIONS }).map(caseOf);
  const kinds = new Set(
    cases.flatMap(({ steps }) =>
      steps.flatMap(({ effects }) => (Array.isArray(effects) ? effects.map(({ kind }) => kind) : [])),
    ),
  );
  // Those are met in any few hundred, so that a generator that makes nothing of interest is seen.
  for (const kind of ["reply", "timeout", "late", "duplicate", "lost", "error", "delivery", "invalid"]) {
    assert.ok(kinds.has(kind), `no ${kind} in ${CONVERSATIONS} conversations`);
  }
  const messages = fc
    .sample(template, { seed, numRuns: TEMPLATES })
    .map((row) => ({ ...row, message: expanded(row.template, row.delimiter, scopeOf(TEMPLATE_VARIABLES)) }));
  assert.ok(messages.some(({ message }) => message === null) && messages.some(({ message }) => message));
  const descriptors = Object.fromEntries(talks.map(({ descriptor }) => [descriptor.name, descriptor]));
  const file = join(await temporaryDirectory(t), "random.json");
  const templates = { variables: TEMPLATE_VARIABLES, messages, paths: [] };
  await writeFile(file, JSON.stringify({ ...fixtures, descriptors, cases, templates }));
  const args = [
    "test",
    "-count=1",
    "-v",
    "-run=^(TestFixtures|TestFixturesOfTemplates)$",
    "./engine/protocol",
  ];
  const { stdout, stderr } = await promisify(execFile)("go", args, {
    cwd: fileURLToPath(new URL("../../extension", import.meta.url)),
    env: { ...process.env, REALTIME_FIXTURES: file },
    maxBuffer: 2 ** 28,
  }).catch((error) => error as { stdout: string; stderr: string });
  const told = stdout.slice(Math.max(0, stdout.search(/^ .*_test\.go/m))).slice(0, 10_000) + stderr;
  assert.equal(stdout.match(/^ +--- PASS: TestFixtures\//gm)?.length, CONVERSATIONS, told);
  assert.match(stdout, /^--- PASS: TestFixturesOfTemplates /m, told);
});
