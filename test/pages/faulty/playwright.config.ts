/** Tests that must fail: test/pages/fixtures.test.ts runs them and reads what they say. */
import { defineConfig } from "@playwright/test";

const executablePath = process.env.K6_BROWSER_EXECUTABLE_PATH;

export default defineConfig({
  testDir: ".",
  workers: 2,
  fullyParallel: true,
  timeout: 180_000,
  expect: { timeout: 1_000 },
  use: { baseURL: process.env.BASE_URL, launchOptions: executablePath ? { executablePath } : {} },
});
