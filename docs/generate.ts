/**
 * Writes the documents that derive from the code: `node --import tsx docs/generate.ts`. With `--check` it
 * writes nothing and fails, naming each document that is out of date.
 */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { toJsonSchema } from "@valibot/to-json-schema";
import { files as dashboards } from "../dashboards/generate.ts";
import { FORMER_NAMES } from "../lib/former-names.ts";
import { GENERATOR_FAULTS } from "../lib/generator-faults.ts";
import { CasesSchema } from "../lib/handshake.ts";
import { loginSchema } from "../lib/login/schema.ts";
import { METRICS, type MetricName, type MetricSpec } from "../lib/metrics.ts";
import { profileSchema } from "../lib/profile.ts";
import { descriptorSchema } from "../lib/protocols/schema.ts";
import { meanings } from "../lib/reason-meanings.ts";
import type { Setting } from "../lib/setting.ts";
import { SETTINGS } from "../lib/settings.ts";
import { SummarySchema } from "../lib/summary/summary.ts";
import { TITLES } from "../lib/titles.ts";
import { StreamFormatSchema } from "../lib/token-streams/format.ts";
import { filesUnder } from "../tools/files.mjs";

/** Every derived document, by its path below docs/. */
export function documents(): Record<string, string> {
  return {
    "../extension/binding/metrics.json": metricTable(),
    ...Object.fromEntries([...dashboards()].map(([name, text]) => [`../dashboards/json/${name}`, text])),
    "reference/settings.md": settings(),
    "reference/metrics.md": metrics(),
    "reference/reasons-and-codes.md": reasonsAndCodes(),
    "schemas/summary.schema.json": schema("A run's summary", SummarySchema),
    "schemas/profile.schema.json": schema("A threshold profile", profileSchema()),
    "schemas/handshake-cases.schema.json": schema("Handshakes and what must answer them", CasesSchema),
    "schemas/login.schema.json": schema("Requests before a connection", loginSchema()),
    "schemas/stream-format.schema.json": schema("What a service streams tokens in", StreamFormatSchema),
    "schemas/protocol.schema.json": schema("A protocol descriptor", descriptorSchema()),
  };
}

/** The derived documents whose file is not what the code says. */
export async function outOfDate(): Promise<string[]> {
  const stale: string[] = [];
  for (const [path, text] of Object.entries(documents())) {
    if ((await readFile(pathOf(path), "utf8").catch(() => "")) !== text) stale.push(`docs/${path}`);
  }
  return stale;
}

const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The table of metrics for the extension, with what of each is this side's own doing. */
function metricTable(): string {
  const rows = Object.entries(METRICS as Record<string, MetricSpec>).map(([name, spec]) => {
    const ours: { [tag: string]: string[] } = {};
    for (const { metric, tag, value } of GENERATOR_FAULTS) {
      if (metric === name) ours[tag] = [...(ours[tag] ?? []), value];
    }
    return [name, { ...spec, ...(Object.keys(ours).length > 0 && { ours }) }];
  });
  return `${JSON.stringify(Object.fromEntries(rows), null, 2)}\n`;
}

function settings(): string {
  const rows = Object.entries(SETTINGS as Record<string, Setting<unknown>>).map(([name, setting]) => [
    `\`${name}\``,
    setting.default === "" ? "" : `\`${setting.default}\``,
    withLinks(setting.help),
    withLinks(setting.expects),
  ]);
  return `# Settings

Give a setting as a flag of \`npx k6-realtime run\`, as \`-e NAME=value\`, or as an environment variable. An invalid value
stops the run before it connects. So that a typo cannot pass, a misspelled name after \`-e\` does the same
([exceptions](environment.md#the-environment)). A scenario ignores settings it does not use, with a warning.

${table(["name", "default", "meaning", "expects"], rows)}

## Former names

These work up to the next version, with a note. If both names are given, the present one holds.

${table(
  ["former name", "name"],
  Object.entries(FORMER_NAMES).map(([former, name]) => [`\`${former}\``, `\`${name}\``]),
)}
`;
}

function metrics(): string {
  const rows = Object.entries(METRICS as Record<string, MetricSpec>).map(
    ([name, { kind, unit, help, by = {} }]) => [
      `\`${name}\``,
      `${kind}${unit === "ms" ? ", ms" : ""}`,
      help,
      Object.entries(by)
        .map(([tag, values]) => `\`${tag}\`: ${values.map((value) => `\`${value}\``).join(", ")}`)
        .join("; "),
    ],
  );
  return `# Metrics

