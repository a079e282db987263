/** Pages in a headless Chromium that has no network but this machine. */
import { execFile } from "node:child_process";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import { type Browser, chromium, type Page } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/**
 * The path of a Chromium on the PATH. Without one the test is skipped, and undefined comes back; in continuous
 * integration it fails.
 */
export async function chromiumFor(t: TestContext): Promise<string | undefined> {
  const executablePath = await findChromium();
  if (executablePath !== undefined) return executablePath;
  const missing = `expected one of ${NAMES.join(", ")} on the PATH, found none`;
  if (process.env.CI === "true") throw new Error(missing);
  t.skip(missing);
  return undefined;
}

/** Does something with that Chromium. */
export async function withBrowser(t: TestContext, work: (browser: Browser) => Promise<void>): Promise<void> {
  const executablePath = await chromiumFor(t);
  if (executablePath === undefined) return;
  const browser = await chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--no-first-run",
      "--proxy-server=127.0.0.1:9", // nobody listens there; what is on this machine goes past it
    ],
  });
  try {
    await work(browser);
  } finally {
    await browser.close();
  }
}

async function findChromium(): Promise<string | undefined> {
  for (const name of NAMES) {
    const { stdout } = await promisify(execFile)("which", [name]).catch(() => ({ stdout: "" }));
    if (stdout !== "") return stdout.trim();
  }
  return undefined;
}

/** How a page is looked at. */
export interface Look {
  readonly width: number;
  readonly colorScheme?: "light" | "dark";
}

/** An open page, and what it complains of until now: errors, and requests that failed. */
export interface Opened {
  readonly page: Page;
  readonly complaints: readonly string[];
}

/** Opens a page. */
export async function openPage(browser: Browser, url: string, look: Look): Promise<Opened> {
  const { width, colorScheme = "light" } = look;
  const page = await browser.newPage({ viewport: { width, height: 2_000 }, colorScheme });
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("requestfailed", (request) => {
    const why = request.failure()?.errorText;
    // Ended by the page itself, as when it is loaded anew.
    if (why !== "net::ERR_ABORTED") complaints.push(`${request.url()}: ${why}`);
  });
  await page.goto(url);
  return { page, complaints };
}
