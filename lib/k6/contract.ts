/** Checks what comes against a contract: by the engine where there is one, elsewhere by a script of its own. */
import { SharedArray } from "k6/data";
import type * as CheckerScript from "../contract/checker.ts";
import { type Breach, type Contract, UNKNOWN } from "../contract/contract.ts";
import { type ContractFigures, type ContractNames, describeBreach } from "../contract/findings.ts";
import type * as Reader from "../contract/read.ts";
import type { MetricName } from "../metrics.ts";
import type { MessageRole } from "../protocols/protocol.ts";
import { SettingsError } from "../settings.ts";
import type { Breakdowns, Thresholds } from "../summary/summarize.ts";
import { now } from "./clock.ts";
import { fromWorkingDir, readInput } from "./files.ts";
import { notice } from "./notices.ts";
import type { Record } from "./recorder.ts";
import type { Frame } from "./socket.ts";

type Engine = Partial<Pick<typeof import("k6/x/realtime"), "Contract">>;
type EngineContract = InstanceType<NonNullable<Engine["Contract"]>>;

export const CONTRACT_METRICS = [
  "ws_contract_messages",
  "ws_contract_violations",
  "ws_contract_unchecked",
  "ws_contract_seen",
] as const satisfies readonly MetricName[];

/** At 0.6 ms for a message of 1 KiB (bench/contract-cost.ts), a third of a processor's time for each virtual user. */
const BUDGET = { now, perSecond: 1_000, burst: 10_000 };

/** Items that metrics report as seen. More would be too many series. */
const MOST_ITEMS_BY_METRICS = 300;

/** A contract that messages of a run are checked by. */
export interface Checks {
  readonly contract: ContractNames;
  /** Of the extension, for its swarms. */
  readonly engine: EngineContract | undefined;
  readonly breakdowns: Breakdowns;
  readonly limits: Thresholds;
  figures(seen: readonly string[]): ContractFigures;
  /** Begins a connection. */
  open(record: Record): ConnectionCheck;
}

/** Checks the messages of one connection. */
export type ConnectionCheck = (
  message: Frame,
  role: MessageRole | undefined,
  secrets: readonly string[],
) => void;

/** A contract that was read, as the virtual users of a process share it. */
interface Shared {
  readonly names: ContractNames & Pick<Contract, "hasUnicodeClasses">;
  /** The whole {@link Contract} as JSON. */
  readonly text: string;
}

/**
 * Reads the contract of a file. To be called in the init context.
 *
 * @throws {@link SettingsError} describing the problem
 */
export function checksOf(path: string, extension: Engine): Checks | undefined {
  if (path === "") return undefined;
  const { names, text } = sharedContract(path);
  if (names.hasUnicodeClasses && !extension.Contract)
    throw new SettingsError(
      "CONTRACT: expected patterns without classes of Unicode (\\p{…}) on stock k6, whose JavaScript does not know them, got one; use dist/x on bin/k6",
    );
  return extension.Contract
    ? checksByEngine(names, text, extension.Contract)
    : checksByScript(JSON.parse(text) as Contract);
}

/**
 * The contract as k6's first pass over the script has read it. Virtual users load neither the reader nor its parser of
 * YAML, which would be in their memory for the whole run.
 */
function sharedContract(path: string): Shared {
  const shared: readonly unknown[] = new SharedArray(`CONTRACT ${path}`, () => {
    const contract = readContractFile(path);
    const { source, hasUnicodeClasses } = contract;
    const kinds = contract.kinds.map(({ name, from }) => ({ name, from }));
    const names: Shared["names"] = { source, hasUnicodeClasses, kinds };
    return [names, JSON.stringify(contract)] as unknown[];
  });
  return { names: shared[0] as Shared["names"], text: shared[1] as string };
}

function readContractFile(path: string): Contract {
  const { readContract, ContractError } = loadScript<typeof Reader>("./contract.js");
  const folder = fromWorkingDir(path).replace(/[^/\\]*$/, "");
  return orSettingsError(ContractError, () =>
    readContract(path, (file) => readInput("CONTRACT", folder + file)),
  );
}

const LIMITS: Thresholds = { ws_contract_violations: ["count==0"], ws_contract_messages: ["count>0"] };

