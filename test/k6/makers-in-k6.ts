/**
 * Run by k6: makes the request of each row by the check before the load and by the load's own client. Bundled twice,
 * for k6's own sockets and for the engine's, where swarms are made too.
 */
import http from "k6/http";
import type { Swarm } from "k6/x/realtime";
import { FIRST_ROOM, handshakeTemplate, IDENTITY_SETTINGS, identities } from "../../lib/identity.ts";
import { now } from "../../lib/k6/clock.ts";
import { realtime } from "../../lib/k6/realtime.ts";
import { onStockSockets, Socket } from "../../lib/k6/socket.ts";
import { requireUpgrades } from "../../lib/k6/upgrade-check.ts";
import { readUsers } from "../../lib/k6/users.ts";
import { compile, parseDescriptor } from "../../lib/protocols/index.ts";
import { readSettings } from "../../lib/settings.ts";
import { ms } from "../../lib/units.ts";
import { NO_USERS, usersOf } from "../../lib/users.ts";
import type { WrittenRow } from "./makers.ts";

export const options = { iterations: 1, insecureSkipTLSVerify: true };

const rows: readonly WrittenRow[] = JSON.parse(open(__ENV.ROWS!));
const protocols = rows.map(({ protocol }) => compile(parseDescriptor(protocol, "the row")));
const settings = rows.map(({ env }) => readSettings([...IDENTITY_SETTINGS, "SERVERS"], env));
const extension = onStockSockets ? {} : realtime("this test");
const read = (path: string) => readUsers(path, extension);
const users = rows.map(({ file }, i) => usersOf(file ? read(file) : NO_USERS, settings[i]!.WS_TOKEN));
const swarms: readonly Swarm[] = onStockSockets
  ? []
  : rows.map((_row, i) => {
      const { Swarm } = realtime("this test");
      const {
        authenticate: _,
        variables,
        ...handshake
      } = handshakeTemplate(settings[i]!, protocols[i]!, users[i]!);
      return new Swarm({
        ...handshake,
        variables: { ...variables, room: [FIRST_ROOM] },
        connections: 1,
        rate: 1_000,
        holdMs: 1,
        reachWithinMs: 30_000,
      });
    });

/** Whatever connects next is this row's, made by this. */
const next = (row: number, maker: string) =>
  http.post(`${__ENV.CONTROL}/${row}/${encodeURIComponent(maker)}`);

export default async function () {
  for (const row of rows.keys()) {
    const identity = identities(
      settings[row]!,
      protocols[row]!,
      users[row]!,
    )(0, { room: FIRST_ROOM, vu: "1" });
    next(row, onStockSockets ? "the check on k6's sockets" : "the check on the engine's sockets");
    await new Promise<void>((resolve) => {
      requireUpgrades([{ ...identity, shown: identity.url }], ms(30_000), () => {}, resolve);
    });
    next(row, onStockSockets ? "k6's sockets" : "the engine's sockets");
    await new Promise<void>((resolve, reject) => {
      const socket: Socket = new Socket(
        { ...identity, connectBy: ms(now() + 30_000) },
        {
          opened: () => socket.leave(),
          failed: (reason, error) => reject(new Error(`row ${row}: ${reason} ${error}`)),
          received() {},
          closed: () => resolve(),
        },
      );
    });
    if (onStockSockets) continue;
    next(row, "a swarm");
    await swarms[row]!.run();
  }
}
