import { readFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";

/** The files of the chat page in `server/page/`, by the path that gives them. */
const FILES = {
  "/chat": { name: "chat.html", type: "text/html" },
  "/chat/chat.js": { name: "chat.js", type: "text/javascript" },
  "/chat/chat.css": { name: "chat.css", type: "text/css" },
} as const;

/** What the page may load, and where it may connect: this server alone. */
const POLICY = "default-src 'self'; img-src data:";

/** Answers with one file of the chat page. */
async function sendPageFile(path: keyof typeof FILES, response: ServerResponse): Promise<void> {
  const { name, type } = FILES[path];
  // The same place from server/ and, bundled, from dist/.
  const body = await readFile(new URL(`../server/page/${name}`, import.meta.url));
  response
    .writeHead(200, {
      "content-type": `${type}; charset=utf-8`,
      "content-security-policy": POLICY,
      "cache-control": "no-store",
    })
    .end(body);
}

/** The requests that give the chat page, each with what answers it. */
export const pageRoutes = (Object.keys(FILES) as (keyof typeof FILES)[]).map(
  (path) =>
    [`GET ${path}`, { run: (_: unknown, response: ServerResponse) => sendPageFile(path, response) }] as const,
);
