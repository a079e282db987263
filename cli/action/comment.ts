/** One comment on a pull request that shows the newest result: updated, not repeated. */
import { readFile } from "node:fs/promises";
import { UserError } from "../command.ts";
import { fit } from "./fit.ts";
import { line } from "./inputs.ts";

/** GitHub takes no longer comment. */
const LONGEST = 65_536;

interface Comment {
  readonly id: number;
  readonly body?: string | null;
  readonly user?: { readonly type?: string } | null;
}

/**
 * Writes the summary into this result's comment on the pull request that the workflow runs for. Anything else than a
 * pull request has no comment: then nothing is done.
 *
 * @param env With the inputs `name`, `summary-path` and `github-token`, and what the runner sets.
 * @returns what was done, for the log
 * @throws {@link UserError} when GitHub refuses
 */
export async function commentStep(env: NodeJS.ProcessEnv): Promise<string> {
  const number = await pullRequestOf(env);
  if (number === undefined) return "Not a pull request: no comment";
  const marker = `<!-- k6-realtime: ${encodeURIComponent(line(env, "name"))} -->`;
  const end = linkToRun(env);
  const text = `${marker}\n${await readFile(line(env, "summary-path"), "utf8")}`;
  const body = fit(text, LONGEST - end.length) + end;
  const own = await findOwn(env, number, marker);
  if (own) {
    await call(env, "PATCH", `issues/comments/${own.id}`, { body });
    return `Updated the comment on pull request ${number}`;
  }
  await call(env, "POST", `issues/${number}/comments`, { body });
  return `Commented on pull request ${number}`;
}

async function pullRequestOf(env: NodeJS.ProcessEnv): Promise<number | undefined> {
  if (!env.GITHUB_EVENT_PATH) return undefined;
  const event = JSON.parse(await readFile(env.GITHUB_EVENT_PATH, "utf8"));
  const number: unknown = event?.pull_request?.number;
  return Number.isSafeInteger(number) ? (number as number) : undefined;
}

/** The comment that an earlier run left. Somebody may have quoted its marker: only a bot's counts. */
async function findOwn(env: NodeJS.ProcessEnv, number: number, marker: string): Promise<Comment | undefined> {
  for (let page = 1; ; page += 1) {
    const path = `issues/${number}/comments?per_page=100&page=${page}`;
    const comments = (await call(env, "GET", path)) as Comment[];
    const own = comments.find(({ body, user }) => user?.type === "Bot" && body?.startsWith(marker));
    if (own || comments.length < 100) return own;
  }
}

async function call(env: NodeJS.ProcessEnv, method: string, path: string, body?: unknown): Promise<unknown> {
  const url = `${env.GITHUB_API_URL}/repos/${env.GITHUB_REPOSITORY}/${path}`;
  const response = await fetch(url, {
    method,
    headers: {
      accept: "application/vnd.github+json",
      authorization: `Bearer ${env.INPUT_GITHUB_TOKEN ?? ""}`,
      "x-github-api-version": "2022-11-28",
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (response.ok) return response.json();
  const hint = response.status === 403 ? " (the job needs the permission pull-requests: write)" : "";
  throw new UserError(`commenting: ${method} ${path}: GitHub answered ${response.status}${hint}`, 1);
}

const linkToRun = (env: NodeJS.ProcessEnv): string =>
  `\n[This run](${env.GITHUB_SERVER_URL}/${env.GITHUB_REPOSITORY}/actions/runs/${env.GITHUB_RUN_ID})\n`;
