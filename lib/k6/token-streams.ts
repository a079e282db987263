import type { Users } from "k6/x/realtime";
import { type HttpSettings, httpVersionOf } from "../http-version.ts";
import { handshakeTemplate, tokensIn } from "../identity.ts";
import type { MetricName } from "../metrics.ts";
import { notesOnTimes } from "../notes.ts";
import { compile } from "../protocols/index.ts";
import { type SettingName, type Settings, SettingsError } from "../settings.ts";
import { parseStreamFormat, STREAM_FORMATS, type StreamFormat } from "../token-streams/format.ts";
import { notesOnTokenStreams } from "../token-streams/notes.ts";
import { bodiesOf, defaultPrompts, parsePrompts } from "../token-streams/requests.ts";
import { formatDuration, ms } from "../units.ts";
import type { Users as UsersOfFile } from "../users.ts";
import { readInput, readJsonInput } from "./files.ts";
import { realtime } from "./realtime.ts";
import { scenario } from "./scenario.ts";
import type { ScenarioSpec } from "./scenario-spec.ts";

/** Settings of every such scenario. */
const NEEDS = [
  "RATE",
  "CONNECTIONS",
  "THINK_TIME",
  "RAMP",
  "DURATION",
  "STREAM_FORMAT",
  "STREAM_FORMAT_FILE",
  "BODY_FILE",
  "PROMPTS",
  "MODEL",
  "MAX_TOKENS",
  "STREAM_TIMEOUT",
  "STALL",
  "CHARACTERS_PER_TOKEN",
  "GOOD_FIRST_CONTENT",
  "GOOD_PER_TOKEN",
  "GOOD_STREAM",
  "SHARDS",
  "PRIORITY",
] as const satisfies readonly SettingName[];
type Needs = (typeof NEEDS)[number];

/** What the engine records of requests for tokens. */
const TOKEN_METRICS = [
  "token_first_content_ms",
  "token_content_gap_ms",
  "token_per_token_ms",
  "token_stream_ms",
  "token_first_event_ms",
  "token_first_byte_ms",
  "token_connect_ms",
  "token_requests",
  "token_request_failures",
  "token_success_rate",
  "token_good_rate",
  "token_output_tokens",
  "token_prompt_tokens",
  "token_chunks",
  "token_events",
  "token_stalls",
  "token_buffered_streams",
  "token_bursts",
  "token_burst_chunks",
  "token_active_streams",
  "ws_generator_delay_ms",
  "ws_arrivals_uncertain",
  "ws_unmeasured",
] as const satisfies readonly MetricName[];

/** A load of requests whose answers are streams of tokens. */
export type TokenStreamsSpec = Pick<ScenarioSpec<Needs>, "name" | "profile" | "floor" | "defaults">;

/** Requests whose answers are streams of tokens, made and timed by the extension's engine. */
export function tokenStreams(spec: TokenStreamsSpec) {
  const extension = realtime(spec.name);
  const { TokenStreams, distributions, steps, version } = extension;
  const whole: ScenarioSpec<Needs> = {
    ...spec,
    settings: [...NEEDS],
    extension,
    eventStreams: "swarm",
    noCheck: "each request costs what its tokens cost",
    noLogin: "whose requests the engine makes by itself",
    // No conversation: what it is called, for who reads the summary.
    protocolOf: (settings) => compile({ name: formatOf(settings).name }),
  };
  return scenario(whole, TOKEN_METRICS, (settings, protocol, users) => {
    const isClosed = closed();
    const format = formatOf(settings);
    const asked = { ...settings, HEADERS: headersOf(format, settings, users), SERVERS: [] };
    const { servers, ...handshake } = handshakeTemplate(asked, protocol, users);
    const { DURATION, STREAM_TIMEOUT, RATE, CONNECTIONS, THINK_TIME, CONNECT_TIMEOUT, SHARDS } = settings;
    const bodies = bodiesIn(settings, format);
    const streams = new TokenStreams({
      server: servers[0]!,
      subprotocols: handshake.subprotocols,
      headers: handshake.headers,
      variables: handshake.variables,
      ...(handshake.users && { users: handshake.users as Users }),
      bodies,
      format: describe(format),
      ...(isClosed
        ? { concurrency: CONNECTIONS, thinkMs: THINK_TIME, rampMs: settings.RAMP }
        : { rate: RATE }),
      forMs: DURATION,
      timeoutMs: STREAM_TIMEOUT,
      stallMs: settings.STALL,
      charactersPerToken: settings.CHARACTERS_PER_TOKEN,
      good: {
        firstContentMs: settings.GOOD_FIRST_CONTENT,
        perTokenMs: settings.GOOD_PER_TOKEN,
        wholeMs: settings.GOOD_STREAM,
      },
      shards: SHARDS,
      priority: settings.PRIORITY,
      ...httpVersionOf(settings as unknown as HttpSettings),
      messageBytes: settings.MESSAGE_BYTES,
      bufferedBytes: settings.BUFFERED_BYTES,
      timeouts: {
        resolveMs: CONNECT_TIMEOUT,
        tcpMs: CONNECT_TIMEOUT,
        proxyMs: CONNECT_TIMEOUT,
        tlsMs: CONNECT_TIMEOUT,
        // A server that queues answers when it comes to the request.
        upgradeMs: STREAM_TIMEOUT,
      },
    });
    const requests = Math.ceil((RATE * DURATION) / 1_000);
    return {
      load: isClosed
        ? `${CONNECTIONS} users with ${formatDuration(THINK_TIME)} between their requests for ${formatDuration(DURATION)}`
        : `${RATE} requests a second for ${formatDuration(DURATION)}`,
      size: isClosed ? CONNECTIONS : requests,
      shards: SHARDS,
      duration: DURATION,
      longest: ms(DURATION + STREAM_TIMEOUT),
      engine: { distributions, steps, version },
      notes: (metrics) => [...notesOnTokenStreams(metrics, DURATION, isClosed), ...notesOnTimes(metrics)],
      drive: () => streams.run(),
    };
  });
}

