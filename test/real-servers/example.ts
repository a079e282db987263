import { fileURLToPath } from "node:url";

/** The file of an example. */
export const example = (name: string): string =>
  fileURLToPath(new URL(`../../examples/protocols/${name}.json`, import.meta.url));
