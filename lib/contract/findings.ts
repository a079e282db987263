/** How a contract was kept, in sentences: for the summary and for the terminal. Pure. */
import { counted } from "../counted.ts";
import { peerText } from "../peer-text.ts";
import { countOf, countsBy } from "../summary/counts.ts";
import type { MetricSummary, Summary } from "../summary/summary.ts";
import type { Breach, Contract, Kind } from "./contract.ts";

/** What a run says of a contract. */
export interface ContractNames extends Pick<Contract, "source" | "checksSent"> {
  readonly kinds: readonly Pick<Kind, "name" | "from">[];
}

/**
 * One way in which a message broke its contract.
 *
 * @param secrets what must not be shown of it
 */
export function describeBreach(
  kind: string,
  { at, rule, expected, found }: Breach,
  secrets: readonly string[] = [],
): string {
  const place = at === "" ? "" : ` ${peerText(at, secrets)}`;
  return `contract: ${kind}${place}: expected ${expected}, got ${peerText(found, secrets)} (${rule})`;
}

/** How sentences about our own messages begin. They do not count against the server. */
export const OUR_OWN = "contract, our own message";

/** As {@link describeBreach}, of a message of ours, which is beside it. */
export const describeOwn = (kind: string, breach: Breach): string =>
  describeBreach(kind, breach).replace(/^contract/, OUR_OWN);

/** As {@link describeOwn}, without texts of the message: they may be secrets of the user's. */
export const describeSent = (kind: string, breach: Breach): string =>
  describeOwn(kind, { ...breach, found: breach.found.startsWith('"') ? "a text" : breach.found });

/** Facts about a contract at the end of a run, beside its metrics. */
export interface ContractFigures {
  /** Names of the fields and values that no message had; undefined where that is not known. */
  readonly unseen?: readonly string[] | undefined;
  /** Each way in which messages broke the contract, the most frequent first; undefined where that is not known. */
  readonly findings?: readonly Finding[] | undefined;
  /** The same of messages that this side sent. */
  readonly sent?: readonly Finding[] | undefined;
}

export interface Finding extends Breach {
  readonly kind: string;
  readonly count: number;
}

/** Whether a note is one of {@link notesOnContract} that tells how messages broke the contract. */
export const isContractFinding = (note: string): boolean => /^contract: .* (once|\d+ times)$/.test(note);

/** Whether a note is about a contract: from {@link notesOnContract}, or from a virtual user's log. */
export const isContractNote = (note: string): boolean => /^contract,?( [^:]*)?: /.test(note);

/** Whether a note tells what {@link ContractFigures} of the engine tell as well, with counts. */
export const isTold = (note: string): boolean =>
  note.startsWith("contract: ") || note.startsWith(`${OUR_OWN}: `);

/** Names that are listed one by one. */
const MOST_LISTED = 20;

/** How the contract was kept, and what of it no message showed. */
export function notesOnContract(
  contract: ContractNames,
  metrics: Summary["metrics"],
  { unseen, findings, sent }: ContractFigures,
): string[] {
  const by = countsBy(metrics.ws_contract_messages, "kind");
  const missing = contract.kinds
    .filter(({ name, from }) => from !== "client" && !by[name])
    .map(({ name }) => name);
  const ofClient = contract.kinds.filter(({ from }) => from === "client").map(({ name }) => name);
  return [
    ...(findings?.map((finding) => `${describeBreach(finding.kind, finding)}, ${times(finding.count)}`) ??
      brokenRules("contract", metrics.ws_contract_violations)),
    ...(sent?.map((finding) => `${describeSent(finding.kind, finding)}, ${times(finding.count)}`) ??
      brokenRules(OUR_OWN, metrics.ws_contract_sent_violations)),
    `contract ${contract.source}: ${howMany(by, metrics.ws_contract_unchecked, "received")}${contract.checksSent ? `; of our own, ${howMany(countsBy(metrics.ws_contract_sent_messages, "kind"), metrics.ws_contract_sent_unchecked, "sent")}` : ""}`,
    ...(missing.length > 0 ? [`contract: kinds that never came: ${listed(missing)}`] : []),
    ...(unseen && unseen.length > 0
      ? [`contract: fields and values that never came: ${listed(ofKinds(unseen, [...missing, ...ofClient]))}`]
      : []),
  ].filter((note) => !note.endsWith(": "));
}

function howMany(
  by: Readonly<Record<string, number>>,
  unchecked: MetricSummary | undefined,
  which: "received" | "sent",
): string {
  const checked = Object.values(by).reduce((sum, count) => sum + count, 0);
  const left = countOf(unchecked);
  const share =
    left === 0
      ? ""
      : `, ${percent(checked / (checked + left))} of the ${which} ones: the rest exceeded the bound on checks`;
  return `${counted(checked, "message was", "messages were")} checked${share}`;
}

/** The broken rules alone, the most frequent first: virtual users of stock k6 can pass on no more. */
function brokenRules(what: string, violations: MetricSummary | undefined): string[] {
  const rules = Object.entries(countsBy(violations, "rule"))
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a);
  return rules.map(([rule, count]) => `${what}: ${rule} was broken, with places in the log, ${times(count)}`);
}

/** A kind that never came lacks all its fields: that is not said again. */
const ofKinds = (unseen: readonly string[], missing: readonly string[]): string[] =>
  unseen.filter((name) => !missing.includes(name.split(/[/=]/)[0]!));

function listed(names: readonly string[]): string {
  const distinct = [...new Set(names)];
  const more = distinct.length - MOST_LISTED;
  return [...distinct.slice(0, MOST_LISTED), ...(more > 0 ? [`${more} more`] : [])].join(", ");
}

const times = (count: number): string => (count === 1 ? "once" : `${count} times`);

const percent = (share: number): string => `${Number((share * 100).toPrecision(3))} %`;
