import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  createServer as createHttp2Server,
  Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createChannel, createSession } from "better-sse";
import { startServer } from "../../server/server.ts";
import { runMain } from "../cli/run-main.ts";
import { httpServer } from "../http-server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { eventSourceService } from "./event-source-service.ts";

async function conform(cwd: string, args: readonly string[], env: Record<string, string> = {}) {
  const { code, out, err } = await runMain(["conform", ...args], { cwd, env: { ...process.env, ...env } });
  return { exitCode: code, out, err };
}

/** The verdict of each case, by its number. */
async function verdicts(cwd: string): Promise<Record<string, string>> {
  const { results } = JSON.parse(await readFile(join(cwd, "conform-results/results.json"), "utf8"));
  return Object.fromEntries(
    results.map(({ id, behavior }: { id: string; behavior: string }) => [id, behavior]),
  );
}

test("the reference server's rooms are event streams as the standard has them", async (t) => {
  const cwd = await temporaryDirectory(t);
  const server = await startServer({ keepAliveMs: 1_100 });
  t.after(() => server.close());
  const url = `${server.httpUrl}/sse/rooms/conform`;
  const { exitCode, out } = await conform(cwd, ["sse-server", "--url", url, "--publish", url], {
    WS_TOKEN: "test-token",
  });
  assert.equal(exitCode, 0, out);
  assert.match(out, /23 cases, 19 OK, 3 INFORMATIONAL, 1 UNIMPLEMENTED/);
  assert.match(await readFile(join(cwd, "conform-results/report.html"), "utf8"), /SSE conformance/);
  assert.match(
    await readFile(join(cwd, "conform-results/report.md"), "utf8"),
    /^## SSE conformance of servers: pass/,
  );
});

/** A server of HTTP/2 without TLS. */
async function serveHttp2(t: TestContext, listener: Listener): Promise<string> {
  const server = createHttp2Server(listener).listen(0, "127.0.0.1");
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => sessions.add(session));
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

type Listener = (
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
) => void;

/** A server by better-sse, which keeps no history: it was not written with these cases in mind. */
const betterSse = (): Listener => {
  const channel = createChannel();
  let id = 0;
  return (request, response) => {
    if (request.method === "POST") {
      let body = "";
      request.on("data", (chunk) => {
        body += chunk;
      });
      request.on("end", () => {
        channel.broadcast(JSON.parse(body).text, "message", { eventId: String(++id) });
        response.end();
      });
    } else {
      const session =
        request instanceof Http2ServerRequest
          ? createSession(request, response as Http2ServerResponse)
          : createSession(request, response as ServerResponse);
      void session.then((session) => channel.register(session));
    }
  };
};

for (const [version, start, its] of [
  ["1.1", httpServer, { "1.5": "OK", "5.1": undefined, "5.2": undefined, "5.3": undefined }],
  ["2", serveHttp2, { "1.5": undefined, "5.1": "OK", "5.2": "OK", "5.3": "OK" }],
] as const) {
  test(`better-sse over HTTP/${version} follows the standard, and does not replay by itself`, async (t) => {
    const cwd = await temporaryDirectory(t);
    const url = await start(t, betterSse());
    const { exitCode, out } = await conform(cwd, [
      ...["sse-server", "--url", url, "--publish", url, "--http-version", version],
      ...["--exclude", "4.2", "--agent", "better-sse"],
    ]);
    assert.equal(exitCode, 0, out);
    const found = await verdicts(cwd);
    const wanted = { "1.1": "OK", "2.1": "OK", "2.3": "OK", "3.2": "NON-STRICT", ...its };
    assert.deepEqual(Object.fromEntries(Object.keys(wanted).map((id) => [id, found[id]])), wanted);
  });
}

test("a client is tested by its service, and a baseline knows its failures", async (t) => {
  const cwd = await temporaryDirectory(t);
  const url = await httpServer(t, eventSourceService());
  const args = [
    "sse-client",
    "--url",
    url,
    "--cases",
    "1.1,1.13,1.17,3.6,4.1,5.1,5.4,6.1,6.3",
    "--calm",
    "500ms",
  ];
  const failing = await conform(cwd, [...args, "--write-baseline", "known.json"]);
  // eventsource 4.1.1 takes an id for the last one only with an event of its own.
  assert.equal(failing.exitCode, 99, failing.out);
  assert.deepEqual(await verdicts(cwd), {
    "1.1": "OK",
    "1.13": "OK",
    "1.17": "FAILED",
    "3.6": "OK",
    "4.1": "OK",
    "5.1": "OK",
    "5.4": "OK",
    "6.1": "OK",
    "6.3": "UNIMPLEMENTED",
  });
  const known = await conform(cwd, [
    "sse-client",
    "--url",
    url,
    "--cases",
    "1.17",
    "--baseline",
    "known.json",
  ]);
  assert.equal(known.exitCode, 0, known.out);
  assert.match(known.out, /1 failures are known/);
});

const refusals: [args: string[], says: RegExp][] = [
  [["sse-server", "--url", "ws://127.0.0.1:1"], /--url: expected a URL such as http:/],
  [["sse-server", "--url", "http://127.0.0.1:1", "--cases", "99"], /no case matches .{1,2}99/],
  [["sse-server", "--url", "http://127.0.0.1:1"], /could not connect to http:\/\/127\.0\.0\.1:1/],
  [["sse-client"], /expected --url/],
  [["sse-client", "--url", "http://127.0.0.1:1"], /the service at http:\/\/127\.0\.0\.1:1/],
];
for (const [args, says] of refusals) {
  test(`conform ${args.join(" ")} is refused`, async (t) => {
    const cwd = await temporaryDirectory(t);
    const { exitCode, err } = await conform(cwd, args, { SSE_URL: "" });
    assert.notEqual(exitCode, 0);
    assert.match(err, says);
  });
}
