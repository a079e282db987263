/** What this machine allows a load generator, as far as it can be read without privileges. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { availableParallelism, freemem, loadavg, networkInterfaces } from "node:os";
import { promisify } from "node:util";

export interface Machine {
  readonly platform: NodeJS.Platform;
  /** The most files, sockets included, that one process may have open: k6 raises its own limit up to here. */
  readonly openFiles: number | undefined;
  /** Local ports that connections are made from. */
  readonly ports: PortRange | undefined;
  /** Addresses that connections to other machines can be made from. */
  readonly sourceAddresses: number;
  readonly processors: number;
  /** Processes that wanted to run, on average over the last minute; 0 on Windows, which does not say. */
  readonly load: number;
  readonly memoryFreeBytes: number;
  /** What the kernel reads the time from; undefined elsewhere than on Linux. */
  readonly clockSource: string | undefined;
  /** As `process.version` writes it. */
  readonly node: string;
}

export interface PortRange {
  readonly first: number;
  readonly last: number;
  /** Ports within the range that are kept for others. */
  readonly reserved: number;
}

/** What only building k6, and runs over several machines, ask for. */
export interface Surrounds {
  /** As Go writes it, `1.26.8`; undefined where there is none. */
  readonly go: string | undefined;
  /** Whether the clock follows a time server; undefined where nobody says. */
  readonly clockSynchronised: boolean | undefined;
}

export async function readMachine(): Promise<Machine> {
  const [openFiles, ports, clockSource] = await Promise.all([
    readOpenFiles(),
    readPorts(),
    readClockSource(),
  ]);
  return {
    platform: process.platform,
    openFiles,
    ports,
    sourceAddresses: Object.values(networkInterfaces())
      .flat()
      .filter((address) => address && !address.internal && address.family === "IPv4").length,
    processors: availableParallelism(),
    load: loadavg()[0] ?? 0,
    // Of what a container may have, where Node.js can tell (20.13).
    memoryFreeBytes: process.availableMemory?.() ?? freemem(),
    clockSource,
    node: process.version,
  };
}

export async function readSurrounds(env: NodeJS.ProcessEnv): Promise<Surrounds> {
  const [go, synchronised] = await Promise.all([
    said("go", ["version"], env),
    said("timedatectl", ["show", "--property=NTPSynchronized", "--value"], env),
  ]);
  return {
    go: go?.match(/^go version go(\d+\.\d+\S*)/)?.[1],
    clockSynchronised: synchronised === undefined ? undefined : synchronised.trim() === "yes",
  };
}

async function readOpenFiles(): Promise<number | undefined> {
  const hard = await said("sh", ["-c", "ulimit -Hn"]);
  const ofKernel = process.platform === "darwin" ? await said("sysctl", ["-n", "kern.maxfilesperproc"]) : "";
  const limits = [hard, ofKernel]
    .map((text) =>
      text?.trim() === "unlimited" ? Number.POSITIVE_INFINITY : Number.parseInt(text ?? "", 10),
    )
    .filter((limit) => !Number.isNaN(limit));
  return limits.length > 0 ? Math.min(...limits) : undefined;
}

async function readPorts(): Promise<PortRange | undefined> {
  if (process.platform === "darwin") {
    const names = ["net.inet.ip.portrange.first", "net.inet.ip.portrange.last"];
    return parsePorts((await said("sysctl", ["-n", ...names])) ?? "", "");
  }
  const [range, reserved] = await Promise.all([
    contents("/proc/sys/net/ipv4/ip_local_port_range"),
    contents("/proc/sys/net/ipv4/ip_local_reserved_ports"),
  ]);
  return parsePorts(range ?? "", reserved ?? "");
}

/** Reads `32768 60999`, and of reserved ports `8080,9000-9010`. */
export function parsePorts(range: string, reserved: string): PortRange | undefined {
  const [, first, last] = /^\s*(\d+)\s+(\d+)\s*$/.exec(range)?.map(Number) ?? [];
  if (first === undefined || last === undefined) return undefined;
  const within = reserved
    .split(",")
    .map((part) => /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part))
    .filter((match) => match !== null)
    .map(([, from, to = from]) => Math.min(Number(to), last) - Math.max(Number(from), first) + 1);
  return { first, last, reserved: within.reduce((sum, ports) => sum + Math.max(0, ports), 0) };
}

async function readClockSource(): Promise<string | undefined> {
  const source = await contents("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  return source?.trim() || undefined;
}

const contents = (path: string): Promise<string | undefined> => readFile(path, "utf8").catch(() => undefined); // another system, or a container that hides it

/** What a program prints; undefined where there is none of that name, or it fails. */
async function said(
  command: string,
  args: readonly string[],
  env = process.env,
): Promise<string | undefined> {
  try {
    return (await promisify(execFile)(command, [...args], { env, timeout: 5_000 })).stdout;
  } catch {
    return undefined;
  }
}
