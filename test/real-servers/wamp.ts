import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { type Cleanup, OUR_K6 } from "../k6/run.ts";

/** `k6 x wamp-server`, and what it counted: asking for that ends it. */
export async function wampRouter(t: Cleanup) {
  const router = spawn(OUR_K6, ["x", "wamp-server", "--listen", "127.0.0.1:0"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, K6_AUTO_EXTENSION_RESOLUTION: "false" },
  });
  t.after(() => router.kill("SIGKILL"));
  const lines: string[] = [];
  const ended = once(router, "close");
  const reader = createInterface({ input: router.stdout }).on("line", (line) => lines.push(line));
  await Promise.race([
    once(reader, "line"),
    ended.then(() => Promise.reject(new Error("the router did not start"))),
  ]);
  return {
    url: lines[0]!.replace("listening on ", ""),
    async report(): Promise<{ published: number; eventsSent: number }> {
      router.kill("SIGINT");
      await ended;
      return JSON.parse(lines.at(-1)!);
    },
  };
}
