/** The types of a schema of Protocol Buffers, as data that both interpreters read. */
import protobufjs, {
  type Field,
  type IParserResult,
  type MapField,
  type ReflectionObject,
  type Root,
} from "protobufjs";
import descriptor from "protobufjs/ext/descriptor.js";
import type { ReadBytes, ReadText } from "./codec.ts";

/** Messages and enumerations by their full names. */
export type Types = Readonly<Record<string, MessageType | EnumType>>;

interface MessageType {
  readonly fields: Readonly<Record<string, FieldType>>;
}

interface EnumType {
  readonly values: Readonly<Record<string, number>>;
}

interface FieldType {
  readonly id: number;
  /** A scalar, or the full name of a message or an enumeration. */
  readonly type: string;
  readonly repeated?: boolean;
  readonly packed?: boolean;
  /** Of a map: the scalar that its keys are. */
  readonly key?: string;
  /** Its name in the schema, where that is not its name in JSON. */
  readonly original?: string;
}

/**
 * Reads a schema and its imports: a `.proto` file, or else a descriptor set (`protoc -o`, `buf build`).
 *
 * @param read gives the text of a file by its path
 * @param readBytes gives its bytes
 * @throws Error describing the problem
 */
export function typesOf(path: string, read: ReadText, readBytes: ReadBytes): Types {
  const root = /\.proto$/i.test(path) ? parsed(path, read) : described(path, readBytes(path));
  root.resolveAll();
  return Object.fromEntries([...typesIn(root)]);
}

function parsed(path: string, read: ReadText): Root {
  const root = new protobufjs.Root();
  const done = new Set<string>();
  const load = (file: string) => {
    if (done.has(file)) return;
    done.add(file);
    const common = protobufjs.common.get(file);
    if (common) {
      root.addJSON(common.nested ?? {});
      return;
    }
    let parsed: IParserResult;
    try {
      parsed = protobufjs.parse(read(file), root, { keepCase: true });
    } catch (error) {
      throw new Error(`${file}: ${(error as Error).message}`);
    }
    for (const imported of [...(parsed.imports ?? []), ...(parsed.weakImports ?? [])]) {
      load(protobufjs.common.get(imported) ? imported : beside(path, imported));
    }
  };
  load(path);
  return root;
}

function described(path: string, bytes: Uint8Array): Root {
  try {
    const { file } = descriptor.FileDescriptorSet.decode(bytes) as unknown as { file: FileDescriptor[] };
    if (file.length === 0) throw new Error("it has no files");
    const missing = file
      .flatMap(({ dependency }) => dependency)
      .find((imported) => !file.some(({ name }) => name === imported));
    if (missing) throw new Error(`it lacks ${missing}, which it imports: protoc needs --include_imports`);
    return protobufjs.Root.fromDescriptor(bytes, { keepCase: true });
  } catch (error) {
    throw new Error(`${path} is not a usable descriptor set: ${(error as Error).message}`);
  }
}

/** The part of a file in a descriptor set that is read here. */
interface FileDescriptor {
  readonly name: string;
  readonly dependency: readonly string[];
}

/** Imports are looked for beside the schema that a descriptor names. */
const beside = (path: string, imported: string): string => path.replace(/[^/\\]*$/, "") + imported;

function* typesIn(of: ReflectionObject): Generator<[name: string, MessageType | EnumType]> {
  if (of instanceof protobufjs.Enum) yield [nameOf(of), { values: { ...of.values } }];
  if (of instanceof protobufjs.Type) {
    const fields = of.fieldsArray.map((field) => [jsonName(field.name), fieldType(field)] as const);
    yield [nameOf(of), { fields: Object.fromEntries(fields) }];
  }
  if (of instanceof protobufjs.Namespace) for (const nested of of.nestedArray) yield* typesIn(nested);
}

const nameOf = ({ fullName }: ReflectionObject): string => fullName.replace(/^\./, "");

/** In lowerCamelCase, as in the JSON format of Protocol Buffers. */
const jsonName = (name: string): string => name.replace(/_+([A-Za-z0-9]?)/g, (_, next) => next.toUpperCase());

function fieldType(field: Field): FieldType {
  const { id, name, repeated, packed, map, resolvedType } = field;
  return {
    id,
    type: resolvedType ? nameOf(resolvedType) : field.type,
    ...(repeated && { repeated }),
    ...(repeated && packed && isPackable(field) && { packed }),
    ...(map && { key: (field as unknown as MapField).keyType }),
    ...(jsonName(name) !== name && { original: name }),
  };
}

const isPackable = ({ resolvedType, type }: Field): boolean =>
  resolvedType ? resolvedType instanceof protobufjs.Enum : type !== "string" && type !== "bytes";

/** Gives the message types of a table by their full names. */
export function rootOf(types: Types): (name: string) => protobufjs.Type {
  // In one namespace under names without dots, which separate namespaces.
  const names = Object.keys(types);
  const short = (name: string) => `T${names.indexOf(name)}`;
  const nested = Object.entries(types).map(([name, type]) => [
    short(name),
    "values" in type
      ? { values: type.values }
      : {
          fields: Object.fromEntries(
            Object.entries(type.fields).map(([name, { id, type, repeated, packed, key, original }]) => [
              name,
              {
                id,
                type: names.includes(type) ? short(type) : type,
                ...(repeated && { rule: "repeated" }),
                ...(key !== undefined && { keyType: key }),
                options: {
                  ...(repeated && { packed: packed ?? false }),
                  ...(original !== undefined && { original }),
                },
              },
            ]),
          ),
        },
  ]);
  const root = protobufjs.Root.fromJSON({ nested: Object.fromEntries(nested) });
  root.resolveAll();
  return (name) => {
    if (!names.includes(name)) throw new Error(`want a message of the schema, got "${name}"`);
    return root.lookupType(short(name));
  };
}
