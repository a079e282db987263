/** The examples, with time for a busy machine. */
import { fileURLToPath } from "node:url";
import { defineConfig } from "@playwright/test";
import examples from "../../../examples/playwright/playwright.config.ts";

export default defineConfig(examples, {
  testDir: fileURLToPath(new URL("../../../examples/playwright", import.meta.url)),
  timeout: 180_000,
  expect: { timeout: 60_000 },
});
