import { lookup } from "node:dns/promises";
import { authorityOf } from "../../lib/address.ts";
import { type ConnectTo, destinationOf } from "../../lib/connect-to.ts";
import { proxyFor } from "../../lib/proxy.ts";
import { SettingsError } from "../../lib/settings.ts";
import { EXIT, UserError } from "../command.ts";
import { checkMachine } from "../doctor/checks.ts";
import { readMachine } from "../doctor/machine.ts";
import { linesOf } from "../doctor.ts";
import { readProfile } from "../gate/profile.ts";
import { readScenarios } from "./scenarios.ts";
import { type Asks, asksOf, choosesAddresses } from "./settings.ts";

/** A load that is about to begin. */
export interface Plan {
  /** The bundled scenario's name; of a script of the user's own nobody knows what it asks for. */
  readonly scenario: string | undefined;
  /** Settings and environment. */
  readonly env: NodeJS.ProcessEnv;
  readonly k6Flags: readonly string[];
  readonly instances: number;
  /** Against which the path of a profile is resolved. */
  readonly cwd: string;
}

/**
 * Holds a load against what this machine allows.
 *
 * @returns what is worth knowing, in lines
 * @throws {@link UserError} saying what to change, where it cannot work here
 */
export async function examine({ scenario, env, k6Flags, instances, cwd }: Plan): Promise<string[]> {
  const { connections, sources, urls, connectTo, makesDo } =
    scenario === undefined ? NOTHING : await asked(scenario, env, cwd);
  const addressPairs = choosesAddresses(k6Flags)
    ? Number.POSITIVE_INFINITY
    : sources * (await countAddresses(urls.map((url) => hopTo(url, connectTo, env))));
  const checks = checkMachine(await readMachine(), { connections, instances, addressPairs });
  const hopeless = makesDo ? [] : checks.filter(({ state }) => state === "change");
  if (hopeless.length > 0) {
    throw new UserError(`This machine does not allow it:\n${linesOf(hopeless).join("\n")}`, EXIT.error);
  }
  return linesOf(checks.filter(({ state }) => state !== "ok"));
}

const NOTHING: Asks = { connections: 0, sources: 1, urls: [], connectTo: [], makesDo: false };

async function asked(scenario: string, env: NodeJS.ProcessEnv, cwd: string): Promise<Asks> {
  const { defaults } = (await readScenarios()).find(({ name }) => name === scenario) ?? {};
  const profile = env.PROFILE ? (await readProfile(env.PROFILE, cwd)).settings : {};
  const presets = { ...defaults, ...profile };
  try {
    return asksOf(scenario, env, presets);
  } catch (error) {
    throw error instanceof SettingsError ? new UserError(error.message) : error;
  }
}

/** The host that the TCP connections of an endpoint go to. */
const hopTo = (url: string, connectTo: readonly ConnectTo[], env: NodeJS.ProcessEnv): string =>
  proxyFor(url, env)?.host ?? destinationOf(url, connectTo)?.address ?? authorityOf(url).host;

/** Remote addresses that connections to these hosts can go to: a name may stand for several. */
async function countAddresses(hosts: readonly string[]): Promise<number> {
  const found = await Promise.all(
    [...new Set(hosts)].map((host) => lookup(host, { all: true }).catch(() => [{ address: host }])),
  );
  return Math.max(1, new Set(found.flat().map(({ address }) => address)).size);
}
