import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { FaultSettings, Faults } from "./faults.ts";
import type { Gate } from "./gate.ts";
import type { ServerStats } from "./stats.ts";
import { InvalidInput } from "./validation.ts";

const MAX_BODY_BYTES = 1_048_576;

export interface HttpParts {
  readonly stats: ServerStats;
  readonly faults: Faults;
  readonly gate: Gate;
  readonly faultControl: boolean;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** Answers plain HTTP: health and figures to anyone, faults to this machine. */
export function httpListener({ stats, faults, gate, faultControl }: HttpParts): RequestListener {
  const showFaults: Handler = (_, response) =>
    sendJson(response, 200, { faults: faults.settings, frozen: gate.frozen });

  const open: Record<string, Handler> = {
    "GET /health": (_, response) =>
      sendJson(response, 200, { status: "ok", connections: stats.connectionsOpen }),
  };
  const control: Record<string, Handler> = {
    "GET /faults": showFaults,
    "POST /faults": async (request, response) => {
      faults.set((await readJson(request)) as FaultSettings);
      showFaults(request, response);
    },
    "DELETE /faults": (request, response) => {
      faults.clear();
      showFaults(request, response);
    },
    "GET /faults/delays": (_, response) => sendJson(response, 200, faults.delays),
    "GET /stats": (_, response) => sendJson(response, 200, stats),
  };

  return (request, response) => {
    const path = new URL(request.url ?? "/", "http://server").pathname;
    const route = `${request.method} ${path}`;
    if (Object.hasOwn(open, route)) {
      gate.run(() => void open[route]!(request, response));
    } else if (!Object.hasOwn(control, route)) {
      sendJson(response, path.startsWith("/ws/") ? 426 : 404, { error: `no such resource: ${route}` });
    } else {
      const refusal = refuseControl(request, faultControl);
      if (refusal) return sendJson(response, 403, { error: refusal });
      Promise.resolve(control[route]!(request, response)).catch((error: unknown) => {
        const status = error instanceof InvalidInput ? 400 : 500;
        sendJson(response, status, { error: error instanceof Error ? error.message : String(error) });
      });
    }
  };
}

/** Control is for whoever runs the server: not for other machines, nor for a web page open in a browser here. */
function refuseControl(request: IncomingMessage, faultControl: boolean): string | undefined {
  if (!faultControl) return "fault control is off; start the server with --faults";
  if (!isLoopback(request.socket.remoteAddress)) return "fault control is for this machine only";
  if (request.headers.origin !== undefined) return "fault control is not for web pages";
  return undefined;
}

function isLoopback(address = ""): boolean {
  return /^(::ffff:)?127\./.test(address) || address === "::1";
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new InvalidInput(`body: expected at most ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch (error) {
    throw new InvalidInput(`body: expected JSON, got ${(error as Error).message}`);
  }
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
}
