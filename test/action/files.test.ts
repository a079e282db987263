/** Workflows, the action, the Compose file and the manifests, held against the schemas of those who read them. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { temporaryDirectory } from "../temporary-directory.ts";
import { goTool } from "./go-tool.ts";
import { readYaml, schemaPackages } from "./schemas.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const filesIn = (folder: string) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`);

const WORKFLOWS = [...filesIn(".github/workflows"), ...filesIn("docs/workflows")];
const MANIFESTS = filesIn("deploy/k6-operator");
/** Those of scenarios. */
const SCENARIO_RUNS = MANIFESTS.filter((file) => /massconnect|fan-out/.test(file));
const TEST_RUNS = [...SCENARIO_RUNS, "deploy/k6-operator/echo-bench-instances.yaml"];
/** The CustomResourceDefinition of TestRun, v1.6 of k6-operator, where it is at hand. */
const CRD = join(root, "../shared/schemas/k6.io_testruns.crd.yaml");

/** Runs a checker in the repository; what it found is the error. */
async function check(command: string, ...args: readonly string[]): Promise<void> {
  await promisify(execFile)(command, [...args], { cwd: root }).catch(({ stdout, stderr }) => {
    throw new Error(`${stdout}${stderr}`);
  });
}

test("actionlint finds nothing in the workflows, nor in those to copy", async () => {
  await check(await goTool("actionlint"), "-shellcheck=", ...WORKFLOWS);
});

test("workflows, action and Compose file follow their JSON Schemas", async () => {
  const checker = join(await schemaPackages(), "bin/check-jsonschema");
  await check(checker, "--builtin-schema=vendor.github-workflows", ...WORKFLOWS);
  await check(checker, "--builtin-schema=vendor.github-actions", "action.yml");
  await check(checker, "--builtin-schema=vendor.compose-spec", "docker-compose.yml");
});

test("every third-party action is pinned by commit, the same commit everywhere", async () => {
  const pins = new Map<string, Set<string>>();
  for (const file of ["action.yml", ...WORKFLOWS]) {
    for (const [, action, ref] of (await readFile(join(root, file), "utf8")).matchAll(
      /uses: ([^.\s@]+)@(\S.*)/g,
    )) {
      if (action === "OWNER/k6-realtime") continue;
      assert.match(ref!, /^[0-9a-f]{40} # v\d+\.\d+\.\d+$/, `${file}: ${action}`);
      pins.set(action!, (pins.get(action!) ?? new Set()).add(ref!));
    }
  }
  assert.ok(pins.size >= 4);
  for (const [action, refs] of pins) assert.equal(refs.size, 1, `${action}: ${[...refs].join(", ")}`);
});

test("inputs and secrets reach the action's shells through the environment alone", async () => {
  for (const file of ["action.yml", ...WORKFLOWS]) {
    for (const [step] of (await readFile(join(root, file), "utf8")).matchAll(
      /run: (\|\n(?: {10}.*\n)+|.*)/g,
    )) {
      assert.doesNotMatch(step, /\$\{\{/, file);
    }
  }
});

test("Jobs, Service, ConfigMap and volume follow Kubernetes' own schemas", async () => {
  const checker = join(await schemaPackages(), "bin/kubernetes-validate");
  const others = MANIFESTS.filter((file) => !TEST_RUNS.includes(file));
  assert.equal(others.length, 3);
  await check(checker, "--kubernetes-version=1.35", "--strict", ...others);
});

test("the TestRuns follow k6-operator's schema", async (t) => {
  if (!existsSync(CRD)) return t.skip(`the CustomResourceDefinition is not at ${CRD}`);
  const directory = await temporaryDirectory(t);
  await mkdir(join(directory, "k6.io"));
  const [definition] = (await readYaml(CRD)) as [
    { spec: { versions: { schema: { openAPIV3Schema: object } }[] } },
  ];
  const schema = closed(definition.spec.versions[0]!.schema.openAPIV3Schema);
  await writeFile(join(directory, "k6.io/testrun_v1alpha1.json"), JSON.stringify(schema));
  const kubeconform = [
    "-strict",
    `-schema-location=${directory}/{{ .Group }}/{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json`,
  ];
  await check(await goTool("kubeconform"), ...kubeconform, ...TEST_RUNS);

  // A check that lets a misspelt field through would be none.
  const wrong = join(directory, "wrong.yaml");
  const right = await readFile(join(root, "deploy/k6-operator/massconnect.yaml"), "utf8");
  await writeFile(wrong, right.replace("parallelism:", "paralelism:"));
  await assert.rejects(check(await goTool("kubeconform"), ...kubeconform, wrong), /paralelism/);
});

/** As Kubernetes reads it with strict validation: fields that are not described are refused. */
function closed<S>(schema: S): S {
  if (Array.isArray(schema)) return schema.map(closed) as S;
  if (typeof schema !== "object" || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  const open = "additionalProperties" in inner || "x-kubernetes-preserve-unknown-fields" in inner;
  const described = inner.type === "object" && "properties" in inner;
  return (described && !open ? { ...inner, additionalProperties: false } : inner) as S;
}

test("each TestRun names a scenario that is in the image, and settings that it has", async () => {
  for (const file of SCENARIO_RUNS) {
    const [{ spec }] = (await readYaml(join(root, file))) as [
      { spec: { script: { localFile: string }; arguments: string } },
    ];
    const name = /^\/opt\/k6-realtime\/dist\/([\w-]+)\.js$/.exec(spec.script.localFile)?.[1];
    const bundle = join(root, "dist", `${name}.js`);
    // The operator's own way of planning a run.
    const { stdout } = await promisify(execFile)(join(root, "bin/k6"), [
      "inspect",
      "--execution-requirements",
      ...spec.arguments.split(" ").slice(0, -3).filter(isSetting),
      bundle,
    ]);
    assert.equal(JSON.parse(stdout).maxVUs, 16, file);
  }
});

const isSetting = (word: string, index: number, words: readonly string[]) =>
  word === "-e" || words[index - 1] === "-e";
