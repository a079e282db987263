import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { connectReason } from "../../lib/reasons.ts";

describe("what k6 says of a connection that failed is put on the closed list", () => {
  for (const [said, reason] of [
    ["dial tcp 10.0.0.1:443: connect: connection refused", "refused"],
    ["dial tcp 10.0.0.1:443: socket: too many open files", "no_descriptors"],
    ["dial tcp: lookup chat.example on 10.0.0.2:53: dial udp: socket: too many open files", "no_descriptors"],
    ["dial tcp 10.0.0.1:443: connect: cannot assign requested address", "no_ports"],
    ["dial tcp 10.0.0.1:443: socket: cannot allocate memory", "no_memory"],
    ["dial tcp 10.0.0.1:443: connect: no buffer space available", "no_memory"],
    ["dial tcp 10.0.0.1:443: epoll_ctl: no space left on device", "no_memory"],
    ["dial tcp: lookup chat.example: no such host", "dns"],
    ["http_418", "http_rejected"],
    ["http_503", "http_503"],
    ["what nobody ever said", "other"],
  ] as const) {
    test(said, () => assert.equal(connectReason(said), reason));
  }
});
