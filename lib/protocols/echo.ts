import type { Descriptor } from "./schema.ts";

/** A server that sends each message back as it came. What else it says, such as a greeting, is ignored. */
export const echo: Descriptor = {
  name: "echo",
  probe: { send: "${id} ${payload}" },
  reply: [{ name: "echo", match: "whole" }],
};
