/** The required cases of the JSON Schema Test Suite, on both validators of contracts. json-schema-test-suite/README.md. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import type { Contract, Draft } from "../../lib/contract/contract.ts";
import { Documents, type Json } from "../../lib/contract/refs.ts";
import { Validator } from "../../lib/contract/validator.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

interface Group {
  readonly description: string;
  readonly schema: Json;
  readonly tests: readonly { readonly description: string; readonly data: Json; readonly valid: boolean }[];
}

interface Suite {
  readonly remotes: Readonly<Record<string, Json>>;
  readonly tests: Readonly<Record<string, Readonly<Record<string, readonly Group[]>>>>;
}

type Result = boolean | "refused";

/** A case whose result is not the suite's: where it stands, what is right, and the results of Ajv and of Go. */
type Difference = readonly [where: string, valid: boolean, ajv: Result, go: Result];

const folder = new URL("./json-schema-test-suite/", import.meta.url);
const differences = new URL("differences.json", folder);
const DRAFTS = {
  draft7: ["7", "draft-07"],
  "draft2019-09": ["2019-09", "draft/2019-09"],
  "draft2020-12": ["2020-12", "draft/2020-12"],
} as const satisfies Record<string, readonly [Draft, string]>;
/** Where the suite's cases expect their documents. */
const REMOTE = "http://localhost:1234/";

/** The suite's documents that a schema of a draft may refer to. */
function* remotesFor(suite: Suite, folder: keyof typeof DRAFTS): Generator<[path: string, document: Json]> {
  for (const [path, document] of Object.entries(suite.remotes)) {
    const own = (document as { $schema?: string }).$schema;
    if (own ? own.includes(DRAFTS[folder][1]) : !path.startsWith("draft") || path.startsWith(folder))
      yield [path, document];
  }
}

/** A schema as a contract of one kind, or the reason why it is refused. */
function contractOf(suite: Suite, folder: keyof typeof DRAFTS, schema: Json): Contract {
  const [draft] = DRAFTS[folder];
  const documents = new Documents(draft, (path) => {
    throw new Error(`no file ${path}`);
  });
  if (JSON.stringify(schema).includes(REMOTE)) {
    for (const [path, document] of remotesFor(suite, folder)) {
      try {
        documents.add(path, document, REMOTE + path);
      } catch {} // it refers to what a contract does not fetch, and only the schema that needs it is refused
    }
  }
  documents.add("t.json", schema);
  return {
    source: "t.json",
    draft,
    documents: documents.resolved(),
    kinds: [{ name: "message", schema: "contract:///t.json#", from: "server", marks: [] }],
    items: [],
    isRecursive: false,
    hasUnicodeClasses: false,
    checksSent: false,
  };
}

function byAjv(contract: Contract | undefined, tests: Group["tests"]): Result[] {
  let validator: Validator | undefined;
  try {
    validator = contract && new Validator(contract);
  } catch {}
  return tests.map(({ data }) => {
    if (!validator) return "refused";
    const isValid = validator.breaches(0, data).length === 0;
    assert.equal(validator.isValid(0, data), isValid);
    return isValid;
  });
}

async function byGo(
  directory: string,
  contracts: readonly (Contract | undefined)[],
  groups: readonly Group[],
) {
  const [from, to] = [join(directory, "groups.json"), join(directory, "results.json")];
  const known = contracts.flatMap((spec, i) =>
    spec ? [{ i, group: { spec, tests: groups[i]!.tests.map(({ data }) => data) } }] : [],
  );
  await writeFile(from, JSON.stringify(known.map(({ group }) => group)));
  await promisify(execFile)("go", ["test", "-count=1", "-run=^TestSuite$", "./engine/contract"], {
    cwd: fileURLToPath(new URL("../../extension", import.meta.url)),
    env: { ...process.env, SUITE_GROUPS: from, SUITE_RESULTS: to },
  });
  const results = JSON.parse(await readFile(to, "utf8")) as Result[][];
  const byGroup = new Map(known.map(({ i }, k) => [i, results[k]!]));
  return groups.map(({ tests }, i) => byGroup.get(i) ?? tests.map((): Result => "refused"));
}

test("both validators give the suite's results, but for the listed differences", async (t) => {
  const suite = JSON.parse(gunzipSync(await readFile(new URL("suite.json.gz", folder))).toString()) as Suite;
  const all = (Object.keys(DRAFTS) as (keyof typeof DRAFTS)[]).flatMap((draft) =>
    Object.entries(suite.tests[draft]!).flatMap(([file, groups]) =>
      groups.map((group) => ({ draft, where: `${draft}/${file}: ${group.description}`, group })),
    ),
  );
  const contracts = all.map(({ draft, group }) => {
    try {
      return contractOf(suite, draft, group.schema);
    } catch {
      return undefined;
    }
  });
  const groups = all.map(({ group }) => group);
  const go = await byGo(await temporaryDirectory(t), contracts, groups);
  const found = all.flatMap(({ where, group: { tests } }, i): Difference[] => {
    const ajv = byAjv(contracts[i], tests);
    return tests.flatMap(({ description, valid }, k): Difference[] => {
      const results = [ajv[k]!, go[i]![k]!] as const;
      return results.every((one) => one === valid) ? [] : [[`${where}: ${description}`, valid, ...results]];
    });
  });
  for (const [draft, least] of Object.entries({
    draft7: 800,
    "draft2019-09": 1_100,
    "draft2020-12": 1_100,
  })) {
    const cases = all.filter((one) => one.draft === draft).flatMap(({ group }) => group.tests);
    const wrong = (side: 2 | 3) =>
      found.filter((one) => one[0].startsWith(`${draft}/`) && one[side] !== one[1]).length;
    t.diagnostic(`${draft}: ${cases.length} cases; Ajv differs in ${wrong(2)}, Go in ${wrong(3)}`);
    assert.ok(cases.length > least, `${draft}: ${cases.length} cases`);
  }
  if (process.env.UPDATE_DIFFERENCES) {
    await writeFile(differences, `[\n${found.map((row) => JSON.stringify(row)).join(",\n")}\n]\n`);
  }
  assert.deepEqual(found, JSON.parse(await readFile(differences, "utf8")));
});
