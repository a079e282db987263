/** The files of a new project. Pure. */
import { joined, type Places } from "./places.ts";
import type { Answers } from "./questions.ts";
import { readme } from "./readme.ts";

/** A protocol to begin with. */
export interface Starter {
  readonly descriptor: Readonly<Record<string, unknown>>;
  /** Files that the descriptor names, by their name beside it. */
  readonly beside: Readonly<Record<string, string>>;
}

interface ProfileFile {
  readonly description?: string;
  readonly settings?: Readonly<Record<string, string>>;
  readonly thresholds: object;
}

/** A small load: enough to see whether everything works, over in half a minute. */
const SMALL_LOAD = { CONNECTIONS: "20", RAMP: "5s", DURATION: "20s", RAMP_DOWN: "5s", PROBE_INTERVAL: "1s" };

/** Each file's text by its path, from where the command runs. */
export function projectFiles(
  answers: Answers,
  places: Places,
  { descriptor, beside }: Starter,
  limits: ProfileFile,
): Record<string, string> {
  const schemaOf = (name: string) =>
    places.packageDir === undefined
      ? {}
      : { $schema: `${places.packageDir}/docs/schemas/${name}.schema.json` };
  const { $schema: _, ...protocol } = descriptor;
  const { description, thresholds } = limits;
  const profile = {
    ...schemaOf("profile"),
    ...(description && { description }),
    settings: { ...SMALL_LOAD, ...limits.settings },
    thresholds,
  };
  const inProject = (name: string) => joined(places.project, name);
  return {
    [inProject("protocol.json")]: json({ ...schemaOf("protocol"), ...protocol }),
    ...Object.fromEntries(Object.entries(beside).map(([name, text]) => [inProject(name), text])),
    [inProject("profile.json")]: json(profile),
    [inProject("README.md")]: readme(answers, places),
    [joined(places.repository, `.github/workflows/${places.workflow}.yml`)]: workflow(answers, places),
  };
}

const WIDTH = 100;

const json = (value: object): string => `${laidOut(value, "")}\n`;

/** JSON in which each part that fits stands on one line. */
function laidOut(value: unknown, indent: string): string {
  const oneLine = inLine(value);
  if (
    typeof value !== "object" ||
    value === null ||
    (indent !== "" && oneLine.length <= WIDTH - indent.length)
  )
    return oneLine;
  const deeper = `${indent}  `;
  const isList = Array.isArray(value);
  const parts = Object.entries(value).map(
    ([key, part]) => `${deeper}${isList ? "" : `${JSON.stringify(key)}: `}${laidOut(part, deeper)}`,
  );
  const [open, close] = isList ? "[]" : "{}";
  return `${open}\n${parts.join(",\n")}\n${indent}${close}`;
}

function inLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inLine).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const parts = Object.entries(value).map(([key, part]) => `${JSON.stringify(key)}: ${inLine(part)}`);
  return parts.length > 0 ? `{ ${parts.join(", ")} }` : "{}";
}

/** The settings that a run takes, beside those of the profile. */
export function workflowSettings({ auth }: Answers, { inRepository }: Places): string[] {
  const settings = [`PROTOCOL_FILE=${joined(inRepository, "protocol.json")}`];
  return auth === "none" || auth === "header" ? settings : [...settings, `AUTH=${auth}`];
}

function workflow(answers: Answers, places: Places): string {
  const local = /^wss?:\/\/(localhost|127\.|\[::1\])/.test(answers.url);
  const start = `
      # The endpoint is on this machine: build and start your server here, and wait until it answers.
      # - run: |
      #     npm ci
      #     nohup npm start > server.log 2>&1 &
`;
  return `# Load test of each pull request, compared with the runs of main. Replace OWNER and COMMIT by where k6-realtime is
# and the commit to use.${answers.auth === "none" ? "" : " The repository's secret WS_TOKEN holds the token."}
name: ${JSON.stringify(places.workflow)}
on:
  push:
    branches: [main] # the runs that a pull request is compared with
  pull_request:

permissions:
  contents: read
  actions: read # the baselines are artifacts of earlier runs

jobs:
  load-test:
    runs-on: ubuntu-24.04
    timeout-minutes: 15
    steps:
      - uses: actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2
        with:
          persist-credentials: false
${local ? `${start}\n` : ""}      - uses: OWNER/k6-realtime@COMMIT
        with:
          scenario: chat-soak
          url: ${JSON.stringify(answers.url)}
${answers.auth === "none" ? "" : "          token: ${{ secrets.WS_TOKEN }}\n"}          profile: ${joined(places.inRepository, "profile.json")}
          settings: |
${workflowSettings(answers, places)
  .map((line) => `            ${line}\n`)
  .join("")}          baseline: artifact
`;
}
