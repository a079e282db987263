import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Cleanup } from "../k6/run.ts";

const cwd = fileURLToPath(new URL("./envelope", import.meta.url));
const binary = fileURLToPath(new URL("../../.cache/tools/envelope-server", import.meta.url));

/** What the server did, by its own count. */
export interface EnvelopeCounts {
  readonly Joined: number;
  readonly Echoed: number;
  readonly Published: number;
  /** One for each member of the room. */
  readonly Delivered: number;
  readonly Unreadable: number;
}

/** Builds the server in Go, for which its cache makes it quick but once. */
export const buildEnvelopeServer = () => promisify(execFile)("go", ["build", "-o", binary, "."], { cwd });

/** The server whose messages are Protocol Buffers', in Go with their own library. */
export async function envelopeServer(t: Cleanup) {
  const server = spawn(binary, [cwd], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => server.kill());
  const [port] = await once(createInterface(server.stdout), "line");
  const at = `127.0.0.1:${port}`;
  const counts = async () => (await (await fetch(`http://${at}/counts`)).json()) as EnvelopeCounts;
  return { url: `ws://${at}`, counts };
}
