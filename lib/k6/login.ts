import http, { type RefinedParams } from "k6/http";
import type { Identity, LoginFirst } from "../identity.ts";
import {
  type HttpAnswer,
  type HttpRequest,
  hasFailed,
  type LoggedIn,
  type Login,
  type LoginFailure,
  parseLogin,
  RENEW_BEFORE,
  type Send,
} from "../login/login.ts";
import { Renewing } from "../login/renewing.ts";
import type { MetricName } from "../metrics.ts";
import { withoutQueries } from "../peer-text.ts";
import { forwardedRefusal, proxyForHttp } from "../proxy.ts";
import { LOGIN_REASONS, type LoginReason, loginReason } from "../reasons.ts";
import { type SettingName, type Settings, SettingsError } from "../settings.ts";
import { type Ms, ms } from "../units.ts";
import { now } from "./clock.ts";
import { readJsonInput } from "./files.ts";
import { notice } from "./notices.ts";
import type { Record as Recorder } from "./recorder.ts";
import type { ScenarioSpec } from "./scenario-spec.ts";

/** What logins record. */
export const LOGIN_METRICS = [
  "ws_logins",
  "ws_login_ms",
  "ws_login_failures",
] as const satisfies readonly MetricName[];

/** What a scenario's own login gives: variables, and how long they can be used again. Default: for one attempt to connect. */
export type UserLogin =
  | { readonly [variable: string]: string }
  | { readonly variables: { readonly [variable: string]: string }; readonly validForMs: number };

/** A scenario's own login. */
export interface LoginFunction {
  /** The variables that {@link login} gives: usable in the URL, headers, subprotocols, and messages. */
  readonly loginVariables: readonly string[];
  /**
   * Logs a connection in before each attempt to connect, or again once its result has expired. If it throws, the
   * attempt has failed. An error's `reason`, such as `http_401`, becomes the reason that the failure is counted by.
   *
   * @param user the connection's variables: user, token, connection, and the columns of `USERS`
   */
  login(user: { readonly [variable: string]: string }): UserLogin | Promise<UserLogin>;
}

/** The login before each connection: the scenario's own, or the one of `LOGIN_FILE`. */
export function loginFor<N extends SettingName>(
  { name, login, loginVariables = [], noLogin }: ScenarioSpec<N>,
  settings: Settings<"LOGIN_FILE" | "WS_URL">,
  columns: readonly string[],
): Login | undefined {
  const { LOGIN_FILE, WS_URL } = settings;
  if (noLogin !== undefined && (login || LOGIN_FILE !== "")) {
    throw new SettingsError(`LOGIN_FILE: expected none for ${name}, ${noLogin}: ${WITH_LOGIN}`);
  }
  if (LOGIN_FILE === "") return login && fromFunction({ login, loginVariables });
  if (login)
    throw new SettingsError(`LOGIN_FILE: expected nothing for ${name}, which has a login of its own`);
  return parseLogin(readJsonInput("LOGIN_FILE", LOGIN_FILE), LOGIN_FILE, {
    columns,
    endpoint: WS_URL,
    env: __ENV,
  });
}

const WITH_LOGIN =
  "chat-soak, connect, idle, ordering, reconnect, backpressure, massconnect, mass-soak and fan-out log in";

/** A scenario's own login, as one from a file. */
const fromFunction = ({ loginVariables, login }: LoginFunction): Login => ({
  variables: loginVariables,
  requests: 1,
  endpoints: [],
  givesEndpoint: false,
  before: RENEW_BEFORE,
  shared: false,
  async perform(user) {
    try {
      return loggedIn(await login(user), loginVariables);
    } catch (error) {
      const { reason } = Object(error) as { reason?: unknown };
      const isListed = (LOGIN_REASONS as readonly unknown[]).includes(reason);
      return { reason: isListed ? (reason as LoginReason) : "other", said: String(error) };
    }
  },
});

function loggedIn(given: UserLogin, names: readonly string[]): LoggedIn | LoginFailure {
  const { variables, validForMs } = (
    typeof given?.variables === "object" ? given : { variables: given, validForMs: undefined }
  ) as { variables: Readonly<Record<string, unknown>>; validForMs: number | undefined };
  const missing = names.find((name) => typeof variables?.[name] !== "string");
  if (missing !== undefined) return { reason: "contract", said: `login gave no text as "${missing}"` };
  const taken = Object.fromEntries(names.map((name) => [name, variables[name] as string]));
  return { variables: taken, validFor: validForMs === undefined ? undefined : ms(validForMs) };
}

