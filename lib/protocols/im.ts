import type { Descriptor } from "./schema.ts";

/**
 * A customer-service messenger: a user is matched with a teacher, then each chat message gets a receipt and
 * the teacher's answer. Messages carry the server's own identifiers, so replies are matched by their turn.
 * An empty message (no payload) is answered with code "1" instead of the receipt.
 */
export const im: Descriptor = {
  name: "im",
  path: "/pinter/imserver/${user}",
  session: [
    {
      send: '{"type":"match","from":${user},"to":"system"}',
      await: { where: { "/type": "match", "/code": "0" } },
      capture: { teacher: "/msg" },
      within: "10s",
    },
  ],
  probe: { send: '{"msgId":${id},"type":"normal","from":${user},"to":${teacher},"msg":${payload}}' },
  reply: [
    { name: "receipt", where: { "/type": "receipt", "/code": "0" }, match: "fifo" },
    { name: "answer", where: { "/type": "normal", "/code": "0" }, match: "fifo" },
  ],
  error: { where: { "/code": "1" }, reason: "/msg", settles: "oldest" },
};
