/** The neighbours of a run: well-behaved connections, two in the room that is attacked and one elsewhere. */
import type { Calm, ConnectionSeen, Meaning, ProbeSeen } from "../../lib/fuzz/observation.ts";
import { Client, type Part } from "./client.ts";
import type { Target } from "./target.ts";

/** The neighbours could not be had: the server takes no connections, or does not serve them. */
export class NoStage extends Error {
  override name = "NoStage";
  /** The proxy or this machine stopped them, or may have. */
  readonly isOurs: boolean;

  constructor(message: string, isOurs = false) {
    super(message);
    this.isOurs = isOurs;
  }

  /** Because of a connection that is not ready. */
  static because(seen: ConnectionSeen): NoStage {
    return new NoStage(whyNot(seen), endedByUs(seen));
  }
}

let stages = 0;

/** A room with neighbours in it. */
export class Stage {
  readonly room: string;
  readonly target: Target;
  readonly neighbours: readonly Client[];
  /** How many runs it has seen. */
  runs = 0;
  readonly #calm: Calm | undefined;
  /** Whose probe an identifier is. */
  readonly #owners = new Map<string, Client>();
  #origin: number;

  private constructor(
    room: string,
    target: Target,
    neighbours: readonly Client[],
    calm: Calm | undefined,
    origin: number,
  ) {
    this.room = room;
    this.target = target;
    this.neighbours = neighbours;
    this.#calm = calm;
    this.#origin = origin;
  }

  /**
   * Opens the neighbours, and sees that each is served.
   *
   * @param calm what they are owed; undefined to find that out
   * @throws {@link NoStage}
   */
  static async open(target: Target, calm: Calm | undefined, count: number): Promise<Stage> {
    const number = `${++stages}`.padStart(5, "0");
    const room = `fuzz-room-${number}`;
    const origin = performance.now();
    const part = (index: number): Part => ({
      name: `neighbour ${index + 1}`,
      role: index === 2 ? "elsewhere" : "neighbour",
      index,
      room: index === 2 ? `fuzz-away-${number}` : room,
      neighbourUser: "",
      opening: { start: "ready" },
    });
    const neighbours = await Promise.all(
      [...Array(count).keys()].map((index) => Client.open(part(index), target, origin)),
    );
    const stage = new Stage(room, target, neighbours, calm, origin);
    for (const client of neighbours) stage.#watch(client);
    const missing = neighbours.find((client) => !client.isReady);
    if (missing) {
      const why = NoStage.because(missing.seen());
      await stage.close();
      throw why;
    }
    const within = target.messageTimeoutMs;
    const served = await Promise.all(
      neighbours.map(async (client) => {
        if (target.protocol.descriptor.probe) return await client.probe(within);
        if (calm?.pongs !== false) await client.ping(within);
        return undefined;
      }),
    );
    const ended = neighbours.find((client) => !client.isReady);
    if (ended) {
      const why = NoStage.because(ended.seen());
      await stage.close();
      throw why;
    }
    const silent = calm?.probes ? served.findIndex((probe) => probe?.outcome !== "reply") : -1;
    if (silent >= 0) {
      const probe = served[silent];
      await stage.close();
      throw new NoStage(
        `a new connection's probe had ${probe?.outcome === "error" ? `the error ${probe.reason}` : "no answer"}`,
      );
    }
    stage.begin();
    return stage;
  }

  /** Whether a neighbour has been lost. */
  get isBroken(): boolean {
    return this.neighbours.some((client) => !client.isReady);
  }

  /** The user of the neighbour that an attacker may name. */
  get neighbourUser(): string {
    return this.neighbours[0]?.user ?? "";
  }

  /** Starts a run's account of the neighbours. */
  begin(): void {
    for (const client of this.neighbours) client.forget();
    this.#owners.clear();
    this.#origin = performance.now();
  }

  /** By `performance.now()`: what the times of the run count from. */
  get origin(): number {
    return this.#origin;
  }

  /** Tells a connection which messages others sent. */
  watch(client: Client): void {
    this.#watch(client);
  }

  #watch(client: Client): void {
    client.isForeign = (text, meaning) => this.#isForeign(client, text, meaning);
  }

  /** Remembers whose probe it is. */
  async probe(client: Client, withinMs: number): Promise<ProbeSeen | undefined> {
    const asked = client.probe(withinMs);
    const id = client.lastProbe;
    if (id !== undefined) this.#owners.set(id, client);
    return await asked;
  }

  #isForeign(client: Client, text: string, meaning: readonly Meaning[]): boolean {
    if (client.part.role === "elsewhere") return this.#calm?.roomsApart === true && text.includes(this.room);
    if (this.#calm && !this.#calm.privateReplies) return false;
    if (
      meaning.some(
        ({ kind }) => kind === "delivery" || kind === "reply" || kind === "late" || kind === "duplicate",
      )
    )
      return false;
    for (const [, id] of text.matchAll(/\b(fz-\d+|1\d{6})\b/g)) {
      const owner = this.#owners.get(id!);
      if (owner && owner !== client) return true;
    }
    return false;
  }

  async close(): Promise<void> {
    const withinMs = this.#calm?.closeAnswered === false ? 20 : Math.min(1_000, this.target.messageTimeoutMs);
    await Promise.all(this.neighbours.map((client) => client.close(withinMs)));
  }
}

/** Whether the proxy or this machine kept a connection from the server, or ended it, or may have. */
export const endedByUs = ({ log }: ConnectionSeen): boolean =>
  log.some((entry) => (entry.event === "unconnected" || entry.event === "closed") && entry.isOurs === true);

/** Why a connection is not ready, from its log. */
export function whyNot({ log, session }: ConnectionSeen): string {
  const last = log.findLast(({ event }) => ["refused", "unconnected", "closed"].includes(event));
  if (last?.event === "refused") return `a new connection was refused with status ${last.status}`;
  if (last?.event === "unconnected") return `no new connection: ${last.reason}`;
  if (last?.event === "closed") {
    const maybe = last.isOurs ? ", maybe by the proxy" : "";
    return `a new connection was closed with ${last.code ?? "no Close (1006)"}${maybe}`;
  }
  return session === "failed"
    ? "a new connection's session did not open"
    : "a new connection was not ready in time";
}
