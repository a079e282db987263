/**
 * Contracts: read, recognise, validate. In k6 a script of its own (`dist/contract.js`), which only scenarios with a
 * contract load.
 */
export {
  type Checked,
  Checker,
  type CheckerOptions,
  ContractSession,
  LEFT_OUT,
  rulesOf,
} from "./checker.ts";
export type { Breach, Contract, Item, Kind, Mark, Rule } from "./contract.ts";
export { ContractError, RULES, UNKNOWN } from "./contract.ts";
export { type ReadText, readContract } from "./read.ts";
export { type Recognised, Recogniser } from "./recognise.ts";
export { Validator } from "./validator.ts";
