/** Protocol Buffers, by a schema. */
import Long from "long";
import protobufjs, { type Field, type MapField, type Type } from "protobufjs";
import { sourceText } from "../source-text.ts";
import { ByteStrings, inField, wanted } from "./byte-strings.ts";
import { booleanOf } from "./byte-writer.ts";
import {
  type Codec,
  CodecError,
  type CodecOptions,
  type MakeCodec,
  MOST_LEVELS,
  MOST_VALUES,
} from "./codec.ts";
import { jsonOfFloat, valuesOf } from "./json-values.ts";
import { CountingReader, TooManyValues } from "./protobuf-reader.ts";
import { rootOf, type Types, typesOf } from "./protobuf-types.ts";

// Without it the library reads whole numbers of 64 bits as floating-point ones.
protobufjs.util.Long = Long as unknown as typeof protobufjs.util.Long;
protobufjs.configure();

/** Messages by the types of a schema, as they are on the wire: what is not there is not in the JSON, either. */
export const protobuf: MakeCodec = Object.assign(make, { typesOf });

function make(options: CodecOptions): Codec {
  const { send = "", receive = "", types = {} } = options;
  const byName = rootOf(types as Types);
  const [sent, received] = [byName(send), byName(receive)];
  const byteStrings = new ByteStrings(options);
  // Each value has a byte, at least.
  const sourceOf = (bytes: Uint8Array) =>
    bytes.length > MOST_VALUES ? new CountingReader(bytes, MOST_VALUES) : bytes;
  const fieldsIn = (bytes: Uint8Array) => received.decode(sourceOf(bytes)) as unknown as Fields;
  return {
    title: `a ${receive}`,
    decode(bytes) {
      try {
        return jsonOfMessage(fieldsIn(bytes), received, byteStrings, 0);
      } catch {
        return undefined; // the library throws errors of several kinds
      }
    },
    hasTooMany(bytes) {
      try {
        fieldsIn(bytes);
        return false;
      } catch (error) {
        return error instanceof TooManyValues;
      }
    },
    encode(json) {
      const fields = fieldsOf(valuesOf(json), sent, new Source(json, []), byteStrings);
      return sent.encode(sent.create(fields)).finish();
    },
  };
}

type Fields = { readonly [name: string]: unknown };

/** The fields that were on the wire. */
function jsonOfMessage(message: Fields, type: Type, byteStrings: ByteStrings, level: number): string {
  if (level > MOST_LEVELS) throw new CodecError(`want at most ${MOST_LEVELS} levels`);
  const members = type.fieldsArray.flatMap((field) => {
    if (!Object.hasOwn(message, field.name)) return [];
    const json = jsonOfField(message[field.name], field, byteStrings, level);
    return json === undefined ? [] : [`${JSON.stringify(field.name)}:${json}`];
  });
  return `{${members.join()}}`;
}

/** Undefined for an empty list or map, which has no bytes on the wire. */
function jsonOfField(
  value: unknown,
  field: Field,
  byteStrings: ByteStrings,
  level: number,
): string | undefined {
  const one = (value: unknown): string => jsonOfValue(value, field, byteStrings, level);
  if (field.map) {
    const { keyType } = field as unknown as MapField;
    const entries = Object.entries(value as Fields).map(
      ([key, value]) => `${JSON.stringify(keyOf(key, keyType))}:${one(value)}`,
    );
    return entries.length > 0 ? `{${entries.join()}}` : undefined;
  }
  if (!field.repeated) return one(value);
  const list = value as readonly unknown[];
  return list.length > 0 ? `[${list.map(one).join()}]` : undefined;
}

/** The library has keys of 64 bits as eight characters. */
const keyOf = (key: string, type: string): string =>
  LONG.test(type) ? protobufjs.util.longFromHash(key, UNSIGNED.test(type)).toString() : key;

const LONG = /64$/;
const UNSIGNED = /^(?:uint|fixed)/;

function jsonOfValue(value: unknown, field: Field, byteStrings: ByteStrings, level: number): string {
  const { resolvedType } = field;
  if (resolvedType instanceof protobufjs.Enum) {
    const name = resolvedType.valuesById[value as number];
    return name === undefined ? String(value) : JSON.stringify(name);
  }
  if (resolvedType) return jsonOfMessage(value as Fields, resolvedType, byteStrings, level + 1);
  switch (field.type) {
    case "string":
      return JSON.stringify(value);
    case "bytes":
      return byteStrings.toJson(value as Uint8Array);
    case "float":
    case "double":
      return jsonOfFloat(value as number);
    default:
      return String(value);
  }
}

