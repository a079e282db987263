/** Checks messages in both directions against a contract: by the engine where there is one, elsewhere by a script of its own. */
import { SharedArray } from "k6/data";
import type * as CheckerScript from "../contract/checker.ts";
import { type Breach, type Contract, type Sender, UNKNOWN } from "../contract/contract.ts";
import { exampleLines } from "../contract/examples.ts";
import {
  type ContractFigures,
  type ContractNames,
  describeBreach,
  describeSent,
} from "../contract/findings.ts";
import type * as Reader from "../contract/read.ts";
import type { MetricName } from "../metrics.ts";
import type { Draft, Effect, MessageRole } from "../protocols/protocol.ts";
import { type Settings, SettingsError } from "../settings.ts";
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

export const SENT_METRICS = [
  "ws_contract_sent_messages",
  "ws_contract_sent_violations",
  "ws_contract_sent_unchecked",
] as const satisfies readonly MetricName[];

/** The metrics of one side's messages. */
interface Counts {
  readonly messages: MetricName;
  readonly violations: MetricName;
  readonly unchecked: MetricName;
}

const RECEIVED: Counts = {
  messages: "ws_contract_messages",
  violations: "ws_contract_violations",
  unchecked: "ws_contract_unchecked",
};
const SENT: Counts = {
  messages: "ws_contract_sent_messages",
  violations: "ws_contract_sent_violations",
  unchecked: "ws_contract_sent_unchecked",
};

/** At 0.6 ms for a message of 1 KiB (bench/contract-cost.ts), a third of a processor's time for each virtual user. */
const BUDGET = { now, perSecond: 1_000, burst: 10_000 };

/** Items that metrics report as seen. More would be too many series. */
const MOST_ITEMS_BY_METRICS = 300;

/** A contract that messages of a run are checked by. */
export interface Checks {
  readonly contract: ContractNames;
  /** Of the extension, for its swarms. */
  readonly engine: EngineContract | undefined;
  readonly metrics: readonly MetricName[];
  readonly breakdowns: Breakdowns;
  readonly limits: Thresholds;
  /**
   * Refuses messages that would break the contract, before anything connects.
   *
   * @throws {@link SettingsError} naming the first
   */
  requireKept(drafts: readonly Draft[]): void;
  figures(seen: readonly string[]): ContractFigures;
  /** The first valid message of each kind, as lines of JSON, without these secrets; "" where the run keeps none. */
  examples(secrets: readonly string[]): string;
  /** Begins a connection. */
  open(record: Record): ConnectionCheck;
}

/** Checks the messages of one connection. */
export interface ConnectionCheck {
  /** Whether sent messages are checked, too, or probes are examples with their replies. */
  readonly checksSent: boolean;
  /** @param effects what it brought about */
  received(
    message: Frame,
    role: MessageRole | undefined,
    secrets: readonly string[],
    effects: readonly Effect[],
  ): void;
  /** @param probe the identifier of the probe that it is, "" for none */
  sent(message: Frame, secrets: readonly string[], probe: string): void;
}

/** A contract that was read, as the virtual users of a process share it. */
interface Shared {
  readonly names: ContractNames & Pick<Contract, "hasUnicodeClasses">;
  /** The whole {@link Contract} as JSON. Each call makes a copy. */
  text(): string;
}

/**
 * Reads the contract of a file. To be called in the init context.
 *
 * @throws {@link SettingsError} describing the problem
 */
export function checksOf(
  {
    CONTRACT,
    CONTRACT_SENT,
    CONTRACT_EXAMPLES,
  }: Settings<"CONTRACT" | "CONTRACT_SENT" | "CONTRACT_EXAMPLES">,
  extension: Engine,
): Checks | undefined {
  const keepsExamples = CONTRACT_EXAMPLES === "true";
  if (keepsExamples) requireKeeper(CONTRACT, extension);
  if (CONTRACT === "") return undefined;
  const shared = sharedContract(CONTRACT, CONTRACT_SENT === "auto", keepsExamples);
  const { names, text } = shared;
  if (names.hasUnicodeClasses && !extension.Contract)
    throw new SettingsError(
      "CONTRACT: expected patterns without classes of Unicode (\\p{…}) on stock k6, whose JavaScript does not know them, got one; use dist/x on bin/k6",
    );
  return extension.Contract
    ? checksByEngine(shared, extension.Contract, keepsExamples)
    : checksByScript(JSON.parse(text()) as Contract);
}

