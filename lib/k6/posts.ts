import type { Identity } from "../identity.ts";
import type { PostFailure, PostSpec } from "../post-request.ts";
import { post } from "./post.ts";
import type { Frame } from "./socket.ts";

/** What becomes of a message whose client leaves before its turn. */
const LEFT: PostFailure = {
  reason: "unsent",
  said: "its client left while earlier messages waited for their answers",
};

/** The messages that one client sends by HTTP, one after the other: two at once might change places. */
export class Posts {
  private last: Promise<unknown> = Promise.resolve();
  private ended = false;

  /** Sends a message after those before it, and gives what went wrong, as {@link post} does. */
  send(
    identity: Identity,
    spec: PostSpec,
    message: Frame,
    timeoutMs: number,
  ): Promise<PostFailure | undefined> {
    const sent = this.last.then(() => (this.ended ? LEFT : post(identity, spec, message, timeoutMs)));
    this.last = sent.catch(() => {}); // one that cannot be made a request fails alone
    return sent;
  }

  /** Gives up the messages that still wait. Each might take its whole timeout, long after the client left. */
  end(): void {
    this.ended = true;
  }
}
