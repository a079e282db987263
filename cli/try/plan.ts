/** What is to be tried, of the command line and all that it names. */
import { compressionOf } from "../../lib/compression.ts";
import type { Contract } from "../../lib/contract/contract.ts";
import { requireOneWay } from "../../lib/event-streams.ts";
import { FIRST_ROOM, identities } from "../../lib/identity.ts";
import { columnsWith, type LoggedIn } from "../../lib/login/login.ts";
import { withPublishersAt } from "../../lib/publish-url.ts";
import { overridden } from "../../lib/request.ts";
import { isInQuotes } from "../../lib/shape.ts";
import { parseDuration } from "../../lib/units.ts";
import { isEventStream } from "../../lib/url.ts";
import { type Context, UserError } from "../command.ts";
import { readContractFile } from "../contract-file.ts";
import { readConfigFile } from "../run/k6-config.ts";
import { type Args, asUserError } from "./args.ts";
import type { Attempt } from "./attempt.ts";
import type { Hosted } from "./in-k6.ts";
import { asSocketUrl, type LogIn, logInBy } from "./login.ts";
import { networkFor, unhonoured } from "./network.ts";
import { masker } from "./safe-text.ts";
import { loginOf, protocolOf, readUsers, settingsOf, userAgentOf } from "./target.ts";

export interface Plan {
  readonly what: Attempt;
  /** Makes what blacks out secrets, and these besides. */
  maskAlso(secrets: readonly string[]): (text: string) => string;
  readonly json: boolean;
  readonly notices: readonly string[];
  /** Logs in first, and gives what is then tried; nothing where that failed. */
  readonly login?: LogIn;
}

function contractOf(
  { CONTRACT, CONTRACT_SENT }: ReturnType<typeof settingsOf>,
  args: Args,
  cwd: string,
): Contract {
  const contract = readContractFile(CONTRACT, cwd, args.contract === undefined ? "CONTRACT" : "--contract");
  return { ...contract, checksSent: contract.checksSent && CONTRACT_SENT === "auto" };
}

