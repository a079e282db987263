// npx playwright test -c examples/playwright
import { defineConfig } from "@playwright/test";

const baseURL = process.env.BASE_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  testDir: ".",
  fullyParallel: true,
  use: {
    baseURL,
    launchOptions: {
      // A Chromium of the system. Without it Playwright takes the one that `npx playwright install chromium` fetched.
      ...(process.env.K6_BROWSER_EXECUTABLE_PATH && {
        executablePath: process.env.K6_BROWSER_EXECUTABLE_PATH,
      }),
    },
  },
  webServer: {
    command: "npx k6-realtime server",
    url: `${baseURL}/health`,
    reuseExistingServer: true,
  },
});
