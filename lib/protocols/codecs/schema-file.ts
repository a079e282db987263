import { DescriptorError } from "../problem.ts";
import { type ReadBytes, type ReadText, schemaReaderOf } from "./codec.ts";

/**
 * The descriptor with the types of each schema that it names, which are read from a file beside it.
 *
 * @param json read from JSON, whatever is wrong with it
 * @param source the descriptor's path
 * @param read gives the text of a file by its path
 * @param readBytes gives its bytes. Default: no schema is a descriptor set
 * @throws DescriptorError where a schema cannot be read
 */
export function withTypes(
  json: unknown,
  source: string,
  read: ReadText,
  readBytes: ReadBytes = noSets,
): unknown {
  const readTypes = schemaReaderOf("protobuf");
  if (!readTypes || !isObject(json)) return json;
  const { session } = json;
  const typesOf = (path: string) => readTypes(path, read, readBytes);
  return {
    ...partWithTypes(json, "", source, typesOf),
    ...(Array.isArray(session) && {
      session: session.map((step, i) => partWithTypes(step, `session[${i}].`, source, typesOf)),
    }),
  };
}

function partWithTypes(
  part: unknown,
  at: string,
  source: string,
  typesOf: (path: string) => unknown,
): object {
  if (!isObject(part) || !isObject(part.codec)) return part as object;
  const { codec } = part;
  if (codec.name !== "protobuf" || typeof codec.schema !== "string" || codec.types !== undefined) return part;
  const path = source.replace(/[^/\\]*$/, "") + codec.schema;
  try {
    return { ...part, codec: { ...codec, types: typesOf(path) } };
  } catch (error) {
    const expected = `a schema of Protocol Buffers beside the descriptor (${(error as Error).message})`;
    throw new DescriptorError(source, [
      { path: `${at}codec.schema`, expected, got: JSON.stringify(codec.schema) },
    ]);
  }
}

const noSets: ReadBytes = (path) => {
  throw new Error(`${path} is no .proto file`);
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
