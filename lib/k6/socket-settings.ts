/** Settings that all sockets of a scenario share, as far as stock k6 can follow them. */
import { beyondStock, type CompressionSettings, compressionOf } from "../compression.ts";
import { type HttpSettings, httpVersionOf } from "../http-version.ts";
import { SettingsError } from "../settings.ts";
import { compressMessages, connectBy } from "./socket.ts";

/** Has the sockets offer the compression of the settings, as far as this kind of socket can. */
export function offerCompression(settings: CompressionSettings, stock: boolean): void {
  const offered = compressionOf(settings);
  const beyond = stock && beyondStock(offered);
  if (beyond)
    throw new SettingsError(`${beyond} on stock k6, whose sockets offer nothing else; use dist/x on bin/k6`);
  compressMessages(offered);
}

/** Has the sockets connect by the HTTP version of the settings, if this kind of socket can. */
export function chooseHttpVersion(settings: HttpSettings, stock: boolean): void {
  const version = httpVersionOf(settings);
  if (stock && version.httpVersion !== "1.1")
    throw new SettingsError(
      "HTTP_VERSION: expected 1.1 on stock k6, whose sockets speak no other; use dist/x on bin/k6",
    );
  connectBy(version);
}
