/** The comment on a pull request, against a server that answers as GitHub's API does. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { commentStep } from "../../cli/action/comment.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

interface Comment {
  id: number;
  body: string;
  user: { type: string };
}

/** Pull request 7 of acme/chat with these comments, for whom has the token. */
async function github(t: TestContext, comments: Comment[], status = 200) {
  const server = createServer(async (request: IncomingMessage, response) => {
    const answer = (code: number, body: unknown) => response.writeHead(code).end(JSON.stringify(body));
    const url = new URL(request.url!, "http://localhost");
    if (request.headers.authorization !== "Bearer secret" || status !== 200) return answer(status, {});
    const list = url.pathname === "/repos/acme/chat/issues/7/comments";
    if (list && request.method === "GET") {
      const page = Number(url.searchParams.get("page"));
      return answer(200, comments.slice((page - 1) * 100, page * 100));
    }
    const { body } = (await json(request)) as { body: string };
    if (list && request.method === "POST") {
      comments.push({ id: comments.length + 1, body, user: { type: "Bot" } });
      return answer(201, {});
    }
    const id = /^\/repos\/acme\/chat\/issues\/comments\/(\d+)$/.exec(url.pathname)?.[1];
    const comment = comments.find((one) => String(one.id) === id);
    if (!comment || request.method !== "PATCH") return answer(404, {});
    comment.body = body;
    return answer(200, {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function stepIn(t: TestContext, api: string, event: unknown) {
  const directory = await temporaryDirectory(t);
  const paths = { event: join(directory, "event.json"), summary: join(directory, "summary.md") };
  await writeFile(paths.event, JSON.stringify(event));
  const env = {
    INPUT_NAME: "smoke",
    INPUT_SUMMARY_PATH: paths.summary,
    INPUT_GITHUB_TOKEN: "secret",
    GITHUB_API_URL: api,
    GITHUB_SERVER_URL: "https://github.example.com",
    GITHUB_REPOSITORY: "acme/chat",
    GITHUB_RUN_ID: "42",
    GITHUB_EVENT_PATH: paths.event,
  };
  return async (summary: string) => {
    await writeFile(paths.summary, summary);
    return commentStep(env);
  };
}

const pullRequest = { pull_request: { number: 7 } };

test("the first run comments, the second updates that comment, and no other", async (t) => {
  const quoted = { id: 1, body: "<!-- k6-realtime: smoke --> look", user: { type: "User" } };
  const comments: Comment[] = [quoted];
  const step = await stepIn(t, await github(t, comments), pullRequest);
  assert.equal(await step("## chat-soak: pass\n"), "Commented on pull request 7");
  assert.equal(await step("## chat-soak: fail\n"), "Updated the comment on pull request 7");
  assert.equal(comments.length, 2);
  assert.equal(quoted.body, "<!-- k6-realtime: smoke --> look");
  assert.match(comments[1]!.body, /^<!-- k6-realtime: smoke -->\n## chat-soak: fail\n/);
  assert.match(comments[1]!.body, /https:\/\/github\.example\.com\/acme\/chat\/actions\/runs\/42/);
});

test("the comment is found behind a hundred others", async (t) => {
  const others = Array.from({ length: 130 }, (_, i) => ({ id: i + 1, body: "hi", user: { type: "User" } }));
  const step = await stepIn(t, await github(t, others), pullRequest);
  await step("one");
  assert.equal(await step("two"), "Updated the comment on pull request 7");
  assert.equal(others.length, 131);
});

test("a summary that is too long for a comment is cut at the end of a line", async (t) => {
  const comments: Comment[] = [];
  const step = await stepIn(t, await github(t, comments), pullRequest);
  // Whatever the length of a line: one of them ends just where the room does.
  for (let length = 1; length <= 24; length++) {
    await step(`${"x".repeat(length)}\n`.repeat(70_000));
    assert.ok(comments[0]!.body.length <= 65_536);
    assert.match(comments[0]!.body, /x\n\n_The rest is cut off.*_\n\n\[This run\]/);
  }
});

test("without a pull request nothing is said, and without the permission why", async (t) => {
  const pushed = await stepIn(t, "http://127.0.0.1:1", { ref: "refs/heads/main" });
  assert.equal(await pushed("x"), "Not a pull request: no comment");
  const refused = await stepIn(t, await github(t, [], 403), pullRequest);
  await assert.rejects(
    refused("x"),
    /GitHub answered 403 \(the job needs the permission pull-requests: write\)/,
  );
});
