/** Files written whole, and content hashes that tell finished work from stale work. */
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root: paths below are relative to it. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Every file below `path` (or `path` itself), relative to the root, in a fixed order.
 *
 * @param {string} path
 * @returns {string[]}
 */
export function filesUnder(path) {
  const full = join(root, path);
  if (!existsSync(full)) return [];
  if (!statSync(full).isDirectory()) return [path];
  const names = readdirSync(full).sort();
  return names.flatMap((name) => filesUnder(join(path, name)));
}

/**
 * A hash of the files' names and contents and of `more`, which stands for what else decides the result.
 *
 * @param {readonly string[]} files
 * @param {...string} more
 */
export function fingerprint(files, ...more) {
  const hash = createHash("sha256").update(JSON.stringify(more));
  for (const file of files) {
    const content = readFileSync(join(root, file));
    hash.update(`\0${file}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

/**
 * Writes a file so that a reader, or a second writer, sees the old content or the new, never a part.
 *
 * @param {string} path
 * @param {string | Uint8Array} content
 * @param {number} mode
 */
export function writeAtomically(path, content, mode = 0o644) {
  mkdirSync(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}.partial`;
  try {
    writeFileSync(partial, content, { mode });
    renameSync(partial, path);
  } finally {
    rmSync(partial, { force: true });
  }
}

/**
 * Whether `product` is there and was made from what has this fingerprint.
 *
 * @param {string} product
 * @param {string} print
 */
export function isCurrent(product, print) {
  const stamp = stampOf(product);
  return existsSync(join(root, product)) && existsSync(stamp) && readFileSync(stamp, "utf8") === print;
}

/**
 * Remembers what `product` was made from.
 *
 * @param {string} product
 * @param {string} print
 */
export function markCurrent(product, print) {
  writeAtomically(stampOf(product), print);
}

/** @param {string} product */
const stampOf = (product) =>
  join(root, ".cache", `${product.replaceAll("/", "-").replace(/^\./, "")}.sha256`);
