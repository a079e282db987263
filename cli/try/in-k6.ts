/**
 * A protocol in code, for one connection of `try`. Its functions may use k6's own modules, so they run in a k6, as they
 * will under load; the connection stays here. k6 asks a small server on this machine for each call. The calls are
 * synchronous, as a conversation's are: a worker serves them while this thread waits.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads";
import type {
  ConnectionInit,
  Conversation,
  Effect,
  Protocol,
  Received,
  Send,
} from "../../lib/protocols/index.ts";
import { type Call, type HostFacts, revive, shorten } from "../../lib/protocols/remote.ts";
import type { Ms } from "../../lib/units.ts";
import { UserError } from "../command.ts";
import { findK6 } from "../find-k6.ts";
import { packageFile } from "../package-file.ts";

/** How long one call may take: longer, and the protocol's code hangs. */
const CALL_MS = 10_000;

/** Serves the calls. Plain JavaScript, since a worker has nothing that would read anything else. */
const SERVER = `
const { createServer } = require("node:http");
const { workerData: { path, port, signal }, parentPort } = require("node:worker_threads");
let waiting, call;
const flush = () => {
  if (!waiting || call === undefined) return;
  waiting.end(call);
  waiting = call = undefined;
};
const server = createServer((request, response) => {
  if (request.url !== path) return response.writeHead(404).end();
  let body = "";
  request.setEncoding("utf8").on("data", (text) => { body += text; }).on("end", () => {
    port.postMessage(body);
    Atomics.store(signal, 0, 1);
    Atomics.notify(signal, 0);
    parentPort.postMessage("answered");
    waiting = response;
    flush();
  });
});
parentPort.on("message", (text) => { call = text; flush(); });
server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
`;

/** A protocol that runs in k6, and what ends that k6. */
export interface Hosted {
  readonly protocol: Protocol;
  close(): void;
}

/**
 * Starts the protocol of a script.
 *
 * @param path the script's absolute path
 * @param columns variables of the users' file
 * @throws {@link UserError} where there is no k6, or it says that the script is wrong
 */
export async function protocolInK6(
  path: string,
  columns: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Hosted> {
  const { command } = await findK6(env);
  const { port1, port2 } = new MessageChannel();
  const signal = new Int32Array(new SharedArrayBuffer(4));
  // Nobody else on this machine is to drive it.
  const secret = `/${randomBytes(16).toString("hex")}`;
  const worker = new Worker(SERVER, {
    eval: true,
    workerData: { path: secret, port: port2, signal },
    transferList: [port2],
  });
  const next = <T>() =>
    new Promise<T>((resolve, reject) => worker.once("message", resolve).once("error", reject));
  const port = await next<number>();
  const answered = next<string>();
  const k6 = spawn(
    command,
    [
      ...["run", "--quiet", "--no-color", "--log-format=raw", "--no-usage-report"],
      packageFile("dist/protocol-host.js"),
    ],
    {
      stdio: ["ignore", "ignore", "pipe"],
      env: {
        ...env,
        PROTOCOL_FILE: path,
        PROTOCOL_COLUMNS: JSON.stringify(columns),
        PROTOCOL_HOST_URL: `http://127.0.0.1:${port}${secret}`,
        NO_PROXY: "127.0.0.1",
      },
    },
  );
  const close = () => {
    k6.kill("SIGKILL");
    port1.close();
    void worker.terminate();
  };
  await Promise.race([answered, ended(k6)]).catch((error) => {
    close();
    throw error;
  });
  worker.unref();
  k6.unref();
  (k6.stderr as unknown as { unref(): void }).unref();
  const take = () => receiveMessageOnPort(port1)?.message as string;
  const facts = JSON.parse(take(), revive) as HostFacts;

  let state: { ready: boolean; awaiting?: string; nextDue?: Ms } = { ready: false };
  const call = <T>(method: Call["method"], ...args: readonly unknown[]): T => {
    Atomics.store(signal, 0, 0);
    worker.postMessage(JSON.stringify({ method, args } satisfies Call, shorten));
    if (Atomics.wait(signal, 0, 0, CALL_MS) === "timed-out") {
      throw new UserError(`${path}: expected ${method} to return, got nothing within ${CALL_MS / 1_000} s`);
    }
    const answer = JSON.parse(take(), revive);
    state = answer.state;
    if (answer.error !== undefined) throw new UserError(answer.error);
    return answer.result as T;
  };
  const conversation: Conversation = {
    open: (at) => call<Effect[]>("open", at),
    receive: (frame, at) => call<Received[]>("receiveEach", frame, at).flatMap(({ effects }) => effects),
    receiveEach: (frame, at) => call<Received[]>("receiveEach", frame, at),
    probe: (id, dueAt, payload = "") => call<Send>("probe", id, dueAt, payload),
    sent: (id, at) => call("sent", id, at),
    publish: (publication, at) => call<Send>("publish", publication, at),
    setToken() {
      throw new Error("try renews no token");
    },
    nextDue: () => state.nextDue,
    due: (at) => call<Effect[]>("due", at),
    drop: (at) => call<Effect[]>("drop", at),
    openProbes: () => 0,
    get ready() {
      return state.ready;
    },
    get awaiting() {
      return state.awaiting;
    },
    lastSeq: undefined,
    captured: {},
  };
  const { hasPath, ...known } = facts;
  const protocol: Protocol = {
    ...known,
    inCode: true,
    path: () => "",
    drafts: () => [],
    ...(hasPath && {
      computePath: (variables: Readonly<Record<string, string>>) => call<string>("computePath", variables),
    }),
    connection(init: ConnectionInit) {
      call("connection", init);
      return conversation;
    },
  };
  return { protocol, close };
}

/** Rejects when k6 ends, with what it said of the script. */
const ended = (k6: ChildProcess): Promise<never> =>
  new Promise((_, reject) => {
    let said = "";
    k6.stderr!.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    k6.once("error", reject);
    k6.once("close", () => {
      const [line = "k6 ended before it had loaded the protocol"] =
        /^.*(SettingsError|DescriptorError).*(\n {2}.*)*/m.exec(said) ?? [said.trim().split("\n")[0]];
      reject(
        new UserError(line.replace(/^.*?(SettingsError|DescriptorError): /, "").replace(/\n?\tat .*/s, "")),
      );
    });
  });
