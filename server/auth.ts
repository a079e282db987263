import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import * as v from "valibot";

/** What a signed token says: who (`sub`), and until when (`exp`, seconds since the epoch; RFC 7519). */
export interface Claims {
  readonly sub: string;
  readonly exp: number;
}

/** Makes a JSON Web Token, signed with HMAC-SHA256 (RFC 7515), for `user`, good for `ttlSeconds` (may be negative). */
export function signToken(user: string, ttlSeconds: number, secret: string): string {
  const claims: Claims = { sub: user, exp: Date.now() / 1_000 + ttlSeconds };
  const signed = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
  return `${signed}.${hmac(signed, secret).toString("base64url")}`;
}

/** What a token grants. `user` and `expiresAtMs` (epoch) are absent with one of the fixed tokens. */
export interface Grant {
  readonly user?: string;
  readonly expiresAtMs?: number;
}

/** Why a token grants nothing: 401 for who are you, 403 for known but not allowed. */
export interface Denial {
  readonly status: 401 | 403;
  readonly reason: string;
  readonly defect: "missing-token" | "invalid-token" | "expired-token";
}

const ClaimsSchema = v.object({ sub: v.string(), exp: v.pipe(v.number(), v.finite()) });
const HeaderSchema = v.object({ alg: v.literal("HS256") });

/** Checks tokens against a list of fixed ones and a secret. */
export class Authority {
  readonly #fixed: readonly Buffer[];
  readonly #secret: string;

  constructor(fixed: readonly string[], secret: string) {
    // Compared by digest: equal lengths, and no time that depends on the token.
    this.#fixed = fixed.map((token) => hmac(token, secret));
    this.#secret = secret;
  }

  check(token: string | undefined): Grant | Denial {
    if (!token) return { status: 401, reason: "token missing", defect: "missing-token" };
    const digest = hmac(token, this.#secret);
    if (this.#fixed.some((known) => timingSafeEqual(known, digest))) return {};
    const [header, body, signature, ...rest] = token.split(".");
    const invalid: Denial = { status: 401, reason: "token invalid", defect: "invalid-token" };
    if (!header || !body || !signature || rest.length > 0) return invalid;
    const expected = hmac(`${header}.${body}`, this.#secret);
    const given = Buffer.from(signature, "base64url");
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return invalid;
    const claims = v.safeParse(ClaimsSchema, decode(body));
    if (!v.is(HeaderSchema, decode(header)) || !claims.success) return invalid;
    const { sub: user, exp } = claims.output;
    if (exp * 1_000 <= Date.now()) return { status: 403, reason: "token expired", defect: "expired-token" };
    return { user, expiresAtMs: exp * 1_000 };
  }
}

/** The token of an upgrade request: the Authorization header (RFC 6750), else `?token=`, else the cookie `token`. */
export function tokenOf(request: IncomingMessage, url: URL): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
  const cookie = /(?:^|; *)token=([^;]*)/.exec(request.headers.cookie ?? "")?.[1];
  return bearer ?? url.searchParams.get("token") ?? cookie;
}

const hmac = (text: string, secret: string): Buffer => createHmac("sha256", secret).update(text).digest();
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function decode(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, "base64url").toString());
  } catch {
    return undefined;
  }
}
