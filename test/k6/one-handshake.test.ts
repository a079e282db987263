/** One request, whoever sends it: its bytes as they came to a server, from each of our clients. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { createServer as httpServer } from "node:http";
import { type AddressInfo, type Server, type Socket, createServer as tcpServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createServer as tlsServer } from "node:tls";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { selfSignedCertificate } from "../../server/tls.ts";
import { forEngine, forK6 } from "../../tools/bundles.mjs";
import { tryOut } from "../cli/try-out.ts";
import { accept, CLOSE, close, frame } from "../raw-server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { MAKER_ROWS, type MakerRow, type WrittenRow } from "./makers.ts";
import { OUR_K6, runK6, STOCK_K6 } from "./run.ts";

/** Who makes requests. The first is what the others are held to. */
const MAKERS = [
  "k6's sockets",
  "the check on k6's sockets",
  "try",
  "the engine's sockets",
  "the check on the engine's sockets",
  "a swarm",
];

test("all clients send the same request, byte for byte", async (t) => {
  const recorder = await startRecorder(t);
  const directory = await temporaryDirectory(t);
  const rows = await Promise.all(
    MAKER_ROWS.map(async (row, index): Promise<WrittenRow> => {
      const WS_URL = row.env.WS_URL!.replace(/^(WSS|WS|HOST)/, (kind) => recorder.urls[kind]!);
      const file = row.users && join(directory, `${index}.csv`);
      if (row.users) await writeFile(file!, csvOf(row.users));
      return { ...row, env: { ...row.env, WS_URL }, ...(file && { file }) };
    }),
  );
  assert.ok(rows.length >= 40);
  await byTry(directory, rows, recorder);
  await byK6(t, directory, rows, recorder);
  for (const [index, { sentence }] of rows.entries()) {
    await t.test(sentence, () => {
      const [first, ...others] = MAKERS.map((maker) => recorder.requests.get(`${index} ${maker}`));
      for (const [i, other] of others.entries()) {
        assert.deepEqual(other, first, `${MAKERS[i + 1]} and ${MAKERS[0]}`);
      }
      assert.equal(first?.length, 1, "one request");
      const [[target, ...fields] = []] = first ?? [];
      assert.match(target ?? "", /^GET \/[!-~]* HTTP\/1\.1$/);
      const names = fields.map((field) => field.replace(/:.*$/s, "").toLowerCase());
      assert.equal(new Set(names).size, names.length, `each field once: ${names}`);
    });
  }
});

/** What came, by row and maker: each request as {@link comparable}. */
type Requests = ReadonlyMap<string, readonly (readonly string[])[]>;

interface Recorder {
  readonly requests: Requests;
  /** Where to connect to. */
  readonly urls: Readonly<Record<string, string>>;
  /** Where k6 says whose request comes next. */
  readonly control: string;
  next(row: number, maker: string): void;
}

/** Accepts every upgrade and takes down the request. */
async function startRecorder(t: TestContext): Promise<Recorder> {
  const requests = new Map<string, (readonly string[])[]>();
  let current = "";
  const next = (row: number, maker: string) => {
    current = `${row} ${maker}`;
  };
  const sockets = new Set<Socket>();
  const serve = (socket: Socket) => {
    sockets.add(socket.on("close", () => sockets.delete(socket)).on("error", () => {}));
    let head = "";
    socket.on("data", (chunk) => {
      if (head.endsWith("\r\n\r\n")) return socket.end(frame(CLOSE, close(1000, ""))); // whatever it is
      head += chunk.toString("latin1");
      if (!head.endsWith("\r\n\r\n")) return;
      requests.set(current, [...(requests.get(current) ?? []), comparable(head)]);
      socket.write(accept(head));
    });
  };
  const control = httpServer(({ url = "" }, response) => {
    const [, row, maker] = url.split("/").map(decodeURIComponent);
    next(Number(row), maker!);
    response.end();
  });
  const listen = async (server: Server, host?: string): Promise<number> => {
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    t.after(() => server.close());
    return (server.address() as AddressInfo).port;
  };
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    control.closeAllConnections();
  });
  const plain = await listen(tcpServer(serve));
  const secure = await listen(tlsServer(await selfSignedCertificate(), serve));
  return {
    requests,
    next,
    control: `http://127.0.0.1:${await listen(control, "127.0.0.1")}`,
    urls: {
      WS: `ws://127.0.0.1:${plain}`,
      WSS: `wss://127.0.0.1:${secure}`,
      HOST: `ws://LocalHost:${plain}`,
    },
  };
}

/**
 * The request line and the header lines, as they came but for what says nothing: the order of different fields
 * (RFC 9110 section 5.3), which Go's net/http sorts, and the key, which is made up.
 */
function comparable(head: string): readonly string[] {
  const [target = "", ...fields] = head.slice(0, -"\r\n\r\n".length).split("\r\n");
  return [
    target,
    ...fields.map((field) => field.replace(/^(Sec-WebSocket-Key: )[\w+/]{22}==$/, "$1…")).sort(),
  ];
}

async function byTry(directory: string, rows: readonly WrittenRow[], recorder: Recorder): Promise<void> {
  for (const [index, { env, protocol, file, sentence }] of rows.entries()) {
    const descriptor = join(directory, `${index}.json`);
    await writeFile(descriptor, JSON.stringify(protocol));
    recorder.next(index, "try");
    const { out, err } = await tryOut(["--insecure-skip-tls-verify"], {
      env: {
        PATH: process.env.PATH,
        WS_TOKEN: "",
        PROTOCOL_FILE: descriptor,
        ...(file && { USERS: file }),
        ...env,
      },
      until: /← 101/,
    });
    assert.match(out, /← 101/, `${sentence}: ${err}`);
  }
}

const csvOf = (users: NonNullable<MakerRow["users"]>): string => {
  const quoted = (fields: readonly string[]) =>
    fields.map((text) => `"${text.replaceAll('"', '""')}"`).join();
  return [Object.keys(users[0]!), ...users.map(Object.values<string>)].map(quoted).join("\n");
};

async function byK6(
  t: TestContext,
  directory: string,
  rows: readonly WrittenRow[],
  recorder: Recorder,
): Promise<void> {
  const file = join(directory, "rows.json");
  await writeFile(file, JSON.stringify(rows));
  for (const [name, options, k6] of [
    ["stock.js", forK6, STOCK_K6],
    ["engine.js", forEngine, OUR_K6],
  ] as const) {
    const outfile = join(directory, name);
    const entryPoints = [fileURLToPath(new URL("makers-in-k6.ts", import.meta.url))];
    await build({ ...options, entryPoints, outfile, bundle: true });
    const env = { ROWS: file, CONTROL: recorder.control };
    const { code, stderr } = await runK6(t, { scenario: outfile, k6, env });
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /level=error/);
  }
}
