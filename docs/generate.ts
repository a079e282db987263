/**
 * Writes the documents that derive from the code: `node --import tsx docs/generate.ts`. With `--check` it
 * writes nothing and fails, naming each document that is out of date.
 */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { toJsonSchema } from "@valibot/to-json-schema";
import { files as dashboards } from "../dashboards/generate.ts";
import { GLOSSARY } from "../lib/glossary.ts";
import { CasesSchema } from "../lib/handshake.ts";
import { LoginSchema } from "../lib/login/schema.ts";
import { METRICS, type MetricName, type MetricSpec } from "../lib/metrics.ts";
import { OURS } from "../lib/ours.ts";
import { ProfileSchema } from "../lib/profile.ts";
import { DescriptorSchema } from "../lib/protocols/schema.ts";
import type { Setting } from "../lib/setting.ts";
import { SETTINGS } from "../lib/settings.ts";
import { SummarySchema } from "../lib/summary/summary.ts";
import { TITLES } from "../lib/titles.ts";
import { StreamFormatSchema } from "../lib/token-streams/format.ts";

/** Every derived document, by its path below docs/. */
export function documents(): Record<string, string> {
  return {
    "../extension/binding/metrics.json": metricTable(),
    ...Object.fromEntries([...dashboards()].map(([name, text]) => [`../dashboards/json/${name}`, text])),
    "reference/settings.md": settings(),
    "reference/metrics.md": metrics(),
    "reference/glossary.md": glossary(),
    "schemas/summary.schema.json": schema("A run's summary", SummarySchema),
    "schemas/profile.schema.json": schema("A threshold profile", ProfileSchema),
    "schemas/handshake-cases.schema.json": schema("Handshakes and what must answer them", CasesSchema),
    "schemas/login.schema.json": schema("Requests before a connection", LoginSchema),
    "schemas/stream-format.schema.json": schema("What a service streams tokens in", StreamFormatSchema),
    "schemas/protocol.schema.json": schema("A protocol descriptor", DescriptorSchema),
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
    for (const { metric, tag, value } of OURS) {
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
    setting.help,
    setting.expects,
  ]);
  return `# Settings

Given to a scenario with \`k6 run -e NAME=value\`, or by the environment. A wrong value stops the run before any
connection; so does a misspelt name after \`-e\`, [where that can be told](surroundings.md#the-environment) from what the
environment happens to hold. A scenario ignores settings it does not use, with a warning.

${table(["name", "default", "meaning", "expects"], rows)}
`;
}

function metrics(): string {
  const rows = Object.entries(METRICS as Record<string, MetricSpec>).map(
    ([name, { kind, unit, help, by = {} }]) => [
      `\`${name}\``,
      `${kind}${unit === "ms" ? ", ms" : ""}`,
      help,
      Object.entries(by)
        .map(([tag, values]) => `\`${tag}\`: ${values.join(", ")}`)
        .join("; "),
    ],
  );
  return `# Metrics

All times are fractional milliseconds. k6's own \`ws_*\` metrics stay what k6 means by them.

Before the load, each process makes one connection to each endpoint, to see that it takes a WebSocket upgrade, and closes it
with 1001. One that succeeds is in no metric of ours, so a server's own count of upgrades is larger by these.

A probe that falls due while its client has no connection counts as lost, though the server never saw it: somebody waited
for its answer in vain. So a server counts fewer messages than \`ws_probes\` where connections dropped.

On the engine, a reply is in time when the kernel received it before its time-out, however late the process read it. Where
late reading leaves that open, the reply counts as in time, and its latency as the time-out at most. On stock k6, a reply that
came, but that an overloaded generator had not read by its time-out, counts as timed out and late. At the planned end of its
connection a reply counts as lost: on stock k6 where it is still unread, for no message is handed out after that, and
everywhere where its probe was sent so late that the server had no time left. \`ws_generator_delay_ms\` shows how far the
generator was behind.
Where that was more than a tenth of the tightest latency limit that broke, or of the highest where none did, the run is
generator-bound, and such counts are no statement about the server.

Where a protocol may put several messages into one of WebSocket, the protocol's are counted, each with the one time at which
that came. Only \`ws_generator_delay_ms\`, \`ws_arrivals_uncertain\` and k6's own count those of WebSocket.

${table(["name", "kind", "one sample is", "by tag"], rows)}
`;
}

function glossary(): string {
  const parts = Object.entries(GLOSSARY).flatMap(([metric, tags]) =>
    Object.entries(tags).map(([tag, terms]) => {
      const rows = Object.entries(terms).map(([value, { means, advice }]) => [`\`${value}\``, means, advice]);
      return `## ${TITLES[metric as MetricName]}, by ${tag}: \`${metric}\`\n\n${table([tag, "means", "what to do"], rows)}\n`;
    }),
  );
  return `# What the reasons and codes mean, and what to do

A summary counts failures by reason, close code and cause. A [report](cli.md#report) explains those that occurred in its run;
here are all of them. Words and codes that are not listed count as \`other\`, and the notes of the summary quote the first ones.

${parts.join("\n")}`;
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
