/** Every relative link of the documents leads to a file, and to a heading of it where it names one. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { packageFile } from "../../cli/package-file.ts";
import { filesUnder } from "../../tools/files.mjs";

const root = packageFile(".");
const pages = ["README.md", "CONTRIBUTING.md", ...filesUnder("docs").filter((file) => file.endsWith(".md"))];

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

/** What is wrong with a link, if anything. */
function problem(page: string, link: string): string | undefined {
  if (/^(https?|mailto):/.test(link)) return undefined;
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? page : normalize(join(dirname(page), path));
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
