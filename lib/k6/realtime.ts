/// <reference path="../../extension/index.d.ts" />
import type * as Realtime from "k6/x/realtime";
import { keepNotices } from "./notices.ts";

/**
 * The extension. It is not imported. A k6 without it would then look for one to download, and fail with a message
 * that does not say what to do.
 *
 * @throws Error naming the k6 that the scenario needs. To be called in the init context.
 */
export function realtime(scenario: string): typeof Realtime {
  // In its first pass over a script k6 gives an empty module for one that it does not know.
  const module = (globalThis as unknown as { require(name: string): typeof Realtime }).require(
    "k6/x/realtime",
  );
  if (module.Swarm === undefined) {
    throw new Error(
      `${scenario} needs k6 with the extension xk6-realtime, which this k6 has not been built with: build it by "npm run build:k6", then use bin/k6 instead of k6`,
    );
  }
  keepNotices(module);
  return module;
}
