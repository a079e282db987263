import { readFileSync, realpathSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { RE2JS } from "re2js";
import { Checker } from "../lib/contract/checker.ts";
import { type Contract, ContractError } from "../lib/contract/contract.ts";
import { readContract } from "../lib/contract/read.ts";
import { UserError } from "./command.ts";

/**
 * Reads a contract, with the files in its folder that it refers to.
 *
 * @param name the flag or variable that it was given by
 * @throws UserError describing the problem
 */
export function readContractFile(path: string, cwd: string, name: string): Contract {
  const file = resolve(cwd, path);
  const folder = dirname(file);
  try {
    return readContract(file, (beside) => readBeside(folder, beside));
  } catch (error) {
    if (error instanceof ContractError) throw new UserError(`${name}: ${error.message}`);
    const { code, path: tried = file } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new UserError(`${name}: expected a readable file, got ${tried} (${code})`);
  }
}

/**
 * Checks messages in Node.js. Its own regular expressions may never end, so patterns are matched as the engine
 * matches them.
 *
 * @throws ContractError if a schema is not valid
 */
export const checkerFor = (contract: Contract): Checker =>
  new Checker(contract, {
    patterns: (source) => {
      const pattern = RE2JS.compile(RE2JS.translateRegExp(source));
      // Ajv tells patterns apart by their text.
      return { test: (text) => pattern.matcher(text).find(), toString: () => source };
    },
  });

/** Nothing outside of the folder is read, by a symbolic link neither. */
function readBeside(folder: string, path: string): string {
  const file = realpathSync(resolve(folder, path));
  if (relative(realpathSync(folder), file).startsWith(".."))
    throw new ContractError(
      `${path}: expected a file in the contract's folder or below, got a link that leads out`,
    );
  return readFileSync(file, "utf8");
}
