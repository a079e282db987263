/** One route is fuzzed: what holds in peace, what the server says, then everything that might break it. */
import type fc from "fast-check";
import type { Finding } from "../../lib/fuzz/finding.ts";
import type { Calm } from "../../lib/fuzz/observation.ts";
import type { RouteResult } from "../../lib/fuzz/result.ts";
import type { Sequence } from "../../lib/fuzz/sequence.ts";
import { type Material, openingsOf, pairsOf, sequenceArbitrary, sweepOf } from "../../lib/fuzz/strategies.ts";
import { COMMON_MESSAGES, type KnownMessage, type Message, messagesOf } from "../../lib/fuzz/vocabulary.ts";
import type { Protocol } from "../../lib/protocols/index.ts";
import { EXIT, UserError } from "../command.ts";
import { campaign, type Progress } from "./campaign.ts";
import { Client } from "./client.ts";
import type { FuzzContract } from "./contract.ts";
import { explore } from "./explore.ts";
import { type Options, RATES } from "./options.ts";
import { findCalm, type Running } from "./run.ts";
import { NoStage } from "./stage.ts";
import type { Aim, Target } from "./target.ts";

/** Messages beside the ones that every route gets. */
export interface Extra {
  readonly messages: readonly KnownMessage[];
  readonly own: readonly fc.Arbitrary<Message>[];
}

/** Facts about the server, beside its descriptor. */
export interface Beside {
  readonly contract?: FuzzContract;
  readonly gauges?: NonNullable<Running["gauges"]>;
}

export interface RouteRun extends Beside {
  readonly route: string | undefined;
  readonly aim: Aim;
  readonly options: Options;
  readonly extra: Extra;
  /** Until when, by `performance.now()`. */
  readonly until: number;
  readonly signal: AbortSignal;
  onProgress(progress: Progress): void;
  onFinding(finding: Finding): void;
}

/** How runs of a route are made, with what holds there. */
export async function runningOf(
  route: string | undefined,
  aim: Aim,
  options: Options,
  { contract, gauges }: Beside,
) {
  const target = await aim.targetOf(route);
  const calm = await findCalm(target, options.neighbours).catch((error) => {
    if (!(error instanceof NoStage)) throw error;
    throw new UserError(
      `${target.url}: ${error.message}. Nothing was sent yet: k6-realtime try shows how a connection goes`,
      EXIT.error,
    );
  });
  const brokenInPeace = contract && (await violationInPeace(target, contract));
  const running: Running = {
    target,
    calm,
    neighbours: options.neighbours,
    waitMs: Math.min(
      options.messageTimeoutMs,
      Math.max(250, 10 * calm.answerMs, 2.5 * options.neighbourLimitMs),
    ),
    ...(gauges && { gauges }),
    ...(contract && !brokenInPeace && { violation: contract.violation }),
    pace: pacer(options.rate ?? (aim.isLoopback ? RATES.loopback : RATES.elsewhere)),
  };
  const rules = { calm, expect: options.expect, neighbourLimitMs: options.neighbourLimitMs };
  return { target, calm, running, rules, brokenInPeace };
}

/** How the contract is broken while nobody attacks: then it cannot be judged by. */
async function violationInPeace(target: Target, { violation }: FuzzContract): Promise<string | undefined> {
  const client = await Client.open(
    {
      name: "peace",
      role: "neighbour",
      index: 0,
      room: "fuzz-room-peace",
      neighbourUser: "",
      opening: { start: "ready" },
    },
    target,
    performance.now(),
  );
  await client.probe(target.messageTimeoutMs);
  await client.close(500);
  for (const entry of client.seen().log) {
    if (entry.event !== "received" || entry.text === undefined) continue;
    const found = violation(entry.text, entry.role);
    if (found !== undefined) return found;
  }
  return undefined;
}

