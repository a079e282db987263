/** One run: a sequence is sent, and what comes of it is seen, on its own connections and on the neighbours'. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Calm, ConnectionSeen, Observation } from "../../lib/fuzz/observation.ts";
import type { Sequence } from "../../lib/fuzz/sequence.ts";
import { Client } from "./client.ts";
import type { FuzzContract } from "./contract.ts";
import { endedByUs, NoStage, Stage } from "./stage.ts";
import type { Target } from "./target.ts";

/** How runs are made. */
export interface Running {
  readonly target: Target;
  readonly calm: Calm;
  readonly neighbours: number;
  /** How long to wait for an answer. */
  readonly waitMs: number;
  /** Waits until another message may be sent. */
  pace(): Promise<void>;
  /** The server's own counts, where it tells them. */
  readonly gauges?: () => Promise<ReadonlyMap<string, number>>;
  /** The breach of the contract by a message of the server. */
  readonly violation?: FuzzContract["violation"];
}

const loop = monitorEventLoopDelay({ resolution: 5 });
loop.enable();

/** Sends a sequence among neighbours that are there. */
export async function execute(sequence: Sequence, stage: Stage, running: Running): Promise<Observation> {
  const { calm, waitMs } = running;
  const gaugesBefore = await running.gauges?.();
  loop.reset();
  stage.begin();
  stage.runs++;
  const first = stage.neighbours.length;
  const clients = await Promise.all(
    sequence.connections.map((opening, i) =>
      Client.open(
        {
          name: `connection ${i + 1}`,
          role: "fuzzing",
          index: first + i,
          room: stage.room,
          neighbourUser: stage.neighbourUser,
          opening,
        },
        running.target,
        stage.origin,
      ),
    ),
  );
  for (const client of clients) stage.watch(client);
  const asked: Promise<unknown>[] = [];
  /** Connections that answer no more: nothing is waited for on them again. */
  const stuck = new Set<Client>();
  for (const [index, step] of sequence.steps.entries()) {
    await running.pace();
    const client = clients[step.on]!;
    if (!client.isOpen || stuck.has(client)) continue;
    client.send(step, index, waitMs);
    // At its heels, so that what it holds up is held up for the neighbour, too.
    for (const neighbour of stage.neighbours.slice(0, 1)) asked.push(stage.probe(neighbour, waitMs));
    if (step.burst) continue;
    if (!(await settled(client, calm, waitMs))) stuck.add(client);
    for (const neighbour of stage.neighbours.slice(1, 2)) asked.push(stage.probe(neighbour, waitMs));
  }
  await Promise.all(asked);
  await Promise.all(
    clients.map(async (client) => {
      const answers = await Promise.all(client.asked);
      if (answers.some((probe) => probe?.outcome === "silence")) stuck.add(client);
      if (stuck.has(client)) return;
      if (calm.probes && client.isReady) await stage.probe(client, waitMs);
      else await settled(client, calm, waitMs);
      if (client.isOpen && calm.pongs) await client.ping(waitMs);
    }),
  );
  // While the attackers are there, and once they are gone.
  const during = await callOn(stage, clients, running);
  await Promise.all(
    clients.map((client) => client.close(calm.closeAnswered && !stuck.has(client) ? waitMs : 20)),
  );
  const after = await callOn(stage, [], running);
  const deliveriesOf = (client: Client) => [...(during.get(client) ?? []), ...(after.get(client) ?? [])];
  const growth = gaugesBefore ? await grown(gaugesBefore, running.gauges!, waitMs) : [];
  const seen = {
    connections: clients.map((client) => client.seen()),
    neighbours: stage.neighbours.map((client) => ({ ...client.seen(), deliveries: deliveriesOf(client) })),
    ownDelayMs: loop.max / 1e6,
    waitedMs: waitMs,
  };
  return { ...seen, serves: undefined, growth, violations: violationsIn(seen, running) };
}

/**
 * Waits until the server has read the messages: it answers a Ping behind them, or has had time enough for an answer.
 * Returns whether it answered every Ping.
 */
async function settled(client: Client, calm: Calm, waitMs: number): Promise<boolean> {
  const answered = !calm.pongs || (await client.ping(waitMs));
  if (!calm.probes || !client.isReady)
    await new Promise((resolve) => setTimeout(resolve, Math.min(waitMs, 5 + 2 * calm.answerMs)));
  return answered;
}

/** Asks each neighbour whether it is served as before: probes, and a message of each to the other. */
async function callOn(
  stage: Stage,
  clients: readonly Client[],
  { calm, waitMs }: Running,
): Promise<Map<Client, ConnectionSeen["deliveries"]>> {
  const due = new Map<Client, { id: string; from: string; sentAt: number; own: boolean }[]>();
  const inRoom = stage.neighbours.filter((client) => client.part.role === "neighbour");
  const owe = (id: string | undefined, from: Client) => {
    if (id === undefined) return;
    for (const to of inRoom) {
      if (to === from && !calm.ownDeliveries) continue;
      due.set(to, [
        ...(due.get(to) ?? []),
        { id, from: from.part.name, sentAt: performance.now(), own: from.part.role === "neighbour" },
      ]);
    }
  };
  for (const client of clients) for (const id of client.owed) owe(id, client);
  if (calm.deliveries) owe(inRoom[0]?.publish("x"), inRoom[0]!);
  await Promise.all(
    stage.neighbours.map((client) => (calm.probes ? stage.probe(client, waitMs) : client.ping(waitMs))),
  );
  for (const [client, owed] of due) for (const { id } of owed) await client.delivered(id, waitMs);
  return new Map(
    [...due].map(([client, owed]) => [
      client,
      owed.map(({ id, from, sentAt, own }) => {
        const times = client.deliveriesOf(id);
        return {
          id,
          from,
          times: times.length,
          ...(own && times[0] !== undefined && { afterMs: times[0] - sentAt }),
        };
      }),
    ]),
  );
}

