import http, { type RefinedParams } from "k6/http";
import * as sockets from "k6/websockets";
import ws from "k6/ws";
import {
  describeExpected,
  HANDSHAKE_CASES,
  type HandshakeAnswer,
  type HandshakeCase,
  handshakeLimits,
  handshakeNotes,
  handshakeOutcome,
  isRaw,
  lacking,
  type Opening,
  padded,
  parseCases,
  STREAM_CASES,
  TOOK_HTTP2,
  type Unanswered,
  withHeaders,
  withoutAnswer,
  withPath,
} from "../handshake.ts";
import { FIRST_ROOM, type Identity, type IdentitySettings, identities } from "../identity.ts";
import { proxyFor } from "../proxy.ts";
import { requireNoForwarding } from "../route.ts";
import { type SettingName, type Settings, SettingsError } from "../settings.ts";
import { type Ms, ms } from "../units.ts";
import { isEventStream } from "../url.ts";
import { readJsonInput } from "./files.ts";
import type { Plan } from "./plan.ts";
import { scenario } from "./scenario.ts";
import type { Helper, ScenarioSpec } from "./scenario-spec.ts";

/** Requests at the boundary of an upgrade: what the server must answer. */
export interface HandshakeSpec<N extends SettingName> extends ScenarioSpec<N> {
  boundary(settings: Settings<N>): Boundary;
}

export interface Boundary {
  /** A file with more cases; "" for the toolkit's own alone. */
  readonly file: string;
  /** A token of this server that has expired; "" where there is none to try. */
  readonly expiredToken: string;
}

type Needs = "CONNECT_TIMEOUT" | "HTTP_VERSION" | "ORIGIN" | "AUTH" | "WS_URL";

/** One request for each case, one after the other: this is not a load. */
export function handshake<N extends SettingName>(spec: HandshakeSpec<N>) {
  return scenario(
    { ...spec, noLogin: "which tests single handshakes" },
    ["ws_outcomes", "ws_handshake_status", "ws_connect_failures"],
    (settings, protocol, users): Plan => {
      const { CONNECT_TIMEOUT, HTTP_VERSION, ORIGIN, AUTH, WS_URL } = settings as Settings<Needs>;
      const isStream = isEventStream(WS_URL);
      const [own, opening]: [readonly HandshakeCase[], Opening] = isStream
        ? [STREAM_CASES, 200]
        : [HANDSHAKE_CASES, 101];
      requireNoForwarding(WS_URL, __ENV);
      if (HTTP_VERSION !== "1.1") {
        throw new SettingsError(
          `HTTP_VERSION: expected 1.1, since this scenario tests HTTP/1.1's handshake, got ${HTTP_VERSION}`,
        );
      }
      const { file, expiredToken } = spec.boundary(settings as Settings<N>);
      const ours: { readonly [name: string]: string } = {
        WS_TOKEN: users.at(0).token,
        ORIGIN,
        EXPIRED_TOKEN: expiredToken,
      };
      const variable = (name: string): string => ours[name] ?? __ENV[name] ?? "";
      const all = file === "" ? own : parseCases(readJsonInput("CASES_FILE", file), file, own);
      const cases = all.filter((one) => lacking(one, (name) => variable(name) !== "") === undefined);
      if (cases.length === 0)
        throw new SettingsError("CASES_FILE: expected a case that can be tried, got none");
      if (AUTH === "message" && cases.some((one) => tokenOf(one) !== undefined)) {
        throw new SettingsError(
          "AUTH: expected header, query or cookie, since a token in a message is not part of the handshake, got message",
        );
      }
      const untried = all.filter((one) => !cases.includes(one));

      /** Its own token in the place of the usual one. */
      function tokenOf({ token, tokenFrom }: HandshakeCase): string | undefined {
        return tokenFrom ? variable(tokenFrom) : token;
      }

      return {
        load: `${cases.length} ${isStream ? "requests for event streams" : "handshakes"}, one after the other`,
        size: 1,
        reusesCredentials: true, // by all cases
        // No connection of one case is left for the next.
        options: { noConnectionReuse: true },
        duration: ms(0), // as long as the server takes
        longest: ms(cases.length * CONNECT_TIMEOUT),
        limits: handshakeLimits(cases),
        breakdowns: { ws_handshake_status: { case: cases.map(({ name }) => name) } },
        notes: (metrics) => [
          ...handshakeNotes(metrics, cases),
          ...untried.map(
            (one) => `${one.name}: not tried without ${lacking(one, (name) => variable(name) !== "")}`,
          ),
        ],
        async drive({ record, identity }) {
          for (const one of cases) {
            const token = tokenOf(one);
            const usual = identity(0, { room: FIRST_ROOM });
            const given =
              token === undefined
                ? usual
                : identities(settings as unknown as IdentitySettings, protocol, users, { token })(0, {
                    vu: usual.variables.vu ?? "",
                    room: FIRST_ROOM,
                  });
            const answer = (isStream ? askForStream : ask)(one, given, CONNECT_TIMEOUT);
            record("ws_handshake_status", answer.status, { case: one.name });
            if ("reason" in answer) {
              record("ws_connect_failures", 1, { reason: answer.reason });
              continue;
            }
            const outcome = handshakeOutcome(one, answer, opening);
            record("ws_outcomes", 1, { case: one.name, outcome });
            if (outcome !== "as_specified") {
              const got = "ended" in answer ? "no HTTP answer" : answer.status;
              console.error(`${one.name}: expected ${describeExpected(one)}, got ${got} (${outcome})`);
            }
          }
        },
      };
    },
  );
}

