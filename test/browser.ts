import type { TestContext } from "node:test";
import { type Browser, chromium } from "playwright-core";
import { findChromium } from "./recording/browser.ts";

/**
 * Does something with a headless Chromium that has no network but this machine. Without one the test is skipped, in
 * continuous integration it fails.
 */
export async function withBrowser(t: TestContext, work: (browser: Browser) => Promise<void>): Promise<void> {
  const executablePath = await findChromium(t);
  if (executablePath === undefined) return;
  const browser = await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
  });
  try {
    await work(browser);
  } finally {
    await browser.close();
  }
}