/** Virtual users of stock k6 share nothing with the summary, which writes the examples. */
function requireKeeper(contract: string, { Contract }: Engine): void {
  if (contract === "")
    throw new SettingsError("CONTRACT_EXAMPLES: expected CONTRACT with it, which tells the kinds, got none");
  if (!Contract)
    throw new SettingsError(
      "CONTRACT_EXAMPLES: expected bin/k6 and a scenario on the extension (a swarm, or dist/x), got stock k6's sockets, which share no messages with the summary",
    );
}

/** The contract as k6's first pass over the script has read it. Virtual users do not load the reader. */
function sharedContract(path: string, mayCheckSent: boolean, keepsExamples: boolean): Shared {
  const shared: readonly unknown[] = new SharedArray(`CONTRACT ${path}`, () => {
    const read = readContractFile(path);
    const contract: Contract = { ...read, checksSent: read.checksSent && mayCheckSent };
    const { source, hasUnicodeClasses, checksSent } = contract;
    const kinds = contract.kinds.map(({ name, from }) => ({ name, from }));
    const names: Shared["names"] = { source, hasUnicodeClasses, checksSent, kinds };
    return [names, JSON.stringify({ ...contract, keepsExamples })] as unknown[];
  });
  return { names: shared[0] as Shared["names"], text: () => shared[1] as string };
}

function readContractFile(path: string): Contract {
  const { readContract, ContractError } = evaluated<typeof Reader>("./contract.js");
  const folder = fromWorkingDir(path).replace(/[^/\\]*$/, "");
  return orSettingsError(ContractError, () =>
    readContract(path, (file) => readInput("CONTRACT", folder + file)),
  );
}

const LIMITS: Thresholds = { ws_contract_violations: ["count==0"], ws_contract_messages: ["count>0"] };

/** What the metrics of a contract are, and how they are broken down. */
function metricsOf({ kinds, checksSent }: ContractNames): Pick<Checks, "metrics" | "breakdowns"> {
  const kind = [...kinds.map(({ name }) => name), UNKNOWN];
  return {
    metrics: [...CONTRACT_METRICS, ...(checksSent ? SENT_METRICS : [])],
    breakdowns: {
      ws_contract_messages: { kind },
      ws_contract_violations: { kind },
      ...(checksSent && { ws_contract_sent_messages: { kind }, ws_contract_sent_violations: { kind } }),
    },
  };
}

/** @param describe how a message would break the contract, a sentence each */
const requireKeptBy =
  ({ checksSent }: ContractNames, describe: (message: string) => readonly string[]): Checks["requireKept"] =>
  (drafts) => {
    if (!checksSent) return;
    for (const { path, messages } of drafts)
      for (const wrong of messages.flatMap(describe))
        throw new SettingsError(
          `CONTRACT: expected messages of ours to keep to it, got ${path} of the protocol, which does not (${wrong}). Mend the descriptor or the contract, or leave our messages unchecked (CONTRACT_SENT=none)`,
        );
  };

function checksByEngine(
  { names: contract, text }: Shared,
  EngineContract: NonNullable<Engine["Contract"]>,
  keepsExamples: boolean,
): Checks {
  const engine = orSettingsError(Error, () => new EngineContract(text()));
  return {
    contract,
    engine,
    ...metricsOf(contract),
    limits: LIMITS,
    requireKept: requireKeptBy(contract, (message) => engine.describe(message)),
    figures: () => engine.figures() as ContractFigures,
    examples: (secrets) => exampleLines(JSON.parse(text()), engine.examples(), secrets),
    open: (record) => checkByEngine(engine, contract, record, keepsExamples),
  };
}

