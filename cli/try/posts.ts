/** The messages of a try that are sent by HTTP beside its connection. */
import { hasFailed } from "../../lib/login/login.ts";
import { type PostSpec, postRequest } from "../../lib/post-request.ts";
import type { Frame, Send } from "../../lib/protocols/index.ts";
import type { Attempt } from "./attempt.ts";
import { send } from "./login.ts";

/** Sends one after the other: each waits for the answer to the one before. */
export class Posts {
  readonly #what: Attempt;
  readonly #signal: AbortSignal;
  readonly #refused: (purpose: Send["purpose"], detail: string) => void;
  #last: Promise<unknown> = Promise.resolve();

  /** @param refused hears of messages that the server did not take */
  constructor(
    what: Attempt,
    signal: AbortSignal,
    refused: (purpose: Send["purpose"], detail: string) => void,
  ) {
    this.#what = what;
    this.#signal = signal;
    this.#refused = refused;
  }

  /** How a message is sent beside the connection; undefined for one that goes out on it. */
  specOf(purpose: Send["purpose"]): PostSpec | undefined {
    const { protocol, identity } = this.#what;
    const { probe, publish } = protocol.descriptor;
    if (purpose === "probe") return probe?.http;
    return purpose === "publish" && publish?.http ? { ...publish.http, to: identity.publishUrl } : undefined;
  }

  send(frame: Frame, purpose: Send["purpose"], spec: PostSpec): void {
    const { identity, publishNetwork, replyTimeout, userAgent, httpVersion } = this.#what;
    const network = (spec.to !== undefined && publishNetwork) || this.#what.network;
    const request = { ...postRequest(identity, spec), body: frame };
    const sending = { network, timeout: replyTimeout, userAgent, signal: this.#signal, httpVersion };
    this.#last = this.#last.then(async () => {
      const answer = await send(request as Parameters<typeof send>[0], sending);
      if (hasFailed(answer)) this.#refused(purpose, answer.said);
      else if (answer.status < 200 || answer.status > 299) this.#refused(purpose, `HTTP ${answer.status}`);
    });
  }
}
