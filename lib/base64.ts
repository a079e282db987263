/** Base64 (RFC 4648 section 4), which k6 has in a module of its own alone. Pure. */
import { encodeUtf8 } from "./protocols/utf8.ts";

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Of a text's UTF-8. */
export function base64(text: string): string {
  const bytes = encodeUtf8(text);
  let encoded = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const group = (bytes[at]! << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    encoded += DIGITS[group >> 18]! + DIGITS[(group >> 12) & 63]!;
    encoded += left > 1 ? DIGITS[(group >> 6) & 63]! : "=";
    encoded += left > 2 ? DIGITS[group & 63]! : "=";
  }
  return encoded;
}