All times are fractional milliseconds. k6's own \`ws_*\` metrics keep k6's meaning.

**The check before the load.** Each process opens one connection to each endpoint, to see whether it accepts a WebSocket
upgrade, and closes it with 1001. A successful check is in no metric. A server's own count of upgrades is larger by these.

**Probes without a connection.** A probe that falls due while its client has no connection counts as lost: a user would have
waited for its reply. If connections drop, a server therefore counts fewer messages than \`ws_probes\`.

**In time or late.** On the engine, a reply is in time if the kernel received it before its timeout, however late the process
read it. If a late read leaves the arrival open, the reply counts as in time, with at most the timeout as its latency. On stock
k6, a reply that an overloaded generator had not read by its timeout counts as timed out and late.

**At the planned end of a connection** two kinds of reply count as lost. On stock k6, a reply that is still unread is lost,
because k6 hands out no message after the end. Everywhere, a reply is lost if its probe was sent so late that the server had no
time left.

**A slow generator.** \`ws_generator_delay_ms\` shows how far the generator was behind. The run is generator-bound if that
exceeds a tenth of the tightest latency limit that broke, or of the highest limit if none broke. The counts above then say
nothing about the server.

**Several messages in one.** If a protocol puts several messages into one WebSocket message, each of them is counted, with the
arrival time of the WebSocket message. Only \`ws_generator_delay_ms\`, \`ws_arrivals_uncertain\` and k6's own metrics count
WebSocket messages.

${table(["name", "kind", "one sample is", "by tag"], rows)}
`;
}

function reasonsAndCodes(): string {
  const parts = Object.entries(meanings()).flatMap(([metric, tags]) =>
    Object.entries(tags).map(([tag, terms]) => {
      const rows = Object.entries(terms).map(([value, { means, advice }]) => [`\`${value}\``, means, advice]);
      return `## ${TITLES[metric as MetricName]}, by ${tag}: \`${metric}\`\n\n${table([tag, "means", "what to do"], rows)}\n`;
    }),
  );
  return `# What the reasons and codes mean, and what to do

A summary counts failures by reason, close code, cause and rule. A [report](cli.md#report) explains the ones that occurred in its
run. This page lists all of them. Other words and codes count as \`other\`, and the notes of the summary quote the first ones.

${parts.join("\n")}`;
}

/** A page that a text names becomes a link to it, from another page of the reference. */
function withLinks(text: string): string {
  return text.replace(/\b([\w-]+)\.md\b/g, (name, title) => {
    const path = filesUnder("docs").find((file) => file.endsWith(`/${name}`));
    return path === undefined
      ? name
      : `[${title}](${path.replace("docs/", "../").replace("../reference/", "")})`;
  });
}

/** What only code can check (`v.check`) stays out of the JSON Schema. */
function schema(title: string, source: Parameters<typeof toJsonSchema>[0]): string {
  return `${JSON.stringify({ title, ...toJsonSchema(source, { errorMode: "ignore" }) }, null, 2)}\n`;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replace(/\|/g, "\\|")).join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes("--check")) {
    const stale = await outOfDate();
    for (const path of stale) console.error(`${path} is out of date: run "npm run docs"`);
    process.exitCode = stale.length > 0 ? 1 : 0;
  } else {
    for (const [path, text] of Object.entries(documents())) await writeFile(pathOf(path), text);
  }
}
