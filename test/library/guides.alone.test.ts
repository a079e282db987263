/** The guides, done as they stand, side by side. Only their times are shortened, and their ports are free ones. */
import assert from "node:assert/strict";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { packageFile } from "../../cli/package-file.ts";
import { freePort } from "../free-port.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { assertShown, codeBlocks, follow, isUndecided } from "./page.ts";

interface Guide {
  readonly page: string;
  readonly port: string;
  /** What is replaced in commands, so that the page takes seconds: each must be there. */
  readonly shorter: Readonly<Record<string, string>>;
}

/** Behind a run's profile: a load of seconds. */
const SHORT_SMOKE = "--ramp 1s --ramp-down 1s --duration 9s";

const GUIDES: readonly Guide[] = [
  {
    page: "socket-io",
    port: "3000",
    shorter: {
      "--profile load-test/profile.json":
        "--profile load-test/profile.json --ramp 1s --duration 4s --session 4s",
    },
  },
  {
    page: "pull-requests",
    port: "8080",
    // One earlier run shows as much as three, with less certainty.
    shorter: { "1 2 3": "1", "--profile smoke": `--profile smoke ${SHORT_SMOKE}` },
  },
  {
    page: "nightly-soak",
    port: "8080",
    shorter: {
      "--ramp 5m --duration 90m --ramp-down 5m --session 10m": "--ramp 1s --duration 8s --ramp-down 1s",
    },
  },
  {
    page: "capacity",
    port: "9002",
    shorter: { "--duration 1m --reach-timeout 3s": "--duration 1s --reach-timeout 2s" },
  },
  { page: "reconnects", port: "8080", shorter: { "--duration 1m": "--duration 6s" } },
];

describe("each guide works as it is written", { concurrency: true }, () => {
  for (const guide of GUIDES) test(guide.page, (t) => followGuide(t, guide));
});

async function followGuide(t: TestContext, { page, port, shorter }: Guide): Promise<void> {
  const text = await readFile(packageFile(`docs/guides/${page}.md`), "utf8");
  const free = String(await freePort());
  const blocks = codeBlocks(text)
    .filter(({ content }) => !content.includes("wss://…")) // other ways, without a server to try them on
    .map((block) => ({ ...block, content: shortened(block.content.replaceAll(port, free), shorter) }));
  for (const long of Object.keys(shorter)) assert.ok(text.includes(long), `${page} has no "${long}"`);
  assert.ok(blocks.some(({ language }) => language === "text"));

  await follow(t, blocks, await projectWithPackage(t), (shown, printed) => {
    if (isUndecided(printed)) t.diagnostic(`not judged, the machine was too busy: ${page}`);
    else assertShown(shown, printed);
  });
}

function shortened(command: string, shorter: Guide["shorter"]): string {
  return Object.entries(shorter).reduce((text, [long, short]) => text.replaceAll(long, short), command);
}

/** A project in which the package of this repository, `ws` and `socket.io` are installed. */
async function projectWithPackage(t: TestContext) {
  const project = await temporaryDirectory(t);
  const modules = join(project, "node_modules");
  await mkdir(join(modules, ".bin"), { recursive: true });
  await symlink(packageFile("."), join(modules, "k6-realtime"));
  await symlink("../k6-realtime/dist/cli.js", join(modules, ".bin/k6-realtime"));
  for (const name of ["ws", "socket.io"])
    await symlink(packageFile(`node_modules/${name}`), join(modules, name));
  await writeFile(join(project, "package.json"), JSON.stringify({ private: true }));
  // A token of whoever runs the tests is none of the guides'.
  const { WS_TOKEN: _, ...env } = process.env;
  return { project, env };
}
