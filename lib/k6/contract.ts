/** Checks what comes against a contract: by the engine where there is one, elsewhere by a script of its own. */
import type { Breach, Contract } from "../contract/contract.ts";
import { type ContractFigures, describeBreach } from "../contract/findings.ts";
import type * as Contracts from "../contract/index.ts";
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
  readonly contract: Contract;
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

/**
 * Reads the contract of a file. To be called in the init context.
 *
 * @throws {@link SettingsError} describing the problem
 */
export function checksOf(path: string, extension: Engine): Checks | undefined {
  if (path === "") return undefined;
  const script = loadScript();
  const folder = fromWorkingDir(path).replace(/[^/\\]*$/, "");
  let contract: Contract;
  try {
    contract = script.readContract(path, (file) => readInput("CONTRACT", folder + file));
  } catch (error) {
    throw asSettingsError(script, error);
  }
  if (contract.hasUnicodeClasses && !extension.Contract)
    throw new SettingsError(
      "CONTRACT: expected patterns without classes of Unicode (\\p{…}) on stock k6, whose JavaScript does not know them, got one; use dist/x on bin/k6",
    );
  // Compiled here and not when the first message comes, which would wait for it. k6's first pass over the script checks
  // the schemas, so that virtual users need not.
  const checker = checkerOf(script, contract, extension);
  const engine = extension.Contract && new extension.Contract(JSON.stringify(contract));
  const kinds = [...contract.kinds.map(({ name }) => name), script.UNKNOWN];
  const followed = engine ? [] : contract.items.slice(0, MOST_ITEMS_BY_METRICS);
  return {
    contract,
    engine,
    breakdowns: {
      ws_contract_messages: { kind: kinds },
      ws_contract_violations: { kind: kinds },
      ...(followed.length > 0 && { ws_contract_seen: { item: [...followed.keys()].map(String) } }),
    },
    limits: { ws_contract_violations: ["count==0"], ws_contract_messages: ["count>0"] },
    figures: (seen) =>
      engine
        ? (engine.figures() as ContractFigures)
        : {
            unseen: followed.filter((_, i) => !seen.includes(String(i))).map(({ name }) => name),
          },
    open(record) {
      if (engine) return checkByEngine(engine, record);
      return checkByScript(script, checker!, record, followed.length);
    },
  };
}

/** Undefined in virtual users where the engine checks. */
function checkerOf(
  script: typeof Contracts,
  contract: Contract,
  { Contract: engine }: Engine,
): Contracts.Checker | undefined {
  if (__VU > 0 && engine) return undefined;
  try {
    return new script.Checker(contract, { mayTrust: __VU > 0, budget: BUDGET });
  } catch (error) {
    throw asSettingsError(script, error);
  }
}

const asSettingsError = (script: typeof Contracts, error: unknown): unknown =>
  error instanceof script.ContractError ? new SettingsError(`CONTRACT: ${error.message}`) : error;

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
  script: typeof Contracts,
  checker: Contracts.Checker,
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

function loadScript(): typeof Contracts {
  const path = "./contract.js";
  try {
    // No import: it would be a part of every scenario.
    return (globalThis as unknown as { require(path: string): typeof Contracts }).require(path);
  } catch (error) {
    throw new SettingsError(
      `CONTRACT: expected the script that checks contracts in ${path} beside the scenario's, got none (${(error as Error).message})`,
    );
  }
}