/** The logins of a virtual user's connections. */
export class Logins {
  readonly #login: Login;
  readonly #record: Recorder;
  readonly #send: Send;
  readonly #sessions = new Map<number, Renewing>();
  /** Whether they are the load's: one before a check counts only where it fails. */
  isLoad = true;

  constructor(login: Login, record: Recorder, timeout: Ms) {
    this.#login = login;
    this.#record = record;
    this.#send = (request) => send(request, timeout);
  }

  /**
   * What comes before a connection: its login, then the identity that this leads to.
   *
   * @param identityOf who connects, by what the login gave and where that sends the connection
   */
  before(
    connection: number,
    variables: Readonly<Record<string, string>>,
    identityOf: (given: LoggedIn) => Identity,
  ): LoginFirst {
    const session = this.#of(connection, variables);
    return {
      take: async (due) => {
        const held = await session.take(due);
        if (hasFailed(held)) return held;
        try {
          const secrets = Object.values(held.variables).filter(isLong);
          return { ...held, identity: identityOf(held), secrets };
        } catch (error) {
          if (!(error instanceof SettingsError)) throw error;
          return this.#failed({ reason: "contract", said: error.message }, variables);
        }
      },
    };
  }

  #of(connection: number, variables: Readonly<Record<string, string>>): Renewing {
    const key = this.#login.shared ? -1 : connection;
    const known = this.#sessions.get(key);
    if (known) return known;
    const session = new Renewing((due) => this.#perform(variables, due), now, this.#login.before);
    this.#sessions.set(key, session);
    return session;
  }

  async #perform(variables: Readonly<Record<string, string>>, due: Ms): Promise<LoggedIn | LoginFailure> {
    const result = await this.#login.perform(variables, this.#send);
    if (hasFailed(result)) return this.#failed(result, variables);
    if (!this.isLoad) return result;
    this.#record("ws_logins", 1);
    this.#record("ws_login_ms", now() - due);
    return result;
  }

  #failed(failure: LoginFailure, variables: Readonly<Record<string, string>>): LoginFailure {
    const { reason, said } = failure;
    this.#record("ws_login_failures", 1, { reason });
    const tell = (text: string) => `a login failed (${reason}): ${text}`;
    notice(`login ${reason}`, said, tell, Object.values(variables).filter(isLong));
    return failure;
  }
}

/** Shorter texts would black out half of what is said. */
const isLong = ({ length }: string): boolean => length >= 6;

/** Sends a request by k6's own client, whose `http_…` metrics are its own. */
async function send(request: HttpRequest, timeout: Ms): Promise<HttpAnswer | LoginFailure> {
  const { method, url, headers, body } = request;
  const params: RefinedParams<"text"> = {
    headers: { ...headers },
    jar: new http.CookieJar(),
    timeout,
    responseType: "text",
    redirects: 0,
    responseCallback: expected(request),
  };
  const proxy = proxyForHttp(url, __ENV);
  const isProxied = proxy !== undefined;
  try {
    const answer = await http.asyncRequest(method, url, body ?? null, params);
    if (answer.status === 0)
      return { reason: loginReason(answer.error, isProxied), said: withoutUrl(answer.error, url) };
    const refusal = forwardedRefusal(proxy, url, answer.status);
    if (refusal)
      return { reason: refusal, said: `HTTP ${answer.status}, by the proxy or the server behind it` };
    const cookies = Object.entries(answer.cookies).flatMap(([name, all]) => {
      const last = all.at(-1);
      return last ? [[name, last.value] as const] : [];
    });
    return {
      status: answer.status,
      headers: answer.headers,
      cookies: Object.fromEntries(cookies),
      body: answer.body ?? "",
    };
  } catch (error) {
    return { reason: loginReason(String(error), isProxied), said: withoutUrl(String(error), url) };
  }
}

/** What k6 is to take for no failure, which its own `http_req_failed` counts. */
function expected({ status }: HttpRequest) {
  if (!status) return SUCCESS;
  const callback = CALLBACKS.get(status) ?? http.expectedStatuses(...status);
  CALLBACKS.set(status, callback);
  return callback;
}

const SUCCESS = http.expectedStatuses({ min: 200, max: 299 });
const CALLBACKS = new Map<readonly number[], typeof SUCCESS>();

/** Its query may hold a secret. */
const withoutUrl = (said: string, url: string): string => withoutQueries(said.replaceAll(url, "its URL"));
