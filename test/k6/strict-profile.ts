import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { temporaryDirectory } from "../temporary-directory.ts";

/** Latency does not matter, so that a busy machine does not; everything else must be flawless. */
const STRICT = {
  thresholds: {
    ws_msg_rtt_ms: ["p(99)<600000"],
    ws_connect_latency_ms: ["p(95)<600000"],
    ws_reply_success_rate: ["rate==1"],
    ws_delivery_success_rate: ["rate==1"],
    ws_connect_failures: ["count==0"],
    ws_connection_drops: ["count==0"],
    ws_message_errors: ["count==0"],
    ws_messages_duplicated: ["count==0"],
    ws_messages_late: ["count==0"],
  },
};

/** The path of a profile under which a run passes if nothing at all went wrong, however slowly. */
export async function strictProfile(t: TestContext): Promise<string> {
  const file = join(await temporaryDirectory(t), "strict.json");
  await writeFile(file, JSON.stringify(STRICT));
  return file;
}
