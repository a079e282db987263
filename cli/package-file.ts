import { fileURLToPath } from "node:url";

/** The absolute path of a file of this package, whether run from `cli/` or bundled into `dist/`. */
export const packageFile = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));
