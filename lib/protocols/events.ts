import type { Descriptor } from "./schema.ts";

/** Any event stream: each event is a delivery, known by its id where it has one. */
export const events: Descriptor = {
  name: "events",
  delivery: { where: { "/event": { exists: true } }, id: "/id", cursor: "/id" },
};

/** The reference server's rooms as event streams, into which a POST to the stream's own URL publishes. */
export const roomEvents: Descriptor = {
  name: "room-events",
  probe: { http: {}, send: '{"id":${id},"sentAt":${nowMs},"payload":${payload}}' },
  reply: [{ name: "event", where: { "/event": "message" }, match: "id", id: "/data/id" }],
  publish: {
    http: {},
    send: '{"id":${id},"seq":${seq},"publisher":${connection},"sentAt":${nowMs},"payload":${payload}}',
  },
  delivery: {
    where: { "/event": "message", "/data/publisherSeq": { exists: true } }, // which probes have not
    id: "/data/id",
    seq: "/data/publisherSeq",
    cursor: "/id",
    publisher: "/data/publisher",
    room: "/data/room",
    sentAt: { at: "/data/timestamp", unit: "ms" },
  },
};
