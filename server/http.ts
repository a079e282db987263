import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Registry } from "prom-client";
import * as v from "valibot";
import { signToken } from "./auth.ts";
import { ENDPOINTS } from "./endpoints.ts";
import type { FaultSettings, Faults } from "./faults.ts";
import type { Gate } from "./gate.ts";
import { readJson, sendJson } from "./json-body.ts";
import { metricsRegistry } from "./metrics.ts";
import type { ResolvedOptions } from "./options.ts";
import { pageRoutes } from "./page.ts";
import { requestUrl } from "./request-url.ts";
import type { ServerStats } from "./stats.ts";
import { STREAM_ENDPOINTS, type Streams } from "./streams.ts";
import { InvalidInput, parse } from "./validation.ts";

const TokenRequestSchema = v.strictObject({ user: v.string(), ttlSeconds: v.pipe(v.number(), v.finite()) });

export interface HttpParts {
  readonly options: ResolvedOptions;
  readonly stats: () => ServerStats;
  readonly faults: Faults;
  readonly gate: Gate;
  readonly streams: Streams;
}

interface Route {
  /** Whether it is about the server itself, so only for who runs it, and answered in a freeze too. */
  readonly control?: true;
  readonly run: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;
}

/** Answers plain HTTP: health and figures to anyone, control of the server to this machine. */
export function httpListener({ options, stats, faults, gate, streams }: HttpParts): RequestListener {
  let metrics: Registry | undefined;
  const showFaults: Route["run"] = (_, response) =>
    sendJson(response, 200, { faults: faults.settings, frozen: gate.frozen });

  const routes = new Map<string, Route>([
    ...pageRoutes,
    [
      "GET /health",
      {
        run: (_, response) => sendJson(response, 200, { status: "ok", connections: stats().connectionsOpen }),
      },
    ],
    [
      "GET /metrics",
      {
        async run(_, response) {
          metrics ??= metricsRegistry(stats);
          const text = await metrics.metrics();
          response.writeHead(200, { "content-type": metrics.contentType }).end(text);
        },
      },
    ],
    ["GET /stats", { control: true, run: (_, response) => sendJson(response, 200, stats()) }],
    ["GET /faults", { control: true, run: showFaults }],
    [
      "POST /faults",
      {
        control: true,
        async run(request, response) {
          faults.set((await readJson(request)) as FaultSettings);
          showFaults(request, response);
        },
      },
    ],
    [
      "DELETE /faults",
      {
        control: true,
        run(request, response) {
          faults.clear();
          showFaults(request, response);
        },
      },
    ],
    ["GET /faults/delays", { control: true, run: (_, response) => sendJson(response, 200, faults.delays) }],
    [
      "POST /tokens",
      {
        control: true,
        async run(request, response) {
          const { user, ttlSeconds } = parse(TokenRequestSchema, await readJson(request), "token");
          sendJson(response, 200, { token: signToken(user, ttlSeconds, options.secret) });
        },
      },
    ],
  ]);

  const answer = async (run: Route["run"], request: IncomingMessage, response: ServerResponse) => {
    try {
      await run(request, response);
    } catch (error) {
      const status = error instanceof InvalidInput ? 400 : 500;
      sendJson(response, status, { error: error instanceof Error ? error.message : String(error) });
    }
  };

  return (request, response) => {
    const url = requestUrl(request);
    const path = url?.pathname;
    const endpoint = STREAM_ENDPOINTS.find(
      ({ method, path: pattern }) => method === request.method && path && pattern.test(path),
    );
    if (url && endpoint) {
      gate.run(() => void answer(() => streams.answer(endpoint, request, response, url), request, response));
      return;
    }
    const route = routes.get(`${request.method} ${path}`);
    const refusal = route?.control && refuseControl(request, options.faultControl);
    if (!route && ENDPOINTS.some((endpoint) => path && endpoint.path.test(path))) {
      if (faults.overlooks("no-upgrade")) return sendJson(response, 200, {});
      response.setHeader("upgrade", "websocket");
      sendJson(response, 426, { error: "expected a WebSocket upgrade" });
    } else if (!route) {
      sendJson(response, 404, { error: `no such resource: ${request.method} ${request.url}` });
    } else if (refusal) {
      sendJson(response, 403, { error: refusal });
    } else if (route.control) {
      void answer(route.run, request, response);
    } else {
      gate.run(() => void answer(route.run, request, response));
    }
  };
}

/** Control is for whoever runs the server: not for other machines, nor for a web page open in a browser here. */
function refuseControl(request: IncomingMessage, faultControl: boolean): string | undefined {
  if (!faultControl) return "control is off: start the server with --faults";
  if (!isLoopback(request.socket.remoteAddress)) return "control is for this machine only";
  if (request.headers.origin !== undefined) return "control is not for web pages";
  return undefined;
}

function isLoopback(address = ""): boolean {
  return /^(::ffff:)?127\./.test(address) || address === "::1";
}
