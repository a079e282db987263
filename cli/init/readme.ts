/** The README of a new project: commands that work as they stand. Pure. */
import { joined, type Places } from "./places.ts";
import { type Answers, isReference } from "./questions.ts";

/** The commands to try one connection, and to run the load. */
export function commandsFor(answers: Answers, { project }: Places) {
  const common = [
    ...(isReference(answers) ? [] : [`--url '${answers.url}'`]),
    `--protocol-file ${joined(project, "protocol.json")}`,
    ...(answers.auth === "none" || answers.auth === "header" ? [] : [`--auth ${answers.auth}`]),
  ].join(" ");
  const profile = `--profile ${joined(project, "profile.json")}`;
  return {
    attempt: `npx k6-realtime try ${common}`,
    run: `npx k6-realtime run chat-soak ${common} ${profile}`,
  };
}

export function readme(answers: Answers, places: Places): string {
  const { attempt, run } = commandsFor(answers, places);
  const docs = places.packageDir === undefined ? "docs" : `${places.packageDir}/docs`;
  const page = (title: string, path: string) =>
    places.packageDir === undefined ? `${title} (\`${docs}/${path}\`)` : `[${title}](${docs}/${path})`;
  const from = places.project === "." ? "in this folder" : `in the folder that holds \`${places.project}\``;
  return `# Load test of ${new URL(answers.url).host}

Written by \`k6-realtime init\`. Run the commands ${from}.

| file | content |
| --- | --- |
| \`protocol.json\` | the messages of the server: ${page("protocol descriptors", "reference/protocols.md")} |
| \`profile.json\` | the load, and the limits that decide between pass and fail: ${page("settings", "reference/settings.md")}, ${page("metrics", "reference/metrics.md")} |
| \`.github/workflows/${places.workflow}.yml\` | the same test on each pull request: ${page("the GitHub Action", "guides/action.md")} |

## Before the first run

\`\`\`sh
npx k6-realtime setup   # finds or builds k6
${isReference(answers) ? "npx k6-realtime server  # the reference server, in a terminal of its own\n" : ""}${answers.auth === "none" || isReference(answers) ? "" : "export WS_TOKEN=…       # the token that your server expects\n"}\`\`\`

## One connection

\`\`\`sh
${attempt}
\`\`\`

It shows each message, and how \`protocol.json\` understood it. Edit \`protocol.json\` until the last line begins with \`ok\`.

## A load

\`\`\`sh
${run}
\`\`\`

It ends with the verdict. \`results/chat-soak.report.html\` shows the run in a browser. A flag changes one setting
for one run: \`--connections 500 --duration 10m\`.
`;
}