/** The position of a value in the JSON text of a message. */
class Source {
  readonly #json: string;
  readonly #path: readonly string[];

  constructor(json: string, path: readonly string[]) {
    this.#json = json;
    this.#path = path;
  }

  at(name: string | number): Source {
    return new Source(this.#json, [...this.#path, String(name)]);
  }

  get text(): string {
    return sourceText(this.#json, this.#path) ?? "";
  }
}

/** An object of JSON as the library wants a message. null is a field that is not there. */
function fieldsOf(given: unknown, type: Type, source: Source, byteStrings: ByteStrings): Fields {
  const entries = Object.entries(objectOf(given)).flatMap(([name, value]) =>
    inField(name, () => {
      const field = type.fields[name] ?? type.fieldsArray.find(({ options }) => options?.original === name);
      if (!field) throw new CodecError("want a field of the message");
      if (value === null) return [];
      return [[field.name, fieldOf(value, field, source.at(name), byteStrings)] as const];
    }),
  );
  return Object.fromEntries(entries);
}

function objectOf(value: unknown): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw wanted("an object", value);
}

function fieldOf(value: unknown, field: Field, source: Source, byteStrings: ByteStrings): unknown {
  if (field.map) {
    const { keyType } = field as unknown as MapField;
    const entries = Object.entries(objectOf(value)).map(([key, inner]) =>
      inField(key, () => {
        if (keyType !== "string") scalarOf(keyType === "bool" ? boolOfKey(key) : key, keyType);
        return [key, one(inner, field, source.at(key), byteStrings)] as const;
      }),
    );
    return Object.fromEntries(entries);
  }
  if (!field.repeated) return one(value, field, source, byteStrings);
  if (!Array.isArray(value)) throw wanted("a list", value);
  return value.map((item, i) => inField(`[${i}]`, () => one(item, field, source.at(i), byteStrings)));
}

function boolOfKey(key: string): boolean {
  if (key !== "true" && key !== "false") throw new CodecError("want true or false");
  return key === "true";
}

function one(value: unknown, field: Field, source: Source, byteStrings: ByteStrings): unknown {
  const { resolvedType, type } = field;
  if (resolvedType && !(resolvedType instanceof protobufjs.Enum)) {
    return fieldsOf(value, resolvedType, source, byteStrings);
  }
  if (type === "bytes") return byteStrings.fromJson(value, () => source.text);
  if (resolvedType && typeof value === "string" && Object.hasOwn(resolvedType.values, value)) {
    return resolvedType.values[value];
  }
  return scalarOf(value, resolvedType ? "enum" : type);
}

const BITS_32 = { least: -(2n ** 31n), most: 2n ** 31n - 1n };
const BITS_64 = { least: -(2n ** 63n), most: 2n ** 63n - 1n };

function scalarOf(value: unknown, type: string): unknown {
  if (type === "string") {
    if (typeof value !== "string") throw wanted("a text", value);
    return value;
  }
  if (type === "bool") return booleanOf(value);
  if (type === "float" || type === "double") {
    if (typeof value !== "number" && typeof value !== "bigint") throw wanted("a number", value);
    return Number(value);
  }
  const isLong = LONG.test(type);
  const unsigned = UNSIGNED.test(type);
  const signed = isLong ? BITS_64 : BITS_32;
  const least = unsigned ? 0n : signed.least;
  const most = unsigned ? signed.most * 2n + 1n : signed.most;
  const whole = wholeOf(value);
  if (whole === undefined || whole < least || whole > most) {
    const range = `a whole number from ${least} to ${most}`;
    throw wanted(type === "enum" ? "a name of the enumeration, or its number" : range, value);
  }
  return isLong ? Long.fromString(String(whole), unsigned) : Number(whole);
}

/** A whole number, given as a number or as its digits. */
function wholeOf(value: unknown): bigint | undefined {
  if (typeof value === "bigint") return value;
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  return typeof value === "string" && /^-?(?:0|[1-9][0-9]*)$/.test(value) ? BigInt(value) : undefined;
}
