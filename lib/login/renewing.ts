/** A login that is used again while it is good, and made anew before it ends. Pure: the clock is the caller's. */
import { type Ms, ms } from "../units.ts";
import { hasFailed, type LoggedIn, type LoginFailure } from "./login.ts";

/** A login in use. */
export interface Held extends LoggedIn {
  /** When it stops being good; undefined where nobody says. */
  readonly expiresAt: Ms | undefined;
  /** When it is to be made anew. */
  readonly renewAt: Ms | undefined;
}

/** The logins of one connection, or of all that share them, one after the other. */
export class Renewing {
  readonly #logIn: (due: Ms) => Promise<LoggedIn | LoginFailure>;
  readonly #now: () => Ms;
  readonly #before: Ms;
  #held: Held | undefined;
  #pending: Promise<Held | LoginFailure> | undefined;

  /**
   * @param logIn makes one that was due then. Never rejects
   * @param before how long before its end one is made anew, at most half of its time
   */
  constructor(logIn: (due: Ms) => Promise<LoggedIn | LoginFailure>, now: () => Ms, before: Ms) {
    this.#logIn = logIn;
    this.#now = now;
    this.#before = before;
  }

  /** One that is good for a connection that is due then: the one in use, the one being made, or another. */
  take(due: Ms): Promise<Held | LoginFailure> {
    const held = this.#held;
    if (held?.renewAt !== undefined && this.#now() < held.renewAt) return Promise.resolve(held);
    this.#pending ??= this.#make(due).finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #make(due: Ms): Promise<Held | LoginFailure> {
    const result = await this.#logIn(due);
    if (hasFailed(result)) return result;
    const at = this.#now();
    const { validFor } = result;
    const held: Held = {
      ...result,
      expiresAt: validFor === undefined ? undefined : ms(at + validFor),
      renewAt: validFor === undefined ? undefined : ms(at + validFor - Math.min(this.#before, validFor / 2)),
    };
    this.#held = held;
    return held;
  }
}
