/**
 * Failures that the generator or its machine caused, and that are never put down to the server. This is the one table
 * of them, by metric and tag. A test holds the engine's own lists to it. Pure.
 */
import { counted } from "./counted.ts";
import type { MetricName } from "./metrics.ts";
import { MOST_VALUES } from "./protocols/codecs/codec.ts";
import { MOST_MESSAGES } from "./protocols/reader.ts";
import { PROXY_REASONS, type ProxyReason } from "./reasons.ts";
import { countOf } from "./summary/counts.ts";
import type { Summary } from "./summary/summary.ts";

/** A fault of the generator or its machine: one value of a tag. */
export interface GeneratorFault {
  readonly metric:
    | "ws_connect_failures"
    | "ws_login_failures"
    | "ws_connection_drops"
    | "ws_message_errors"
    | "token_request_failures";
  readonly tag: "reason" | "by";
  readonly value: string;
  /** Whether this machine gave no more. */
  readonly exhausted?: boolean;
  /** What happened, and what to do about it. */
  readonly says: (count: number) => string;
}

/** The largest head of an answer to an upgrade: the engine's `HeaderBytes`, and that of `try`. */
export const HEADER_BYTES = 65_536;

const attempts = (count: number) => counted(count, "attempt to connect", "attempts to connect");
const logins = (count: number) => counted(count, "login");
const requests = (count: number) => counted(count, "request");
const messages = (count: number) => counted(count, "message");
const connections = (count: number) => counted(count, "connection");
const its = (count: number): string => (count === 1 ? "its connection" : "their connections");

const WHO = "the proxy, or the server behind it,";
const NAMES_THE_PROXY = "HTTP_PROXY, HTTPS_PROXY and NO_PROXY decide which proxy connections use";
const PROXY: Readonly<Record<ProxyReason, readonly [what: string, advice: string]>> = {
  proxy_dns: ["the proxy's name did not resolve", NAMES_THE_PROXY],
  proxy_refused: ["nothing listened at the proxy's address", NAMES_THE_PROXY],
  proxy_unreachable: ["there was no route to the proxy", NAMES_THE_PROXY],
  proxy_closed: [`${WHO} ended the connection before it answered`, NAMES_THE_PROXY],
  proxy_timeout: [`${WHO} did not answer in time`, NAMES_THE_PROXY],
  proxy_bad_answer: ["the proxy's answer was not HTTP", NAMES_THE_PROXY],
  proxy_rejected: ["the proxy opened no tunnel", NAMES_THE_PROXY],
  proxy_403: ["the proxy forbade the tunnel", "have it allow the server, or name the server in NO_PROXY"],
  proxy_407: [
    "the proxy wants credentials, or rejects the given ones",
    "give them in HTTP_PROXY or HTTPS_PROXY, as http://user:password@host:port",
  ],
  proxy_429: ["the proxy allows fewer connections", "have it allow more, or name the server in NO_PROXY"],
  proxy_500: ["the proxy failed", "its log says why"],
  proxy_502: ["the proxy did not reach the server, or did not try", "its log says why"],
  proxy_503: ["the proxy was overloaded, or did not reach the server", "its log says why"],
  proxy_504: ["the proxy did not reach the server in time", "its log says why"],
};

/** What may befall a connection, and the requests of a login before it. */
const connecting = (
  metric: "ws_connect_failures" | "ws_login_failures" | "token_request_failures",
  these: (count: number) => string,
): GeneratorFault[] => [
  {
    metric,
    tag: "reason",
    value: "no_descriptors",
    exhausted: true,
    says: (n) =>
      `this machine gave no more file descriptors to ${these(n)} (no_descriptors): raise the limit (ulimit -n), or spread the load over more processes`,
  },
  {
    metric,
    tag: "reason",
    value: "no_ports",
    exhausted: true,
    says: (n) =>
      `this machine had no local port left for ${these(n)} (no_ports): give more addresses (SOURCE_IPS) or servers, or widen the range of ports`,
  },
  {
    metric,
    tag: "reason",
    value: "no_memory",
    exhausted: true,
    says: (n) =>
      `this machine had no memory left for the sockets of ${these(n)} (no_memory): give it more, or open fewer connections`,
  },
  {
    metric,
    tag: "reason",
    value: "blocked",
    says: (n) => `k6's own blacklistIPs or blockHostnames refused ${these(n)} (blocked)`,
  },
  ...PROXY_REASONS.map((value): GeneratorFault => {
    const [what, advice] = PROXY[value];
    return {
      metric,
      tag: "reason",
      value,
      says: (n) => `${what} at ${these(n)} (${value}): ${advice}`,
    };
  }),
];

