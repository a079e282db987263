import { connect, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";

/**
 * A TCP proxy in front of `url` that forgets a connection which carried nothing for `idleMs`, as address translation
 * and firewalls do: nothing passes any more, and neither side is told.
 */
export async function forgetfulProxy(t: TestContext, url: string, idleMs: number): Promise<string> {
  const { hostname, port, pathname } = new URL(url);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const backend = connect(Number(port), hostname);
    let forgotten = false;
    const forget = () => {
      forgotten = true;
    };
    let timer = setTimeout(forget, idleMs);
    for (const [from, to] of [
      [client, backend],
      [backend, client],
    ] as const) {
      sockets.add(from);
      from.on("error", () => {});
      from.on("data", (data) => {
        if (forgotten) return;
        clearTimeout(timer);
        timer = setTimeout(forget, idleMs);
        to.write(data);
      });
      from.on("end", () => {
        if (!forgotten) to.end();
      });
    }
    client.on("close", () => clearTimeout(timer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `ws://127.0.0.1:${(server.address() as { port: number }).port}${pathname}`;
}
