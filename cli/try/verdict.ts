/** Whether a try went well, from its events. Pure. */
import type { Checked } from "../../lib/contract/checker.ts";
import { describeBreach, describeOwn, OUR_OWN } from "../../lib/contract/findings.ts";
import { counted } from "../../lib/counted.ts";
import { isGeneratorFault } from "../../lib/generator-faults.ts";
import { number } from "../../lib/summary/verdict.ts";
import { formatDuration, type Ms, ms } from "../../lib/units.ts";
import type { HeaderLines, Meaning, TryEvent } from "./event.ts";

export interface TryVerdict {
  readonly ok: boolean;
  /** Whether it was interrupted before it went well or wrong, or ended by this side's own limits. */
  readonly undecided: boolean;
  /** One sentence. */
  readonly reason: string;
}

/** Follows the events of one try. */
export class Judge {
  readonly #wanted: number;
  #isStream = false;
  #connectedAt: Ms | undefined;
  #readyAt: Ms | undefined;
  #sent = 0;
  #published = 0;
  #delivered = 0;
  #answered = 0;
  readonly #roundTrips: number[] = [];
  /** The fault of each message that broke the protocol. */
  readonly #strange: string[] = [];
  #strangeDeliveries = 0;
  /** Whether any delivery was as the descriptor has it. */
  #soundly = false;
  /** Messages that broke the contract. */
  #breaking = 0;
  #firstBreach: string | undefined;
  #unanswered = false;
  #awaiting: string | undefined;
  /** The first reply that the end of the connection came before. */
  #lost: Reply | undefined;
  /** The first thing that went wrong. */
  #failure: string | undefined;
  /** What this side or its machine ended it for, where nothing had gone wrong before. */
  #ours: string | undefined;

  /** @param probes how many probes are to be sent */
  constructor(probes: number) {
    this.#wanted = probes;
  }

