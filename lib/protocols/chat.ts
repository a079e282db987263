import type { Descriptor } from "./schema.ts";

/** The reference server's chat: rooms, an echo that carries an identifier, publications with a sequence. */
export const chat: Descriptor = {
  name: "chat",
  session: [
    {
      send: '{"type":"subscribe","room":${room}}',
      await: { where: { "/type": "subscribed" } },
      within: "5s",
    },
  ],
  probe: { send: '{"type":"echo","echoId":${id}}' },
  reply: [{ name: "echo", where: { "/type": "echo_reply" }, match: "id", id: "/echoId" }],
  publish: {
    send: '{"type":"publish","room":${room},"id":${id},"seq":${seq},"sentAt":${nowMs},"payload":${payload}}',
  },
  delivery: {
    where: { "/type": "message" },
    id: "/id",
    seq: "/publisherSeq",
    cursor: "/seq",
    publisher: "/publisher",
    room: "/room",
    sentAt: { at: "/timestamp", unit: "ms" },
  },
  error: { where: { "/type": "error" }, reason: "/reason", settles: "id" },
  refresh: {
    send: '{"type":"auth","token":${token}}',
    await: { where: { "/type": "auth_ok" } },
    before: "30s",
  },
  resume: {
    send: '{"type":"resume","room":${room},"after":${lastSeq}}',
    await: { where: { "/type": "resumed" } },
  },
};
