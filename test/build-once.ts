import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withLock } from "../tools/lock.mjs";

const cache = fileURLToPath(new URL("../.cache", import.meta.url));

/** Makes what several test files need, one file at a time: `make` does nothing where it is there already. */
export const buildOnce = <T>(name: string, make: () => Promise<T>): Promise<T> =>
  withLock(join(cache, `${name}.lock`), { onWait() {} }, make) as Promise<T>;