function checksByScript(contract: Contract): Checks {
  const script = loadScript<typeof CheckerScript>("./contract-checker.js");
  // Compiled here and not when the first message comes, which would wait for it. k6's first pass over the script checks
  // the schemas, so that virtual users need not.
  const checker = orSettingsError(
    script.ContractError,
    () => new script.Checker(contract, { mayTrust: __VU > 0, budget: BUDGET, mayMissFirst: true }),
  );
  const { metrics, breakdowns } = metricsOf(contract);
  const followed = contract.items.slice(0, MOST_ITEMS_BY_METRICS);
  return {
    contract,
    engine: undefined,
    metrics,
    breakdowns: {
      ...breakdowns,
      ...(followed.length > 0 && { ws_contract_seen: { item: [...followed.keys()].map(String) } }),
    },
    limits: LIMITS,
    requireKept: requireKeptBy(contract, (message) => describeDraft(script, checker, message)),
    figures: (seen) => ({
      unseen: followed.filter((_, i) => !seen.includes(String(i))).map(({ name }) => name),
    }),
    examples: () => "",
    open: (record) => checkByScript(script, checker, contract, record, followed.length),
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

/** How a message of ours would break the contract, a sentence each. */
function describeDraft(
  script: typeof CheckerScript,
  checker: CheckerScript.Checker,
  message: string,
): string[] {
  const checked = checker.look(new script.ContractSession(), message, undefined, "client");
  if (checked === undefined) return [];
  const { kind, breaches } = checked;
  return breaches.filter(({ rule }) => rule !== "wrong_time").map((breach) => describeSent(kind, breach));
}

const isReply = (effect: Effect): effect is Effect & { kind: "reply" } => effect.kind === "reply";

function checkByEngine(
  engine: EngineContract,
  { checksSent }: ContractNames,
  record: Record,
  keepsProbes: boolean,
): ConnectionCheck {
  const session = engine.open();
  const check = (
    message: Frame,
    role: MessageRole | "",
    sender: Sender,
    counts: Counts,
    probe: string,
    reply: string,
  ) => {
    const said = session.check(message, role, sender, probe, reply);
    if (said === "") return;
    if (said === "-") {
      record(counts.unchecked, 1);
      return;
    }
    const [kind = "", ...rules] = said.split(" ");
    record(counts.messages, 1, { kind });
    for (const rule of rules) record(counts.violations, 1, { kind, rule });
  };
  return {
    checksSent: checksSent || keepsProbes,
    received: (message, role, _secrets, effects) => {
      const { id = "", name = "" } = effects.find(isReply) ?? {};
      check(message, role ?? "", "server", RECEIVED, id, name);
    },
    sent: (message, _secrets, probe) => check(message, "", "client", SENT, probe, ""),
  };
}

function checkByScript(
  script: typeof CheckerScript,
  checker: CheckerScript.Checker,
  { checksSent }: ContractNames,
  record: Record,
  followed: number,
): ConnectionCheck {
  const session = new script.ContractSession();
  const { seen } = checker.coverage;
  let told = seen.size;
  const check = (
    message: Frame,
    role: MessageRole | undefined,
    sender: Sender,
    { messages, violations, unchecked }: Counts,
    secrets: readonly string[],
  ) => {
    const checked = checker.check(session, message, role, sender);
    if (checked === undefined) return;
    if (checked === script.LEFT_OUT) {
      record(unchecked, 1);
      return;
    }
    const { kind, breaches } = checked;
    record(messages, 1, { kind });
    if (breaches.length === 0) return;
    for (const rule of script.rulesOf(checked)) record(violations, 1, { kind, rule });
    for (const breach of breaches) tell(kind, breach, sender, secrets);
  };
  return {
    checksSent,
    received(message, role, secrets) {
      check(message, role, "server", RECEIVED, secrets);
      if (seen.size === told) return;
      for (const item of [...seen].slice(told))
        if (item < followed) record("ws_contract_seen", 1, { item: String(item) });
      told = seen.size;
    },
    sent: (message, secrets) => check(message, undefined, "client", SENT, secrets),
  };
}

/** Items already reported, so that each sentence is made once. */
const told = new Set<string>();

function tell(kind: string, breach: Breach, sender: Sender, secrets: readonly string[]): void {
  const key = `${sender} ${kind} ${breach.rule} ${breach.schema}`;
  if (told.has(key)) return;
  told.add(key);
  const describe = () =>
    sender === "client" ? describeSent(kind, breach) : describeBreach(kind, breach, secrets);
  notice(`contract ${key}`, key, describe, secrets);
}

function loadScript<T>(path: string): T {
  // No import: it would be a part of every scenario.
  return orMissing(path, () => (globalThis as unknown as { require(path: string): T }).require(path));
}

/**
 * The exports of a CommonJS script that is needed once. k6 keeps a script that `require` loads, with its syntax tree, for
 * the whole run. Every garbage collection would go through them: 7 MB for the reader with its parser of YAML.
 */
function evaluated<T>(path: string): T {
  const text = orMissing(path, () => open(import.meta.resolve(path)));
  const module = { exports: {} as T };
  new Function("module", text)(module);
  return module.exports;
}

function orMissing<T>(path: string, load: () => T): T {
  try {
    return load();
  } catch (error) {
    throw new SettingsError(
      `CONTRACT: expected the script that checks contracts in ${path} beside the scenario's, got none (${(error as Error).message})`,
    );
  }
}