  take(event: TryEvent): void {
    switch (event.event) {
      case "login-failed":
        if (isGeneratorFault("ws_login_failures", event.reason)) this.#give(`no login: ${event.detail}`);
        else this.#fail(`no login: ${event.detail}`);
        break;
      case "connecting":
        this.#isStream = event.eventStream === true;
        break;
      case "connected":
        this.#connectedAt = event.atMs;
        break;
      case "refused":
        this.#fail(
          this.#isStream
            ? `the server opened no event stream: HTTP ${event.status}${hintOfStream(event)}`
            : `the server refused the upgrade with HTTP ${event.status}${hint(event)}`,
        );
        break;
      case "unconnected":
        if (isGeneratorFault("ws_connect_failures", event.reason))
          this.#give(`no connection: ${event.detail}`);
        else this.#fail(`no connection: ${event.detail}`);
        break;
      case "sent":
        this.#takeOwn(event.checked);
        if (event.purpose === "probe") this.#sent++;
        if (event.purpose === "publish") this.#published++;
        break;
      case "received":
      case "elapsed":
        for (const meaning of event.meaning) this.#takeMeaning(meaning, event.atMs);
        if (event.event === "received" && event.checked) this.#takeChecked(event.checked);
        // A delivery with an invalid stamp still counts as a delivery, and breaks the protocol.
        if (event.meaning.some(isDelivery) && !event.meaning.some(isOfDelivery)) this.#soundly = true;
        break;
      case "violation":
        this.#fail(`the server broke the WebSocket protocol: ${event.detail}`);
        break;
      case "not-taken":
        this.#fail(`the server did not take a ${event.purpose} by HTTP: ${event.detail}`);
        break;
      case "ended":
        if (event.by === "us") break;
        this.#fail(
          `${event.by === "server" ? "the server ended the stream" : "the stream broke off"} ${formatDuration(ms(Math.round(event.atMs - (this.#connectedAt ?? event.atMs))))} after it opened${event.detail === undefined ? "" : `: ${event.detail}`}${this.#tooEarly()}`,
        );
        break;
      case "limit":
        this.#give(event.detail);
        break;
      case "closing":
        this.#awaiting = event.awaiting;
        break;
      case "closed":
        this.#unanswered = event.by === "us" && !event.answered;
        if (event.by !== "us")
          this.#fail(endOf(event, ms(event.atMs - (this.#connectedAt ?? event.atMs))) + this.#tooEarly());
        break;
    }
  }

  #takeChecked({ kind, breaches: [first] }: Checked): void {
    if (!first) return;
    this.#breaking++;
    this.#firstBreach ??= describeBreach(kind, first);
  }

  /** A message of ours that breaks the contract explains much of what comes after it. */
  #takeOwn(checked: Checked | undefined): void {
    const [first] = checked?.breaches ?? [];
    if (checked && first) this.#give(describeOwn(checked.kind, first));
  }

  /** @param interruptedBy the signal that ended it before its time */
  verdict(interruptedBy?: string): TryVerdict {
    if (this.#lost) this.#fail(unanswered(this.#lost));
    this.#failure ??= this.#misread() ?? this.#broken();
    const gap = this.#gap(interruptedBy);
    const wrong = this.#failure ?? this.#ours ?? gap;
    const undecided =
      this.#failure === undefined &&
      (this.#ours !== undefined || (gap !== undefined && interruptedBy !== undefined));
    return {
      ok: wrong === undefined,
      undecided,
      reason: (wrong ?? this.#success()) + this.#breaches() + this.#close(),
    };
  }

  #takeMeaning(meaning: Meaning, at: Ms): void {
    switch (meaning.kind) {
      case "ready":
        this.#readyAt = at;
        break;
      case "session-failed":
        this.#fail(`the session failed at ${meaning.step}: ${meaning.detail}`);
        break;
      case "reply":
        this.#roundTrips.push(meaning.at - (meaning.sentAt ?? meaning.dueAt));
        if (meaning.last) this.#answered++;
        break;
      case "lost":
        this.#lost ??= meaning;
        break;
      case "timeout":
        this.#fail(unanswered(meaning));
        break;
      case "error":
        if (meaning.id !== undefined)
          this.#fail(`probe ${meaning.id} was answered with an error: ${meaning.reason}`);
        break;
      case "delivery":
        this.#delivered++;
        break;
      case "invalid":
        this.#strange.push(meaning.detail);
        if (isOfDelivery(meaning)) this.#strangeDeliveries++;
        break;
    }
  }

  /** If none was usable, no scenario that counts deliveries would count any. */
  #misread(): string | undefined {
    const count = this.#strangeDeliveries;
    if (count === 0 || this.#soundly || this.#ours !== undefined) return undefined;
    return count === 1
      ? "the only delivery did not match the descriptor"
      : `none of ${count} deliveries matched the descriptor`;
  }

  /** What broke the contract. */
  #broken(): string | undefined {
    if (this.#breaking === 0 || this.#ours?.startsWith(OUR_OWN)) return undefined;
    const many = counted(this.#breaking, "message");
    return `${many} broke the contract, the first: ${this.#firstBreach!.replace(/^contract: /, "")}`;
  }

  #gap(interruptedBy: string | undefined): string | undefined {
    const before = interruptedBy === undefined ? "when the time was over" : `when ${interruptedBy} came`;
    if (this.#readyAt === undefined) {
      const what = this.#awaiting === undefined ? "" : `: ${this.#awaiting} still waits for its message`;
      return `the session was not ready ${before}${what}`;
    }
    if (this.#sent < this.#wanted && interruptedBy === undefined)
      return `${before}, ${this.#sent} of ${this.#wanted} probes had been sent: give it longer (--for) or fewer (--probes)`;
    if (this.#answered < this.#wanted)
      return `${this.#answered} of ${this.#wanted} probes had their replies ${before}`;
    return undefined;
  }

  #success(): string {
    const ready = `session ready after ${number(this.#readyAt!)} ms`;
    const published =
      this.#published > 0 ? `; ${this.#published} published, ${this.#delivered} delivered` : "";
    return `${ready}; ${this.#probed()}${published}`;
  }

  #breaches(): string {
    const [first] = this.#strange;
    if (first === undefined) return "";
    const many = counted(this.#strange.length, "message");
    return `; ${many} broke the protocol, the first: ${first}`;
  }

  #tooEarly(): string {
    return this.#lost ? `, before the reply "${this.#lost.name}" to probe ${this.#lost.id}` : "";
  }

  #close(): string {
    return this.#unanswered ? "; it ended the connection without an answer to our Close" : "";
  }

  #probed(): string {
    if (this.#sent === 0) return "no probe was sent";
    const [least, most] = [Math.min(...this.#roundTrips), Math.max(...this.#roundTrips)].map(number);
    return `${this.#answered} of ${this.#wanted} probes had their replies, RTT ${least} to ${most} ms`;
  }

  /** What comes after an end of our own making follows from it. */
  #fail(reason: string): void {
    if (this.#ours === undefined) this.#failure ??= reason;
  }

  #give(reason: string): void {
    if (this.#failure === undefined) this.#ours ??= reason;
  }
}

type Reply = Pick<Extract<Meaning, { kind: "lost" }>, "id" | "name">;

const unanswered = ({ id, name }: Reply): string =>
  `probe ${id} had no reply "${name}" in time (does the server handle what the probe sends, and does "reply" match its answer?)`;

const isDelivery = ({ kind }: Meaning): boolean => kind === "delivery";

/** Whether it reports a fault of a delivery. */
const isOfDelivery = (meaning: Meaning): boolean =>
  meaning.kind === "invalid" && /^(a )?delivery /.test(meaning.detail);

function endOf({ by, code, reason }: TryEvent & { event: "closed" }, after: Ms): string {
  const when = `${formatDuration(ms(Math.round(after)))} after it opened`;
  if (by === "network") return `the connection ended without a Close frame ${when}`;
  const why = reason === "" ? "" : ` (${reason})`;
  return `the server closed the connection ${when}, ${code === null ? "without a code" : `with ${code}`}${why}`;
}

/** What usually helps. */
function hint({ status, headers }: TryEvent & { event: "refused" }): string {
  if (status === 401) return ": it wants other credentials, see --token, --login-file, --auth and --header";
  if (status === 403) return ": it does not let you in, see --token, --login-file, --auth and --origin";
  if (status === 404) return ": it has no such path, see --url and the protocol's own path";
  if (status === 426 || status === 400) return ": it wants another handshake, see --subprotocol and --header";
  if (status >= 300 && status < 400)
    return `: it redirects to ${locationOf(headers)}, which no WebSocket client has to follow`;
  if (status >= 200 && status < 300)
    return ": that path serves web pages, or a proxy in between does not upgrade";
  return "";
}

function hintOfStream({ status, headers }: TryEvent & { event: "refused" }): string {
  const field = (wanted: string) => headers.find(([name]) => name.toLowerCase() === wanted)?.[1];
  if (status === 401 || status === 403) return ": it does not let you in, see --token, --auth and --header";
  if (status === 426 || status === 101) return ": it wants a WebSocket, so write ws:// or wss://";
  if (status === 204) return ", which asks clients not to come again";
  if (status >= 300 && status < 400)
    return `, a redirect to ${locationOf(headers)}: scenarios follow it within the host, try takes the URL itself`;
  if (status === 200)
    return ` with content type ${field("content-type") ?? "none"} and content encoding ${field("content-encoding") ?? "identity"}, expected text/event-stream, and gzip, deflate or identity`;
  return "";
}

/** The target of a redirect. */
const locationOf = (headers: HeaderLines): string =>
  headers.find(([name]) => name.toLowerCase() === "location")?.[1] || "no Location";
