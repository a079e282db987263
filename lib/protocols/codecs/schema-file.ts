import { DescriptorError } from "../problem.ts";
import { schemaReaderOf } from "./codec.ts";

/**
 * The descriptor with the types of each schema that it names, which are read from a file beside it.
 *
 * @param json read from JSON, whatever is wrong with it
 * @param source the descriptor's path
 * @param read gives the text of a file by its path
 * @throws DescriptorError where a schema cannot be read
 */
export function withTypes(json: unknown, source: string, read: (path: string) => string): unknown {
  if (!isObject(json)) return json;
  const { session } = json;
  return {
    ...partWithTypes(json, "", source, read),
    ...(Array.isArray(session) && {
      session: session.map((step, i) => partWithTypes(step, `session[${i}].`, source, read)),
    }),
  };
}

function partWithTypes(part: unknown, at: string, source: string, read: (path: string) => string): object {
  if (!isObject(part) || !isObject(part.codec)) return part as object;
  const { codec } = part;
  const typesOf = codec.name === "protobuf" ? schemaReaderOf("protobuf") : undefined;
  if (!typesOf || typeof codec.schema !== "string" || codec.types !== undefined) return part;
  const path = source.replace(/[^/\\]*$/, "") + codec.schema;
  try {
    return { ...part, codec: { ...codec, types: typesOf(path, read) } };
  } catch (error) {
    const expected = `a schema of Protocol Buffers beside the descriptor (${(error as Error).message})`;
    throw new DescriptorError(source, [
      { path: `${at}codec.schema`, expected, got: JSON.stringify(codec.schema) },
    ]);
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