export const GENERATOR_FAULTS: readonly GeneratorFault[] = [
  ...connecting("ws_connect_failures", attempts),
  ...connecting("ws_login_failures", logins),
  ...connecting("token_request_failures", requests),
  ...(
    [
      ["ws_connect_failures", attempts],
      ["token_request_failures", requests],
    ] as const
  ).map(
    ([metric, these]): GeneratorFault => ({
      metric,
      tag: "reason",
      value: "header_too_large",
      says: (n) =>
        `the generator takes answers with headers of up to ${HEADER_BYTES / 1_024} KiB, and ${these(n)} got more (header_too_large)`,
    }),
  ),
  {
    metric: "ws_connect_failures",
    tag: "reason",
    value: "http2",
    says: (n) =>
      `k6 took HTTP/2 for ${requests(n)}, which has no such handshake (http2): run it with GODEBUG=http2client=0`,
  },
  {
    metric: "ws_message_errors",
    tag: "reason",
    value: "message_too_big",
    says: (n) =>
      `${messages(n)} larger than MESSAGE_BYTES, for which the generator ended ${its(n)} (message_too_big): raise that setting`,
  },
  {
    metric: "ws_message_errors",
    tag: "reason",
    value: "buffer_limit",
    says: (n) =>
      `no room among the half-received messages for ${messages(n)}, for which the generator ended ${its(n)} (buffer_limit): raise BUFFERED_BYTES`,
  },
  {
    metric: "ws_message_errors",
    tag: "reason",
    value: "too_many_elements",
    says: (n) =>
      `${messages(n)} with more elements than the generator reads: ${MOST_MESSAGES} of a list of deliveries, ${MOST_VALUES} values of a message (too_many_elements)`,
  },
  {
    metric: "ws_message_errors",
    tag: "reason",
    value: "pieces_limit",
    says: (n) =>
      `the generator keeps MESSAGE_BYTES of a message that comes in pieces, and BUFFERED_BYTES of all, and stopped reading connections that needed more: ${messages(n)} (pieces_limit). Check that codec and framing are the server's, or raise these settings`,
  },
  {
    metric: "ws_message_errors",
    tag: "reason",
    value: "generator",
    exhausted: true,
    says: (n) =>
      `this machine gave no connection for ${messages(n)} sent by HTTP (generator): k6-realtime doctor says what to change`,
  },
  {
    metric: "ws_message_errors",
    tag: "reason",
    value: "proxy",
    says: (n) =>
      `${WHO} did not take ${messages(n)} sent by HTTP (proxy). The notes or the log quote the answer`,
  },
  {
    metric: "ws_message_errors",
    tag: "reason",
    value: "protocol_code",
    says: (n) =>
      `the protocol's own code failed at ${messages(n)} (protocol_code): a warning says which function threw what`,
  },
  {
    metric: "ws_connection_drops",
    tag: "by",
    value: "generator",
    says: (n) =>
      `the generator itself ended ${connections(n)} (by: generator): this machine had no memory left for it`,
  },
  {
    metric: "token_request_failures",
    tag: "reason",
    value: "generator",
    says: (n) =>
      `the generator itself ended ${requests(n)} (generator): an event was larger than MESSAGE_BYTES, or there was no room for more (BUFFERED_BYTES)`,
  },
];

/** Metrics of which every value is a fault of the generator or its user. */
const WHOLE_METRICS = {
  ws_contract_sent_violations: (n: number) =>
    `${n === 1 ? "a message" : "messages"} of ours broke the contract${n === 1 ? "" : ` (${n} rules in all)`}: the notes or the log say how. Mend the descriptor or the contract, or leave our messages unchecked (CONTRACT_SENT=none)`,
} as const satisfies Partial<Record<MetricName, (count: number) => string>>;

/** The faults that occurred in a run, in sentences. @param only which rows to look at. Default: all. */
export function generatorFaultsIn(
  metrics: Summary["metrics"],
  only?: (row: GeneratorFault) => boolean,
): readonly string[] {
  const happened = GENERATOR_FAULTS.filter(only ?? (() => true)).flatMap((row) => {
    const part = metrics[row.metric]?.by?.[row.tag]?.[row.value];
    return part?.kind === "counter" && part.count > 0 ? [{ row, count: part.count }] : [];
  });
  const whole = only ? [] : wholesIn(metrics);
  // A limit on messages is why it ended the connections, and says more.
  const isExplained = happened.some(
    ({ row }) =>
      row.metric === "ws_message_errors" && !["protocol_code", "proxy", "generator"].includes(row.value),
  );
  return [
    ...whole,
    ...happened
      .filter(({ row }) => !(isExplained && row.metric === "ws_connection_drops"))
      .map(({ row, count }) => row.says(count)),
  ];
}

const wholesIn = (metrics: Summary["metrics"]): string[] =>
  Object.entries(WHOLE_METRICS).flatMap(([name, says]) => {
    const count = countOf(metrics[name]);
    return count > 0 ? [says(count)] : [];
  });

/** Whether a failure's reason, as `ws_connect_failures` or `ws_message_errors` has it, is our doing. */
export const isGeneratorFault = (metric: GeneratorFault["metric"], value: string): boolean =>
  GENERATOR_FAULTS.some((row) => row.metric === metric && row.value === value);
