/**
 * What checking a message of 1 KB takes on stock k6: microseconds, by the fastest of several rounds, since other
 * programs can only add to one.
 */
import type * as CheckerScript from "../lib/contract/checker.ts";
import type * as Reader from "../lib/contract/read.ts";

declare const require: (path: string) => typeof CheckerScript & typeof Reader;

const ROUNDS = 20;
const MESSAGES = 200;

const { readContract } = require(`${__ENV.SCRIPTS}/contract.js`);
const { Checker, ContractSession } = require(`${__ENV.SCRIPTS}/contract-checker.js`);
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
