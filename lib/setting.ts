/** The kinds of settings: how a number, a word, a duration or a list is read from an environment variable. */
import { TOKEN } from "./shape.ts";
import type { Steps } from "./steps.ts";
import { formatDuration, type Ms, ms, parseDuration } from "./units.ts";

/** One environment variable: how it is read and what it means. */
export interface Setting<T> {
  /** What it is for, in one sentence. */
  readonly help: string;
  /** What a value must look like, as said to someone who got it wrong. */
  readonly expects: string;
  /** The default, as one would write it. */
  readonly default: string;
  /** True where the value must never be printed nor stored. */
  readonly secret?: boolean;
  /** What can be said of a wrong secret. Default: {@link shapeOf}. */
  shape?(text: string): string;
  /** Reads a value; undefined when it is not what {@link expects} says. */
  parse(text: string): T | undefined;
}

/** k6 connects to no URL with a user name in it. */
export const isEndpoint = (text: string): boolean => /^wss?:\/\/[^\s/?#@]+([/?][^\s#]*)?$/.test(text);

/** What event streams are asked for at. */
export const isStreamEndpoint = (text: string): boolean => /^https?:\/\/[^\s/?#@]+([/?][^\s#]*)?$/.test(text);

/** A whole number from `min` to `max`. */
export function count(
  help: string,
  fallback: string,
  min = 0,
  max = Number.MAX_SAFE_INTEGER,
): Setting<number> {
  return {
    help,
    expects: `a whole number from ${min} to ${max}`,
    default: fallback,
    parse(text) {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? value : undefined;
    },
  };
}

/** A number above nothing, for a setting of so many in a second. */
export function rate(help: string, fallback: string): Setting<number> {
  return {
    help,
    expects: "a number above 0, at most 100000",
    default: fallback,
    parse(text) {
      const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
      return value > 0 && value <= 100_000 ? value : undefined;
    },
  };
}

/** One of several words; the first is the default. */
export function choice<const T extends string>(
  help: string,
  [first, ...more]: readonly [T, ...T[]],
): Setting<T> {
  const all = [first, ...more];
  return {
    help,
    expects: all.join(" or "),
    default: first,
    parse: (text) => all.find((option) => option === text),
  };
}

/** A path; that the file is there and what it holds is checked when it is read. */
export function file(help: string, kind: string): Setting<string> {
  return { help, expects: `the path of a ${kind} file`, default: "", parse: (text) => text };
}

/** Control characters other than the tab. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for; k6 knows no [^\P{Cc}\t]
export const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/;

/**
 * RFC 9110 section 5.1 and 5.5: a name is a token, a value has no control characters. The handshake's own headers are
 * not free. Headers that frame a body are not free either, since this request has no body.
 */
export function parseHeaders(text: string): Readonly<Record<string, string>> | undefined {
  const value = parseJson(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const isHeader = ([name, content]: [string, unknown]) =>
    TOKEN.test(name) && !isReservedHeader(name) && typeof content === "string" && !CONTROL.test(content);
  return Object.entries(value).every(isHeader) ? (value as Record<string, string>) : undefined;
}

/** Headers of the handshake itself, and headers that frame a body. */
export const isReservedHeader = (name: string): boolean =>
  /^(sec-websocket-.*|upgrade|connection|host|content-length|transfer-encoding|trailer)$/i.test(name);

/** The largest load that STEPS take. */
const LARGEST_STEP = 100_000;

export function parseSteps(text: string): Steps | undefined {
  const [, from, to] = /^auto:(\d{1,6})\.\.(\d{1,6})$/.exec(text) ?? [];
  if (from !== undefined) {
    const search = { from: Number(from), to: Number(to) };
    return search.from >= 1 && search.from < search.to && search.to <= LARGEST_STEP ? search : undefined;
  }
  const sizes = text === "" ? [] : text.split(",").map((size) => (/^\d{1,6}$/.test(size) ? Number(size) : 0));
  const isRising = sizes.every((size, i) => size > (sizes[i - 1] ?? 0) && size <= LARGEST_STEP);
  return isRising && sizes.length <= 20 ? { sizes } : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A duration such as "10s", of at least `minMs`. */
export function duration(help: string, fallback: string, minMs = 0): Setting<Ms> {
  const least = minMs > 0 ? ` of at least ${formatDuration(ms(minMs))}` : "";
  return {
    help,
    expects: `a duration${least} such as 500ms, 10s or 1m30s`,
    default: fallback,
    parse(text) {
      const value = parseDuration(text);
      return value !== undefined && value >= minMs ? value : undefined;
    },
  };
}
