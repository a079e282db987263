import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { promisify } from "node:util";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/**
 * The path of the Chromium on the PATH. Without one the test is skipped, and undefined comes back; in continuous
 * integration it fails.
 */
export async function findChromium(t: TestContext): Promise<string | undefined> {
  for (const name of NAMES) {
    const { stdout } = await promisify(execFile)("which", [name]).catch(() => ({ stdout: "" }));
    if (stdout !== "") return stdout.trim();
  }
  if (process.env.CI === "true")
    throw new Error(`expected one of ${NAMES.join(", ")} on the PATH, found none`);
  t.skip("there is no Chromium here");
  return undefined;
}

/** Opens a file as a page without a network, and tells the page's elements and what went wrong in it. */
export async function openPage(
  chromium: string,
  path: string,
  width: number,
): Promise<{ dom: string; complaints: string[] }> {
  const profile = await mkdtemp(join(tmpdir(), "k6-realtime-"));
  try {
    const { stdout, stderr } = await promisify(execFile)(
      chromium,
      [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--proxy-server=127.0.0.1:9", // nobody listens there: what is not in the page cannot be had
        `--user-data-dir=${profile}`,
        `--window-size=${width},2000`,
        "--enable-logging=stderr",
        "--virtual-time-budget=2000",
        "--dump-dom",
        `file://${path}`,
      ],
      { timeout: 60_000, maxBuffer: 64 * 1024 * 1024 },
    );
    return { dom: stdout, complaints: stderr.split("\n").filter((line) => line.includes("CONSOLE")) };
  } finally {
    await rm(profile, { recursive: true, force: true });
  }
}
