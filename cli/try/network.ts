/** The network and TLS options of `try`: those of k6's that stand in its configuration file or the environment. */
import { type ConnectionOptions, createSecureContext, getCiphers, type SecureVersion } from "node:tls";
import { proxyFor } from "../../lib/proxy.ts";
import { hostsOption } from "../../lib/route.ts";
import { type Settings, SettingsError } from "../../lib/settings.ts";
import { UserError } from "../command.ts";
import type { K6Config, K6OptionName } from "../run/k6-options.ts";
import { DNS_POLICIES, type DnsPolicy, type Network } from "./route.ts";
import { trustedRoots, trustProblems } from "./trust.ts";

/** Options of k6's on the network that are not honoured here: who relies on them is to hear. */
const NOT_HONOURED: readonly K6OptionName[] = ["blacklistIPs", "blockHostnames"];

/** What `try` cannot do of what the configuration file asks for. */
export const unhonoured = (config: K6Config): K6OptionName[] =>
  NOT_HONOURED.filter((name) => config[name] !== undefined);

/**
 * Reads those for the first of several URLs.
 *
 * @param source how to name the configuration file in errors
 * @param insecure whether any certificate is taken, whatever the file says
 * @throws {@link UserError} or {@link SettingsError} naming the option that is wrong
 */
export async function networkFor(
  urls: readonly [url: string, ...string[]],
  settings: Settings<"CONNECT_TO">,
  {
    config,
    source,
    insecure,
    env,
  }: {
    config: K6Config;
    source: string;
    insecure: boolean;
    env: NodeJS.ProcessEnv;
  },
): Promise<Network> {
  const wrong = (name: string, expected: string) => new UserError(`${source}: ${name}: expected ${expected}`);
  const [url] = urls;
  const connectTo = hostsOption(urls, settings, env);
  if (settings.CONNECT_TO.length > 0 && config.hosts !== undefined) {
    throw new SettingsError(`CONNECT_TO: expected no hosts in ${source} beside it, got both`);
  }
  const policy = (config.dns as { policy?: DnsPolicy | null } | undefined)?.policy ?? "preferIPv4";
  if (!DNS_POLICIES.includes(policy)) throw wrong("dns.policy", DNS_POLICIES.join(", "));
  return {
    hosts: { ...hostsIn(config.hosts ?? {}, wrong), ...connectTo },
    policy,
    proxy: proxyFor(url, env),
    tls: {
      ca: await trustedRoots(env),
      rejectUnauthorized: !insecure && config.insecureSkipTLSVerify !== true,
      ...tlsOptions(config, url, wrong),
    },
    untrusted: await trustProblems(env),
  };
}

type Wrong = (name: string, expected: string) => UserError;

function hostsIn(given: unknown, wrong: Wrong): Record<string, string> {
  const isObject = typeof given === "object" && given !== null && !Array.isArray(given);
  const entries = isObject ? Object.entries(given) : [];
  if (!isObject || !entries.every(([, to]) => typeof to === "string")) {
    throw wrong("hosts", "an object of addresses");
  }
  return Object.fromEntries(entries.map(([name, to]) => [name.toLowerCase(), String(to)]));
}

function tlsOptions(config: K6Config, url: string, wrong: Wrong): ConnectionOptions {
  const options = {
    ...versionsIn(config.tlsVersion, wrong),
    ...ciphersIn(config.tlsCipherSuites, wrong),
    ...certificateIn(config.tlsAuth, url, wrong),
  };
  try {
    createSecureContext(options);
  } catch (error) {
    const name = "cert" in options ? "tlsAuth" : "tlsCipherSuites";
    throw wrong(name, `what TLS can use, got something else (${(error as NodeJS.ErrnoException).code})`);
  }
  return options;
}

const VERSIONS: Readonly<Record<string, SecureVersion>> = {
  "tls1.0": "TLSv1",
  "tls1.1": "TLSv1.1",
  "tls1.2": "TLSv1.2",
  "tls1.3": "TLSv1.3",
};

/** One version, or the lowest and the highest, either of which may be left out. */
function versionsIn(given: unknown, wrong: Wrong): Pick<ConnectionOptions, "minVersion" | "maxVersion"> {
  if (given === undefined) return {};
  const { min, max } = (typeof given === "string" ? { min: given, max: given } : given) as {
    min?: string;
    max?: string;
  };
  const read = (name: string, version: string | undefined) => {
    if (version === undefined || version === "") return undefined;
    const known = VERSIONS[version];
    if (known === undefined) throw wrong(name, Object.keys(VERSIONS).join(", "));
    return known;
  };
  const [minVersion, maxVersion] = [read("tlsVersion.min", min), read("tlsVersion.max", max)];
  return { ...(minVersion && { minVersion }), ...(maxVersion && { maxVersion }) };
}

/** Of TLS 1.2 and older: those of TLS 1.3 cannot be chosen in k6 either. */
function ciphersIn(given: unknown, wrong: Wrong): Pick<ConnectionOptions, "ciphers"> {
  if (given === undefined) return {};
  if (!Array.isArray(given) || !given.every((name) => /^TLS_\w+$/.test(String(name)))) {
    throw wrong("tlsCipherSuites", 'a list of names such as "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"');
  }
  const ofTls13 = ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"];
  const chosen = given.filter((name) => !ofTls13.includes(name)).map(inOpenSsl);
  const unknown = chosen.find((name) => !getCiphers().includes(name.toLowerCase()));
  if (unknown !== undefined) throw wrong("tlsCipherSuites", `suites that try has too, got ${unknown}`);
  return { ciphers: [...ofTls13, ...chosen].join(":") };
}

/** OpenSSL's name of a cipher suite: `TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA` is `ECDHE-RSA-AES128-SHA`. */
export const inOpenSsl = (name: string): string =>
  name
    .replace(/^TLS_(RSA_WITH_)?/, "")
    .replace("_WITH_", "_")
    .replace(/AES_(\d+)_CBC/, "AES$1")
    .replace(/AES_(\d+)/, "AES$1")
    .replace("3DES_EDE_CBC", "DES_CBC3")
    .replaceAll("_", "-");

interface TlsAuth {
  readonly cert?: string;
  readonly key?: string;
  readonly password?: string | null;
  readonly domains?: readonly string[] | null;
}

/** The client certificate for this host, else the first. */
function certificateIn(given: unknown, url: string, wrong: Wrong): ConnectionOptions {
  if (given === undefined) return {};
  if (!Array.isArray(given)) throw wrong("tlsAuth", "a list of certificates");
  const { hostname } = new URL(url);
  const all = given as readonly TlsAuth[];
  const auth = all.find(({ domains }) => domains?.some((domain) => covers(domain, hostname))) ?? all[0];
  if (!auth) return {};
  const { cert, key, password } = auth;
  if (typeof cert !== "string" || typeof key !== "string")
    throw wrong("tlsAuth", "cert and key, as PEM texts");
  return { cert, key, ...(typeof password === "string" && { passphrase: password }) };
}

const covers = (domain: string, host: string): boolean =>
  domain.startsWith("*.") ? host.replace(/^[^.]*/, "*") === domain : domain === host;