export async function fuzzRoute(
  what: RouteRun,
): Promise<{ result: RouteResult; findings: readonly Finding[] }> {
  const { route, aim, options, extra, until, signal } = what;
  const startedAt = performance.now();
  const { target, calm, running, rules, brokenInPeace } = await runningOf(route, aim, options, what);
  const { descriptor } = target.protocol;
  const isGraphql = target.protocol.subprotocols.some((name) => name.startsWith("graphql"));
  const known = [...messagesOf(descriptor), ...extra.messages, ...(what.contract?.messages ?? [])];
  const isOver = () => signal.aborted || performance.now() >= until;
  const explored = await explore(target, known, isGraphql && options.only.includes("graphql"), isOver);
  const material: Material = {
    messages: [...known, ...explored.verbs, ...explored.seen, ...(known.length === 0 ? COMMON_MESSAGES : [])],
    words: explored.words,
    graphql: explored.graphql,
    own: extra.own,
    strategies: options.only,
    hasProbe: calm.probes,
    hasPublish: calm.probes && descriptor.publish !== undefined,
    hasSession: descriptor.session !== undefined,
    pathVariables: target.pathVariables,
    maxMessages: options.maxMessages,
    connections: options.connections,
    maxMessageBytes: options.maxMessageBytes,
    closeCodes: options.closeCodes,
  };
  const { early, later } = sweepOf(material);
  const sweep = [[...early.map(alone), ...inPairs(material), ...openings(material)], later.map(alone)];
  const outcome = await campaign({
    route: route ?? "",
    url: target.url,
    running,
    rules,
    seed: options.seed,
    runs: options.runs,
    until,
    again: options.again,
    sweep,
    chance: sequenceArbitrary(material, [...early, ...later]),
    signal,
    recoverMs: 10_000,
    onProgress: what.onProgress,
    onFinding: what.onFinding,
  });
  const { findings, runs, messages: sent, tried, notes, ended } = outcome;
  return {
    findings,
    result: {
      route: route ?? "",
      url: target.url,
      runs,
      messages: sent,
      sweep: { tried, of: sweep.flat().length },
      ...judgedOf(calm, target.protocol, options, aim),
      notes: [
        ...(brokenInPeace === undefined
          ? []
          : [`not judged: the contract, which is broken in peace: ${brokenInPeace}`]),
        ...notes,
      ],
      ...(ended !== undefined && { ended }),
      durationMs: performance.now() - startedAt,
    },
  };
}

const alone = (message: Message): Sequence => ({
  connections: [{ start: "ready" }],
  steps: [{ ...message, on: 0 }],
});

/** After the protocol's session, and in its place. */
const inPairs = (material: Material): Sequence[] =>
  pairsOf(material).flatMap((pair) =>
    (material.hasSession ? (["ready", "raw"] as const) : (["ready"] as const)).map((start) => ({
      connections: [{ start }],
      steps: pair.map((message) => ({ ...message, on: 0 })),
    })),
  );

const openings = (material: Material): Sequence[] =>
  openingsOf(material).map((opening) => ({ connections: [opening], steps: [] }));

/** What can be judged of a server, and what not and why. */
function judgedOf(
  calm: Calm,
  { descriptor }: Protocol,
  { neighbours }: Options,
  { proxy }: Aim,
): Pick<RouteResult, "judged" | "notJudged"> {
  const rows: readonly (readonly [holds: boolean, judged: string, notJudged: string])[] = [
    [true, "how connections end", ""],
    [
      proxy === undefined,
      "ends without a Close",
      `ends without a Close: the proxy ${proxy} may have made them, unless NO_PROXY names the server`,
    ],
    [calm.pongs, "Pongs", "Pongs: the server sent none without an attack either"],
    [
      calm.closeAnswered,
      "answers to a Close",
      "answers to a Close: the server sent none without an attack either",
    ],
    [
      calm.probes,
      "replies",
      descriptor.probe
        ? "replies: a probe got none without an attack either"
        : "whether a connection still answers: give a descriptor with a probe (--protocol-file)",
    ],
    [neighbours > 0, "neighbours", "neighbours: there are none (--neighbours)"],
    [
      calm.deliveries,
      "deliveries",
      descriptor.publish && descriptor.delivery
        ? "deliveries: a neighbour got none without an attack either"
        : 'deliveries: the descriptor has no "publish" and "delivery"',
    ],
  ];
  return {
    judged: rows.flatMap(([holds, judged]) => (holds ? [judged] : [])),
    notJudged: rows.flatMap(([holds, , notJudged]) => (holds ? [] : [notJudged])),
  };
}

/** Lets through so many a second. */
function pacer(rate: number): () => Promise<void> {
  let next = performance.now();
  return async () => {
    const now = performance.now();
    next = Math.max(next, now - 100) + 1_000 / rate;
    if (next > now) await new Promise((resolve) => setTimeout(resolve, next - now));
  };
}