/** Everything that can be wrong with the command line is found here, before anything is sent. */
export async function planOf(
  args: Args,
  headers: Readonly<Record<string, string>>,
  { cwd, env, hosted }: Pick<Context, "cwd" | "env"> & { readonly hosted: Hosted[] },
): Promise<Plan> {
  try {
    const settings = settingsOf(args, headers, env, true);
    const users = await readUsers(settings, cwd);
    const login = await loginOf(settings, users.columns, { cwd, env });
    const given = login?.variables ?? [];
    const protocol = await protocolOf(
      settings,
      columnsWith(users.columns, given),
      { cwd, env, hosted },
      args["protocol-file"] === undefined ? "PROTOCOL_FILE" : "--protocol-file",
    );
    const publications = read("--publish", args.publish ?? "0", "a whole number up to 1000", upToThousand);
    if (publications > 0 && !protocol.descriptor.publish) {
      throw new UserError(`--publish: expected a protocol with "publish", got "${protocol.descriptor.name}"`);
    }
    if (publications > 0 && protocol.publisher) {
      throw new UserError(
        `--publish: expected a protocol without "publisher", since try opens one connection, a subscriber's, got "${protocol.name}" with one`,
      );
    }
    const PUBLISH_URL = publications > 0 ? settings.PUBLISH_URL : [];
    withPublishersAt(PUBLISH_URL, protocol, "try", "members");
    if (isEventStream(settings.WS_URL))
      requireOneWay(protocol, settings.PROTOCOL_FILE === "" ? "PROTOCOL" : "PROTOCOL_FILE");
    const config =
      args.config === undefined ? {} : await readConfigFile("--config", String(args.config), cwd);
    const endpoints = [settings.WS_URL, ...[...PUBLISH_URL, ...(login?.endpoints ?? [])].map(asSocketUrl)];
    const networkOf = (url: string) =>
      networkFor([url, ...endpoints], settings, {
        config,
        source: `--config ${args.config}`,
        insecure: args["insecure-skip-tls-verify"] === true || env.K6_INSECURE_SKIP_TLS_VERIFY === "true",
        env,
      });
    const network = await networkOf(settings.WS_URL);
    const user = text(args.user);
    const room = text(args.room) ?? FIRST_ROOM;
    const variables = { room, vu: "1", ...(user && { user }) };
    const identityOf = ({ variables: more, endpoint }: LoggedIn) =>
      identities({ ...settings, PUBLISH_URL, WS_URL: endpoint ?? settings.WS_URL }, protocol, users, {
        login: given,
      })(0, { ...variables, ...more });
    const identity = identityOf({ variables: {} });
    const isGiven = { token: users.length > 0 || (args.token ?? env.WS_TOKEN) !== undefined };
    const probes = read("--probes", args.probes ?? "3", "a whole number up to 1000", upToThousand);
    const userAgent = await userAgentOf(identity.headers, env.K6_USER_AGENT ?? config.userAgent, env);
    return {
      what: {
        identity,
        userAgent,
        protocol,
        probes: protocol.descriptor.probe ? probes : 0,
        publications,
        payload: "x".repeat(settings.PAYLOAD_BYTES),
        messageBytes: settings.MESSAGE_BYTES,
        compression: compressionOf(settings),
        httpVersion: settings.HTTP_VERSION,
        connectTimeout: settings.CONNECT_TIMEOUT,
        replyTimeout: settings.REPLY_TIMEOUT,
        stayFor: read(
          "--for",
          args.for ?? "5s",
          "a duration above 0 such as 5s",
          (given) => parseDuration(given) || undefined,
        ),
        network,
        ...(identity.publishUrl && { publishNetwork: await networkOf(asSocketUrl(identity.publishUrl)) }),
        ...(settings.CONTRACT !== "" && { contract: contractOf(settings, args, cwd) }),
      },
      ...(login && {
        login: logInBy(login, identity.variables, {
          networkOf,
          timeout: settings.CONNECT_TIMEOUT,
          userAgent,
          identityOf,
        }),
      }),
      maskAlso: (secrets) =>
        masker(identity.variables.token ?? "", [
          ...secrets,
          ...Object.values(settings.HEADERS),
          ...Object.keys(settings.HEADERS)
            .map((name) => identity.headers[name] ?? "")
            .filter((value) => value !== identity.variables.user), // which is in most messages
          ...secretsIn(identity.url),
          ...secretsIn(identity.publishUrl ?? ""),
          ...Object.entries(users.at(0)).flatMap(([column, value]) => (column === "user" ? [] : [value])),
        ]),
      json: args.json === true,
      notices: [
        ...(isInQuotes(settings.WS_TOKEN)
          ? [
              `${args.token === undefined ? "WS_TOKEN" : "--token"} is in quotes, which are sent as a part of it`,
            ]
          : []),
        ...overridden(settings, [settings.WS_URL, ...PUBLISH_URL], isGiven),
        ...unhonoured(config).map((name) => `--config ${args.config}: try has no use for ${name}`),
      ],
    };
  } catch (error) {
    throw asUserError(error, args);
  }
}

/** What may be secret in a URL: the values of its query, as they are written and as they are meant. */
function secretsIn(url: string): string[] {
  if (!URL.canParse(url)) return [];
  const { search, searchParams } = new URL(url);
  return [...[...search.matchAll(/=([^&]*)/g)].map(([, value]) => value!), ...searchParams.values()];
}

function read<T>(
  flag: string,
  given: string | boolean,
  expected: string,
  parse: (text: string) => T | undefined,
): T {
  const value = parse(String(given));
  if (value === undefined) throw new UserError(`${flag}: expected ${expected}, got ${JSON.stringify(given)}`);
  return value;
}

const upToThousand = (given: string): number | undefined =>
  /^\d{1,4}$/.test(given) && Number(given) <= 1_000 ? Number(given) : undefined;

const text = (value: string | boolean | undefined): string | undefined =>
  value === undefined ? undefined : String(value);
