/**
 * What checking a message of 1 KB takes on stock k6: microseconds, by the fastest of several rounds, since other
 * programs can only add to one.
 */
import type * as Contracts from "../lib/contract/index.ts";

declare const require: (path: string) => typeof Contracts;

const ROUNDS = 20;
const MESSAGES = 200;

const { Checker, ContractSession, readContract } = require(__ENV.SCRIPT!);
const contract = readContract("contract.json", () => open(__ENV.CONTRACT!));
const checker = new Checker(contract, { mayTrust: __VU > 0 });
const message = __ENV.MESSAGE!;

export default function () {
  const session = new ContractSession();
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const began = Date.now();
    for (let i = 0; i < MESSAGES; i++) {
      const checked = checker.check(session, message, undefined);
      if (typeof checked !== "object" || checked.kind !== "orders" || checked.breaches.length > 0)
        throw new Error(`expected a message of the contract, got ${JSON.stringify(checked)}`);
    }
    least = Math.min(least, Date.now() - began);
  }
  console.log(`microseconds ${(least * 1_000) / MESSAGES}`);
}
