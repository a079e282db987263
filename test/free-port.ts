import { once } from "node:events";
import { createServer } from "node:net";

/** Below the ports that systems give to connections (from 32768 on Linux, from 49152 on others), of which there are many at any moment. */
const [LOWEST, HIGHEST] = [20_000, 32_000];

/** A port of 127.0.0.1 for a program that does not say which one it took. Nobody holds it until that program does. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    const server = createServer().listen(port, "127.0.0.1");
    const isFree = await once(server, "listening").then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}
