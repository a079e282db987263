import { readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import {
  type AsyncApiDocument,
  AsyncApiError,
  INSIDE,
  loadAsyncApi,
  MOST,
  type ReadText,
} from "../lib/asyncapi/index.ts";
import { UserError } from "./command.ts";

interface Where {
  readonly cwd: string;
  /** A folder above the document that its references may lead into, too. */
  readonly root?: string;
}

/**
 * Reads a document of AsyncAPI with the files that it refers to: none outside of the document's folder, also not by a
 * symbolic link.
 *
 * @throws {@link UserError} naming the problem
 */
export const readAsyncApi = (path: string, where: Where): AsyncApiDocument =>
  reading(path, where, loadAsyncApi);

/**
 * Has a document read, and the files beside it that it refers to.
 *
 * @param load gets the document's path in the folder, and what reads from that folder
 * @throws {@link UserError} naming the problem
 */
export function reading<T>(path: string, { cwd, root }: Where, load: (file: string, read: ReadText) => T): T {
  try {
    const file = realPath(resolve(cwd, path), path);
    const folder = root === undefined ? dirname(file) : realPath(resolve(cwd, root), root);
    const inFolder = relative(folder, file);
    if (isOutside(inFolder))
      throw new UserError(`--root: expected a folder that has ${path} in it, got ${root}`);
    return load(inFolder.split(sep).join("/"), (name) => readInside(folder, name));
  } catch (error) {
    throw error instanceof AsyncApiError ? new UserError(error.message) : error;
  }
}

function readInside(folder: string, name: string): string {
  const real = realPath(join(folder, ...name.split("/")), name);
  if (isOutside(relative(folder, real))) {
    throw new AsyncApiError(`${name}: expected ${INSIDE}, got a link out of it`);
  }
  const about = statSync(real);
  if (!about.isFile()) throw new AsyncApiError(`${name}: expected a file, got something else`);
  if (about.size > MOST.fileBytes)
    throw new AsyncApiError(`${name}: expected at most ${MOST.fileBytes} bytes, got a file of ${about.size}`);
  try {
    return readFileSync(real, "utf8");
  } catch (error) {
    throw new AsyncApiError(`${name}: expected a readable file, got none (${codeOf(error)})`);
  }
}

const isOutside = (path: string): boolean => path === ".." || path.startsWith(`..${sep}`) || isAbsolute(path);

function realPath(path: string, name: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw new AsyncApiError(`${name}: expected a readable file, got none (${codeOf(error)})`);
  }
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);