const kindsOf = (contract: ContractNames): string[] => [...contract.kinds.map(({ name }) => name), UNKNOWN];

function checksByEngine(
  contract: ContractNames,
  text: string,
  EngineContract: NonNullable<Engine["Contract"]>,
): Checks {
  const engine = orSettingsError(Error, () => new EngineContract(text));
  const kinds = kindsOf(contract);
  return {
    contract,
    engine,
    breakdowns: { ws_contract_messages: { kind: kinds }, ws_contract_violations: { kind: kinds } },
    limits: LIMITS,
    figures: () => engine.figures() as ContractFigures,
    open: (record) => checkByEngine(engine, record),
  };
}

function checksByScript(contract: Contract): Checks {
  const script = loadScript<typeof CheckerScript>("./contract-checker.js");
  // Compiled here and not when the first message comes, which would wait for it. k6's first pass over the script checks
  // the schemas, so that virtual users need not.
  const checker = orSettingsError(
    script.ContractError,
    () => new script.Checker(contract, { mayTrust: __VU > 0, budget: BUDGET }),
  );
  const kinds = kindsOf(contract);
  const followed = contract.items.slice(0, MOST_ITEMS_BY_METRICS);
  return {
    contract,
    engine: undefined,
    breakdowns: {
      ws_contract_messages: { kind: kinds },
      ws_contract_violations: { kind: kinds },
      ...(followed.length > 0 && { ws_contract_seen: { item: [...followed.keys()].map(String) } }),
    },
    limits: LIMITS,
    figures: (seen) => ({
      unseen: followed.filter((_, i) => !seen.includes(String(i))).map(({ name }) => name),
    }),
    open: (record) => checkByScript(script, checker, record, followed.length),
  };
}

/** Makes a {@link SettingsError} of an error of a kind. */
function orSettingsError<T>(kind: abstract new (...given: never[]) => Error, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw error instanceof kind ? new SettingsError(`CONTRACT: ${error.message}`) : error;
  }
}

function checkByEngine(engine: EngineContract, record: Record): ConnectionCheck {
  const session = engine.open();
  return (message, role) => {
    const said = session.check(message, role ?? "", "server");
    if (said === "") return;
    if (said === "-") {
      record("ws_contract_unchecked", 1);
      return;
    }
    const [kind = "", ...rules] = said.split(" ");
    record("ws_contract_messages", 1, { kind });
    for (const rule of rules) record("ws_contract_violations", 1, { kind, rule });
  };
}

function checkByScript(
  script: typeof CheckerScript,
  checker: CheckerScript.Checker,
  record: Record,
  followed: number,
): ConnectionCheck {
  const session = new script.ContractSession();
  const { seen } = checker.coverage;
  let told = seen.size;
  return (message, role, secrets) => {
    const checked = checker.check(session, message, role);
    if (checked === undefined) return;
    if (checked === script.LEFT_OUT) {
      record("ws_contract_unchecked", 1);
      return;
    }
    const { kind, breaches } = checked;
    record("ws_contract_messages", 1, { kind });
    if (seen.size > told) {
      for (const item of [...seen].slice(told))
        if (item < followed) record("ws_contract_seen", 1, { item: String(item) });
      told = seen.size;
    }
    if (breaches.length === 0) return;
    for (const rule of script.rulesOf(checked)) record("ws_contract_violations", 1, { kind, rule });
    for (const breach of breaches) tell(kind, breach, secrets);
  };
}

/** Items already reported, so that each sentence is made once. */
const told = new Set<string>();

function tell(kind: string, breach: Breach, secrets: readonly string[]): void {
  const key = `${kind} ${breach.rule} ${breach.schema}`;
  if (told.has(key)) return;
  told.add(key);
  notice(`contract ${key}`, key, () => describeBreach(kind, breach, secrets), secrets);
}

function loadScript<T>(path: string): T {
  try {
    // No import: it would be a part of every scenario.
    return (globalThis as unknown as { require(path: string): T }).require(path);
  } catch (error) {
    throw new SettingsError(
      `CONTRACT: expected the script that checks contracts in ${path} beside the scenario's, got none (${(error as Error).message})`,
    );
  }
}
