import { Files, isFields, type ReadText } from "./files.ts";
import type { AsyncApiDocument } from "./model.ts";
import { refuse } from "./problem.ts";
import { Reading, text } from "./reading.ts";
import { readVersion2 } from "./v2.ts";
import { readVersion3 } from "./v3.ts";

/** The major versions that are read, and how. Before 2.0 there were no messages in channels. */
const VERSIONS = { 2: readVersion2, 3: readVersion3 } as const;

/**
 * Reads a document of AsyncAPI 2.x or 3.x with all that it refers to.
 *
 * @param file its path, relative to the folder that `read` reads from
 * @throws AsyncApiError naming the file, the place in it, the expected value and the actual one
 */
export function loadAsyncApi(file: string, read: ReadText): AsyncApiDocument {
  const files = new Files(read);
  const root = files.open(file);
  if (!isAsyncApi(root.value)) {
    const got = isFields(root.value) ? Object.keys(root.value).slice(0, 5) : root.value;
    return refuse(root, 'an AsyncAPI document, which has "asyncapi", its version', got);
  }
  const version = root.value.asyncapi;
  const [, major] = /^([23])\.\d+\.\d+(?:-[\w.-]+)?$/.exec(version) ?? [];
  if (major === undefined)
    return refuse({ file, pointer: "/asyncapi" }, "AsyncAPI 2.0 to 2.6, or 3", version);
  const reading = new Reading(files, {
    traitsFirst: major === "2",
    contentType: text(files, root, "defaultContentType") ?? "application/json",
  });
  const parts = VERSIONS[major as unknown as keyof typeof VERSIONS](reading, root);
  const info = files.field(root, "info");
  return {
    source: file,
    version,
    title: (info && text(files, info, "title")) ?? "",
    ...parts,
    messages: reading.messages,
  };
}

/** Whether parsed JSON or YAML says that it is a document of AsyncAPI, of whichever version. */
export const isAsyncApi = (value: unknown): value is { readonly asyncapi: string } =>
  isFields(value) && typeof value.asyncapi === "string";
