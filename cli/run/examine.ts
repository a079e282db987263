import { lookup } from "node:dns/promises";
import { SettingsError } from "../../lib/settings.ts";
import { EXIT, UserError } from "../command.ts";
import { checkMachine } from "../doctor/checks.ts";
import { readMachine } from "../doctor/machine.ts";
import { linesOf } from "../doctor.ts";
import { readProfile } from "../gate/profile.ts";
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
  const { connections, sources, urls, makesDo } =
    scenario === undefined ? NOTHING : await asked(scenario, env, cwd);
  const addressPairs = choosesAddresses(k6Flags)
    ? Number.POSITIVE_INFINITY
    : sources * (await countAddresses(urls));
  const checks = checkMachine(await readMachine(), { connections, instances, addressPairs });
  const hopeless = makesDo ? [] : checks.filter(({ state }) => state === "change");
  if (hopeless.length > 0) {
    throw new UserError(`This machine does not allow it:\n${linesOf(hopeless).join("\n")}`, EXIT.error);
  }
  return linesOf(checks.filter(({ state }) => state !== "ok"));
}

const NOTHING: Asks = { connections: 0, sources: 1, urls: [], makesDo: false };

async function asked(scenario: string, env: NodeJS.ProcessEnv, cwd: string): Promise<Asks> {
  const presets = env.PROFILE ? (await readProfile(env.PROFILE, cwd)).settings : {};
  try {
    return asksOf(scenario, env, presets);
  } catch (error) {
    throw error instanceof SettingsError ? new UserError(error.message) : error;
  }
}

/** Remote addresses that connections to these endpoints can go to: a name may stand for several. */
async function countAddresses(urls: readonly string[]): Promise<number> {
  const hosts = urls
    .filter((url) => URL.canParse(url))
    .map((url) => new URL(url).hostname.replace(/^\[|\]$/g, ""));
  const found = await Promise.all(
    [...new Set(hosts)].map((host) => lookup(host, { all: true }).catch(() => [{ address: host }])),
  );
  return Math.max(1, new Set(found.flat().map(({ address }) => address)).size);
}