/** Counts that grew, once they have had time to come back. */
async function grown(
  before: ReadonlyMap<string, number>,
  gauges: NonNullable<Running["gauges"]>,
  waitMs: number,
): Promise<Observation["growth"]> {
  const by = performance.now() + waitMs;
  for (;;) {
    const after = await gauges();
    const growth = [...after].flatMap(([name, value]) => {
      const was = before.get(name) ?? 0;
      return value > was ? [{ name, before: was, after: value }] : [];
    });
    if (growth.length === 0 || performance.now() >= by) return growth;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

function violationsIn(
  { connections, neighbours }: Pick<Observation, "connections" | "neighbours">,
  { violation }: Running,
): Observation["violations"] {
  if (!violation) return [];
  return [...connections, ...neighbours].flatMap(({ name, log }) =>
    log.flatMap((entry) => {
      const text =
        entry.event === "received" && entry.text !== undefined
          ? violation(entry.text, entry.role)
          : undefined;
      return text === undefined ? [] : [{ on: name, text }];
    }),
  );
}

/** Finds out what holds while nobody attacks. */
export async function findCalm(target: Target, neighbours: number): Promise<Calm> {
  const stage = await Stage.open(target, undefined, Math.max(1, neighbours));
  try {
    const [first] = stage.neighbours;
    const timeout = target.messageTimeoutMs;
    const probes = await Promise.all(stage.neighbours.map((client) => stage.probe(client, timeout)));
    const answers = [...probes];
    for (let i = 0; i < 5; i++) answers.push(await stage.probe(first!, timeout));
    const pingAt = performance.now();
    const pongs = await first!.ping(timeout);
    const pongMs = performance.now() - pingAt;
    const id =
      target.protocol.descriptor.publish && target.protocol.descriptor.delivery
        ? first!.publish("x")
        : undefined;
    const second = stage.neighbours[1];
    const deliveries =
      id !== undefined && second !== undefined && (await second.delivered(id, Math.min(timeout, 1_000)));
    const ownDeliveries = deliveries && first!.deliveriesOf(id!).length > 0;
    const isProbed = probes.every((probe) => probe?.outcome === "reply");
    // Once these are answered, every publication has reached all whom it reaches.
    await Promise.all(
      stage.neighbours.map((client) => (isProbed ? stage.probe(client, timeout) : client.ping(timeout))),
    );
    const seen = stage.neighbours.map((client) => client.seen());
    const last = await Client.open(
      { ...first!.part, name: "the last", index: stage.neighbours.length, opening: { start: "ready" } },
      target,
      performance.now(),
    );
    await last.close(Math.min(timeout, 1_000));
    if (endedByUs(last.seen())) throw NoStage.because(last.seen());
    const usesRoom = target.protocol.variables.includes("room");
    return {
      probes: isProbed,
      deliveries,
      ownDeliveries,
      pongs,
      closeAnswered: last.seen().closeAnswered === true,
      privateReplies: !target.protocol.descriptor.probe || seen.every(({ foreign }) => foreign.length === 0),
      roomsApart:
        usesRoom &&
        stage.neighbours.length > 2 &&
        !seen[2]!.log.some((entry) => entry.event === "received" && entry.text?.includes(stage.room)),
      answerMs: Math.max(pongMs, ...answers.map((probe) => (probe?.outcome === "reply" ? probe.afterMs : 0))),
    };
  } finally {
    await stage.close();
  }
}

/** Sends a sequence among neighbours of its own, and sees afterwards whether new connections are served. */
export async function executeAlone(sequence: Sequence, running: Running): Promise<Observation | NoStage> {
  let stage: Stage;
  try {
    stage = await Stage.open(running.target, running.calm, running.neighbours);
  } catch (error) {
    if (!(error instanceof NoStage)) throw error;
    return error;
  }
  const seen = await execute(sequence, stage, running);
  await stage.close();
  const unsent = unsentIn(seen);
  if (unsent) return unsent;
  return { ...seen, serves: await serves(running) };
}

/** Why a sequence was not sent, or not all of it, where the proxy or this machine kept a connection from the server. */
export function unsentIn({ connections }: Observation): NoStage | undefined {
  const unsent = connections.find(({ log }) =>
    log.some((entry) => entry.event === "unconnected" && entry.isOurs),
  );
  return unsent && NoStage.because(unsent);
}

/** Whether new connections are served. */
export async function serves({
  target,
  calm,
}: Pick<Running, "target" | "calm">): Promise<NonNullable<Observation["serves"]>> {
  try {
    await (await Stage.open(target, calm, 1)).close();
    return { ok: true, detail: "" };
  } catch (error) {
    if (!(error instanceof NoStage)) throw error;
    return { ok: false, detail: error.message, isOurs: error.isOurs };
  }
}
