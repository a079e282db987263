/** The dashboards as files; `npm run docs` writes them. */
import { fileURLToPath } from "node:url";
import { dashboards } from "./index.ts";

export const directory = fileURLToPath(new URL("json/", import.meta.url));

/** The text of each file below json/. */
export function files(): Map<string, string> {
  return new Map(
    Object.entries(dashboards()).map(([name, made]) => [name, `${JSON.stringify(made, null, 2)}\n`]),
  );
}
