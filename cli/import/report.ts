import type { Plan } from "../../lib/import/plan.ts";
import { printable } from "../try/safe-text.ts";
import type { Taken } from "./interview.ts";

interface Result {
  readonly plan: Plan;
  readonly name: string;
  readonly folder: string;
  readonly files: readonly string[];
  readonly notes: readonly string[];
  /** Answers that were guessed. */
  readonly taken: readonly Taken[];
}

/** The report of an import: the files, the guesses, and the next steps. */
export function reportOf({ plan, name, folder, files, notes, taken }: Result): string {
  const { address, unread, probe } = plan;
  const hasContract = files.includes(`${name}.contract.json`);
  const examples = files.filter((file) => file.startsWith("messages")).length;
  const lines = [
    `wrote to ${folder}: ${files.filter((file) => !file.startsWith("messages")).join(", ")}, and ${examples} example${examples === 1 ? "" : "s"} of messages`,
    ...section(
      "guessed, which --answer NAME=VALUE changes",
      taken.map(({ name, value, why }) => `${name}=${value}: ${why}`),
    ),
    ...section("to know", [
      ...notes,
      ...unread.map(
        ({ name, unreadFormat }) => `${name} is left out: its schema is in the format ${unreadFormat}`,
      ),
      ...address.needs.map((need) => `the handshake needs ${need}`),
    ]),
    "",
    "then, with your server's URL:",
    "",
    ...(address.usesToken ? ["  export WS_TOKEN=…"] : []),
    `  k6-realtime try --url ${address.url ?? "ws://…"} \\`,
    `    --protocol-file ${folder}/${name}.json${hasContract ? ` --contract ${folder}/${name}.contract.json` : ""}`,
    `  k6-realtime run chat-soak --url ${address.url ?? "ws://…"} \\`,
    `    --protocol-file ${folder}/${name}.json${probe ? ` --probe-interval ${plan.probeInterval}` : ""}`,
  ];
  return lines.map((line) => `${printable(line)}\n`).join("");
}

const section = (title: string, items: readonly string[]): string[] =>
  items.length === 0
    ? []
    : ["", `${title}:`, ...items.slice(0, MOST_ITEMS).map((item) => `  - ${item}`), ...more(items)];

const more = ({ length }: readonly string[]): string[] =>
  length > MOST_ITEMS ? [`  and ${length - MOST_ITEMS} more`] : [];

const MOST_ITEMS = 12;
