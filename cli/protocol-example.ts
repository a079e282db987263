/** The descriptors of common stacks in this package, offered to a user who names one as if it were built in. */
import { existsSync } from "node:fs";
import { relative } from "node:path";
import { packageFile } from "./package-file.ts";

const UNKNOWN = /^(?:--protocol|PROTOCOL): expected .* got "([a-z0-9.-]+)"$/m;

/** An error about an unknown protocol, with the path of its example if there is one; any other error as it is. */
export function withExample(message: string): string {
  const name = UNKNOWN.exec(message)?.[1];
  const path = name && packageFile(`examples/protocols/${name}.json`);
  if (!path || !existsSync(path)) return message;
  return message.replace(UNKNOWN, (line) => `${line}: try --protocol-file ${relative("", path)}`);
}
