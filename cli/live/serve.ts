/** The report's page while a run goes on, on this machine alone: made anew each second for whoever looks. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Update } from "../report/chart.ts";
import { chartsOf } from "../report/charts.ts";
import { contentOf, documentOf, headlineOf, runningHeadline } from "../report/document.ts";
import type { Html } from "../report/html.ts";
import { type RunView, viewOf } from "../report/view.ts";
import { pageAssets } from "../report/write.ts";
import type { LiveFigures } from "./figures.ts";
import { lineOf, NOT_RECORDED, type Plan } from "./text.ts";
import type { Display } from "./watch.ts";

/** A page that shows a run while it goes on. */
export interface LivePage extends Display {
  readonly url: string;
  /** Shows what the run came to, and ends. Pages that are open keep it. */
  finish(views: readonly RunView[]): Promise<void>;
}

/** A page that does not read is sent nothing more until it does. */
const MOST_UNREAD_BYTES = 4 * 1024 * 1024;

/** Serves the page of a run on a free port of 127.0.0.1. */
export async function serveLive(plan: Plan): Promise<LivePage> {
  const assets = await pageAssets();
  const pages = new Set<ServerResponse>();
  /** The views are computed when somebody looks. */
  let shown: { views: () => readonly RunView[]; headline: Html } = {
    views: () => [],
    headline: runningHeadline(plan.scenario, "starting"),
  };
  const update = (over: boolean): Update => {
    const views = shown.views();
    const charts = chartsOf(views);
    const { above, figures, below } = contentOf(views, charts);
    const [headline, ...rest] = [shown.headline, above, figures, below].map(({ markup }) => markup);
    return {
      headline: headline!,
      above: rest[0]!,
      figures: rest[1]!,
      below: rest[2]!,
      charts,
      over,
    };
  };
  const event = (over: boolean) => `data: ${JSON.stringify(update(over))}\n\n`;
  const tell = (over: boolean) => {
    if (pages.size === 0) return;
    const data = event(over);
    for (const page of pages) if (over || page.writableLength < MOST_UNREAD_BYTES) page.write(data);
  };

  const answer = (request: IncomingMessage, response: ServerResponse) => {
    response.setHeader("Cache-Control", "no-store");
    response.setHeader("X-Content-Type-Options", "nosniff");
    // A page of elsewhere whose name was pointed here is not to read along.
    if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? "")) {
      response.writeHead(403).end();
    } else if (request.method !== "GET") {
      response.writeHead(405, { Allow: "GET" }).end();
    } else if (request.url === "/") {
      response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" });
      const views = shown.views();
      const { headline } = shown;
      const charts = chartsOf(views);
      const content = contentOf(views, charts);
      response.end(documentOf({ title: plan.scenario, headline, content, charts, assets, isLive: true }));
    } else if (request.url === "/events") {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      pages.add(response.on("close", () => pages.delete(response)));
      response.write(event(false));
    } else response.writeHead(404).end();
  };
  const server = createServer(answer);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    show(figures, run) {
      shown = {
        views: () => (run ? [viewOf(run)] : []),
        headline: runningHeadline(plan.scenario, inWords(plan, figures)),
      };
      tell(false);
    },
    async finish(views) {
      shown = { views: () => views, headline: headlineOf(views) };
      tell(true);
      for (const page of pages) page.end();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      await closed;
    },
  };
}

const inWords = (plan: Plan, figures: LiveFigures): string =>
  figures.recorded ? lineOf(plan, figures) : `${lineOf(plan, figures)}; figures ${NOT_RECORDED}`;