const urlOf = ({ path, urlBytes }: HandshakeCase, { url }: Identity): string =>
  padded(withPath(url, path), urlBytes);

/** By the extension: k6's HTTP client gives no answer before its body has ended. */
function askForStream(one: HandshakeCase, identity: Identity, timeout: Ms): HandshakeAnswer | Unanswered {
  const { answerTo } = sockets as unknown as Helper;
  const headers = { Accept: "text/event-stream", "Cache-Control": "no-cache", ...identity.headers };
  const {
    status,
    headers: answered,
    error,
  } = answerTo(urlOf(one, identity), withHeaders(headers, one), timeout);
  return status > 0 ? { status, headers: answered } : withoutAnswer(error, isProxied(identity));
}

/** With k6's WebSocket client where it can make the request: it alone shows the headers of a 101. */
function ask(one: HandshakeCase, identity: Identity, timeout: Ms): HandshakeAnswer | Unanswered {
  const url = urlOf(one, identity);
  const asked = identity.subprotocols.join(", ");
  const headers = { ...identity.headers, ...(asked !== "" && { "Sec-WebSocket-Protocol": asked }) };
  const wantsHeaders = one.expect.status.includes(101) && !isRaw(one.headers);
  const isByProxy = isProxied(identity);
  if (wantsHeaders) return upgrade(url, withHeaders(headers, one), isByProxy);
  const handshake = {
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "bG9hZC10ZXN0LW5vbmNlIQ==", // any 16 bytes
  };
  const all = withHeaders({ ...handshake, ...headers }, one);
  return request(url.replace(/^ws/, "http"), all, timeout, isByProxy);
}

const isProxied = ({ url }: Identity): boolean => proxyFor(url, __ENV) !== undefined;

function upgrade(
  url: string,
  headers: Record<string, string>,
  isByProxy: boolean,
): HandshakeAnswer | Unanswered {
  const params = { headers, jar: new http.CookieJar() };
  const { status, headers: answered, error } = ws.connect(url, params, (socket) => socket.close());
  if (status) return { status, headers: answered };
  return withoutAnswer(String(error), isByProxy);
}

/**
 * A request that no WebSocket library would make. k6's HTTP client throws on a 101, which tells that the server took
 * it. Its errors are not shown: they hold the URL, in which a token may travel.
 */
function request(
  url: string,
  headers: Record<string, string>,
  timeout: Ms,
  isByProxy: boolean,
): HandshakeAnswer | Unanswered {
  const params: RefinedParams<"none"> & { throw: boolean } = {
    headers,
    jar: new http.CookieJar(),
    timeout,
    responseType: "none",
    redirects: 0,
    throw: true,
    responseCallback: null as never, // refusals are no failures
  };
  try {
    const { status, headers: answered } = http.request("GET", url, null, params);
    return { status, headers: answered };
  } catch (error) {
    const said = String(error);
    if (/response status: 101/.test(said)) return { status: 101, headers: {} };
    return /http2: invalid/.test(said) ? TOOK_HTTP2 : withoutAnswer(said, isByProxy);
  }
}
