/**
 * Every relative link of the documents leads to a file, and to a heading of it where it names one: in a clone, and in the
 * package that npm installs.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { packageFile } from "../../cli/package-file.ts";
import { pages } from "./pages.ts";

const root = packageFile(".");

/** Links outside code, with the line of each. */
function linksOf(text: string): { line: number; link: string }[] {
  const prose = text.replace(/^```.*?^```$/gms, (code) => code.replace(/[^\n]/g, "")).split("\n");
  return prose.flatMap((content, index) =>
    [...content.replace(/`[^`]*`/g, "").matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => ({
      line: index + 1,
      link,
    })),
  );
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(text: string): string[] {
  const headings = text.replace(/^```.*?^```$/gms, "").matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_\- ]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** The file or folder that a link leads to, and the heading in it. Undefined for a link to the web. */
function targetOf(page: string, link: string): { target: string; anchor: string | undefined } | undefined {
  if (/^(https?|mailto):/.test(link)) return undefined;
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? page : normalize(join(dirname(page), path)).replace(/\/$/, "");
  return { target, anchor };
}

/** What is wrong with a link, if anything. */
function problem(page: string, link: string): string | undefined {
  const to = targetOf(page, link);
  if (to === undefined) return undefined;
  const { target, anchor } = to;
  if (!existsSync(join(root, target))) return `${target} does not exist`;
  if (anchor === undefined || !target.endsWith(".md")) return undefined;
  const anchors = anchorsOf(readFileSync(join(root, target), "utf8"));
  return anchors.includes(anchor) ? undefined : `${target} has no heading #${anchor}`;
}

test("every link of the documents leads somewhere", () => {
  const broken = pages.flatMap((page) =>
    linksOf(readFileSync(join(root, page), "utf8")).flatMap(({ line, link }) => {
      const wrong = problem(page, link);
      return wrong === undefined ? [] : [`${page}:${line}: ${link}: ${wrong}`];
    }),
  );
  assert.ok(pages.length > 30);
  assert.deepEqual(broken, []);
});

test("every page is in the index", () => {
  const index = linksOf(readFileSync(join(root, "docs/README.md"), "utf8")).map(({ link }) =>
    normalize(join("docs", link)),
  );
  const pagesBelow = pages.filter((page) => page.startsWith("docs/") && page !== "docs/README.md");
  assert.deepEqual(
    pagesBelow.filter((page) => !index.includes(page)),
    [],
  );
});

/** The files of the package, relative to its root. What is built first is in dist, to which no page links. */
async function packedFiles(): Promise<string[]> {
  const options = ["pack", "--dry-run", "--json", "--ignore-scripts"];
  const { stdout } = await promisify(execFile)("npm", options, { cwd: root, maxBuffer: 64 << 20 });
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  return files.map(({ path }) => path);
}

/** The links of an installed package that lead nowhere, as `page: link`. */
function deadLinks(packed: readonly string[], read: (page: string) => string): string[] {
  const files = new Set(packed);
  const isThere = (target: string) =>
    files.has(target) || packed.some((path) => path.startsWith(`${target}/`));
  return packed
    .filter((path) => path.endsWith(".md"))
    .flatMap((page) =>
      linksOf(read(page))
        .filter(({ link }) => !isThere(targetOf(page, link)?.target ?? page))
        .map(({ link }) => `${page}: ${link}`),
    );
}

test("every link of the pages in the package leads to a file in the package", async () => {
  const packed = await packedFiles();
  assert.ok(packed.filter((path) => path.endsWith(".md")).length > 50);
  assert.deepEqual(
    deadLinks(packed, (page) => readFileSync(join(root, page), "utf8")),
    [],
  );
});

test("a link out of the package is found", () => {
  const text =
    "[a](../lib/a.ts), [b](b.md#x), [c](#y), [d](../examples/), [e](https://example.com), `[f](f)`";
  assert.deepEqual(
    deadLinks(["docs/a.md", "examples/x.json"], () => text),
    ["docs/a.md: ../lib/a.ts", "docs/a.md: b.md#x"],
  );
});

const PATH =
  /^(?:lib|cli|extension|test|bench|server|tools|scenarios|examples|thresholds|dashboards|deploy|playwright)\/[\w./-]*$/;

test("every path of the repository that a page names exists", () => {
  const named = pages.flatMap((page) =>
    [...readFileSync(join(root, page), "utf8").matchAll(/`([^`\n]+)`/g)]
      .map(([, code = ""]) => code)
      .filter((code) => PATH.test(code) && !code.includes("NAME"))
      .map((path) => ({ page, path })),
  );
  assert.ok(named.length > 50);
  assert.deepEqual(
    named.filter(({ path }) => !existsSync(join(root, path))),
    [],
  );
});
