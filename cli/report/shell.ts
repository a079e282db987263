/** What every page of ours is in: one file that loads nothing. Pure. */
import { createHash } from "node:crypto";
import { Html, html } from "./html.ts";

/** What a page carries to draw with; nothing is loaded from elsewhere. */
export interface Assets {
  readonly script: string;
  readonly style: string;
}

/** Puts a body into a whole HTML page, with its script at its end. */
export function shell(page: { title: string; body: Html; assets: Assets; isLive: boolean }): string {
  const { title, body, assets, isLive } = page;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy(assets, isLive)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${raw(assets.style)}</style>
</head>
<body${isLive ? new Html(" data-live") : ""}>
${body}
<script>${raw(assets.script)}</script>
</body>
</html>
`.markup;
}

/** Only the page's own script and style run, whatever is in the data; nothing is fetched or sent but from a live run's own server. */
function policy({ script, style }: Assets, isLive: boolean): string {
  const hash = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  return `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; ${isLive ? "connect-src 'self'; " : ""}base-uri 'none'; form-action 'none'`;
}

/** Our own script or style, which must not end its element. */
function raw(text: string): Html {
  if (/<\/(script|style)/i.test(text))
    throw new Error("the page's script and style must not hold an end tag");
  return new Html(text);
}
