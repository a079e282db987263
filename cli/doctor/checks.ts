/** What must be changed for a load, and what is worth knowing. Pure. */
import { OLDEST_GO_MINOR, OLDEST_NODE } from "../../tools/oldest.mjs";
import type { K6 } from "../find-k6.ts";
import type { Machine, Surrounds } from "./machine.ts";

/** `change`: the request cannot work without this change. `note`: it works, but this may spoil it, or is missing. */
export type State = "ok" | "note" | "change";

export interface Check {
  readonly name: string;
  readonly state: State;
  /** The value found, and the value needed. */
  readonly found: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** The load that is asked for. */
export interface Demand {
  /** Connections at the same time, over all instances. */
  readonly connections: number;
  /** k6 processes that share them. */
  readonly instances: number;
  /** Pairs of local and remote addresses that each have all ports; more than one needs several of either. */
  readonly addressPairs: number;
}

/** Scripts, files for results, pipes, and connections that are closing while their successors open. */
const FILES_BESIDE_CONNECTIONS = 256;
/** Rounded up from 2,000 connections on 20 virtual users of stock k6: 95 KB each, beside 53 MB. */
const BYTES_A_CONNECTION = 100_000;
const BYTES_AN_INSTANCE = 60_000_000;
/** A closed connection holds its port for a minute: of fewer ports than this, reconnecting runs out. */
const PORTS_IN_USE = 0.8;
/** Clocks that take a microsecond or more to read: https://docs.kernel.org/timers/timekeeping.html */
const SLOW_CLOCKS: readonly string[] = ["hpet", "acpi_pm", "jiffies"];

/** What can keep a run from working, or from being believed. */
export function checkMachine(machine: Machine, demand: Demand): Check[] {
  return [
    openFiles(machine, demand),
    ports(machine, demand),
    processors(machine),
    memory(machine, demand),
    clock(machine),
    node(machine),
  ];
}

function openFiles({ openFiles, platform }: Machine, { connections, instances }: Demand): Check {
  const name = "open files";
  if (openFiles === undefined) return unreadable(name);
  const each = Math.ceil(connections / instances) + FILES_BESIDE_CONNECTIONS;
  const limit = openFiles === Number.POSITIVE_INFINITY ? "no limit" : `${count(openFiles)} for each process`;
  const found = `${limit}, ${count(each)} needed for ${load({ connections, instances })}`;
  if (each <= openFiles) return { name, state: "ok", found };
  const room = openFiles - FILES_BESIDE_CONNECTIONS;
  const spread = room > 0 ? `, or spread the load: --instances ${Math.ceil(connections / room)}` : "";
  const raise =
    platform === "darwin"
      ? `sudo launchctl limit maxfiles ${each} unlimited, and sudo sysctl -w kern.maxfilesperproc=${each}`
      : `as root, ulimit -n ${each} in the shell that runs it, or a line "* hard nofile ${each}" in ` +
        `/etc/security/limits.conf; in Docker, --ulimit nofile=${each}`;
  return { name, state: "change", found, advice: `Raise the hard limit: ${raise}${spread}.` };
}

function ports(machine: Machine, { connections, addressPairs }: Demand): Check {
  const name = "local ports";
  const range = machine.ports;
  if (!range) return unreadable(name);
  const { first, last, reserved } = range;
  const each = last - first + 1 - reserved;
  const there = `${count(each)} (${first} to ${last}${reserved > 0 ? ` without ${count(reserved)} reserved` : ""})`;
  const pairs = addressPairs > 1 ? `${count(addressPairs)} pairs` : "one pair";
  const found = `${there} for a pair of addresses, ${count(connections)} needed over ${pairs}`;
  const share = connections / (each * addressPairs);
  if (share <= PORTS_IN_USE) return { name, state: "ok", found };
  const widen =
    machine.platform === "darwin"
      ? "sudo sysctl -w net.inet.ip.portrange.first=1024"
      : `sudo sysctl -w net.ipv4.ip_local_port_range="1024 65535"`;
  return {
    name,
    state: share > 1 ? "change" : "note",
    found:
      share > 1 ? found : `${found}: few are left for reconnecting, as a closed one is held for a minute`,
    advice:
      `Widen the range: ${widen}; or connect from more local addresses (this machine has ` +
      `${count(machine.sourceAddresses)} beside the loopback): -e SOURCE_IPS=… with the extension's engine, ` +
      "-- --local-ips=… with k6's own sockets.",
  };
}

function processors({ processors, load }: Machine): Check {
  const name = "processors";
  const found = `${count(processors)}, load average ${load.toFixed(2)}`;
  if (load < processors / 2) return { name, state: "ok", found };
  return {
    name,
    state: "note",
    found,
    advice:
      "Something else is at work here, and a run would measure it too: end it, or wait. A run that it slowed " +
      "down beyond its limits is reported as generator-bound.",
  };
}

function memory({ memoryFreeBytes }: Machine, { connections, instances }: Demand): Check {
  const name = "memory";
  const needed = connections * BYTES_A_CONNECTION + instances * BYTES_AN_INSTANCE;
  const found = `${megabytes(memoryFreeBytes)} free, about ${megabytes(needed)} needed for ${load({ connections, instances })}`;
  if (needed <= memoryFreeBytes) return { name, state: "ok", found };
  return {
    name,
    state: "note",
    found,
    advice: "Free some, use more machines, or a scenario on the extension, which needs far less.",
  };
}

function clock({ clockSource }: Machine): Check {
  const name = "clock";
  if (clockSource === undefined) return { name, state: "ok", found: "read as this system offers it" };
  if (!SLOW_CLOCKS.includes(clockSource)) return { name, state: "ok", found: clockSource };
  return {
    name,
    state: "note",
    found: `${clockSource}, which takes a microsecond or more to read: at each message`,
    advice: "Use another machine, or a faster source: see /sys/devices/system/clocksource.",
  };
}

function node({ node }: Machine): Check {
  const name = "Node.js";
  if (Number.parseInt(node.slice(1), 10) >= OLDEST_NODE) return { name, state: "ok", found: node };
  return {
    name,
    state: "change",
    found: `${node}, ${OLDEST_NODE} or newer needed`,
    advice: "https://nodejs.org/en/download",
  };
}

const BUILD_K6 = "Build it with Go: npx k6-realtime setup.";

/** `k6` is what was found, or why none was. */
export function checkK6(k6: K6 | Error): Check[] {
  if (k6 instanceof Error) {
    const [found = "", ...advice] = k6.message.split(/(?<=\.) (?=Install)/);
    return [{ name: "k6", state: "change", found: found.replace(/\.$/, ""), advice: advice.join(" ") }];
  }
  const found = `${k6.version} (${k6.command})`;
  const name = "extension";
  return [
    { name: "k6", state: "ok", found },
    k6.extension
      ? { name, state: "ok", found: "built in" }
      : {
          name,
          state: "note",
          found: "none: nothing is recorded, so there is no report and only one instance",
          advice: BUILD_K6,
        },
  ];
}

/** What a run on one machine with a built k6 can do without. */
export function checkSurrounds({ go, clockSynchronised }: Surrounds): Check[] {
  const minor = Number(go?.match(/^1\.(\d+)/)?.[1] ?? 0);
  const goFits = minor >= OLDEST_GO_MINOR;
  const clock = "clock set by a time server";
  return [
    {
      name: "Go",
      state: goFits ? "ok" : "note",
      found: go ?? "none",
      ...(!goFits && {
        advice: `1.${OLDEST_GO_MINOR} or newer builds k6 with the extension: https://go.dev/dl`,
      }),
    },
    clockSynchronised
      ? { name: clock, state: "ok", found: "yes" }
      : {
          name: clock,
          state: "note",
          found: clockSynchronised === undefined ? "nothing here says" : "no",
          advice: "Only a run over several machines needs it: chrony or systemd-timesyncd do it.",
        },
  ];
}

const unreadable = (name: string): Check => ({
  name,
  state: "note",
  found: "cannot be read on this system",
});

const load = ({ connections, instances }: Pick<Demand, "connections" | "instances">): string =>
  `${count(connections)} connections${instances > 1 ? ` over ${count(instances)} instances` : ""}`;

const count = (value: number): string => value.toLocaleString("en-US");

const megabytes = (bytes: number): string => `${count(Math.round(bytes / 1_000_000))} MB`;