/** Whether users take turns; else requests come at a rate. */
function closed(): boolean {
  const { RATE, CONNECTIONS } = __ENV;
  if (RATE && CONNECTIONS) {
    throw new SettingsError("RATE: expected nothing beside CONNECTIONS, whose users wait for their streams");
  }
  return Boolean(CONNECTIONS);
}

function formatOf({
  STREAM_FORMAT,
  STREAM_FORMAT_FILE,
}: Settings<"STREAM_FORMAT" | "STREAM_FORMAT_FILE">): StreamFormat {
  if (STREAM_FORMAT_FILE === "") return STREAM_FORMATS[STREAM_FORMAT];
  if (__ENV.STREAM_FORMAT) {
    throw new SettingsError(
      "STREAM_FORMAT: expected nothing beside STREAM_FORMAT_FILE, which has the format",
    );
  }
  return parseStreamFormat(readJsonInput("STREAM_FORMAT_FILE", STREAM_FORMAT_FILE), STREAM_FORMAT_FILE);
}

/** The format's headers, where the user has no others; one of a token that there is not is left out. */
function headersOf(
  { headers = {} }: StreamFormat,
  settings: Settings<"HEADERS" | "WS_TOKEN">,
  users: UsersOfFile,
): Readonly<Record<string, string>> {
  const hasToken = tokensIn(settings, users);
  const given = Object.keys(settings.HEADERS).map((name) => name.toLowerCase());
  const own = Object.entries(headers).filter(
    ([name, value]) => !given.includes(name.toLowerCase()) && (hasToken || !value.includes("${token}")),
  );
  return { ...Object.fromEntries(own), ...settings.HEADERS };
}

/** What the engine takes of a format. */
const describe = ({ content, tokens, promptTokens, done, error, errorText }: StreamFormat) => ({
  content,
  ...(tokens !== undefined && { tokens }),
  ...(promptTokens !== undefined && { promptTokens }),
  ...(done !== undefined && { done }),
  ...(error !== undefined && { error }),
  ...(errorText !== undefined && { errorText }),
});

function bodiesIn(
  { BODY_FILE, PROMPTS, MODEL, MAX_TOKENS }: Settings<"BODY_FILE" | "PROMPTS" | "MODEL" | "MAX_TOKENS">,
  format: StreamFormat,
): string[] {
  const prompts =
    PROMPTS === "" ? defaultPrompts(MAX_TOKENS) : parsePrompts(readInput("PROMPTS", PROMPTS), MAX_TOKENS);
  const [template, source] =
    BODY_FILE === ""
      ? [format.body, "STREAM_FORMAT_FILE: body"]
      : [readJsonInput("BODY_FILE", BODY_FILE), "BODY_FILE"];
  return bodiesOf(template, prompts, MODEL, source);
}
