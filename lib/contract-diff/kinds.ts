/** Both contracts in one form: kinds of messages, each with a schema that needs nothing beside it. */
import { Files, inside, isFields, type ReadText } from "../asyncapi/files.ts";
import { isAsyncApi, type JsonSchema, loadAsyncApi, type Side, sidesOf } from "../asyncapi/index.ts";
import { refuse } from "../asyncapi/problem.ts";
import { Schemas } from "../asyncapi/schema.ts";
import { kindsOf } from "../import/kinds.ts";

export interface KindSchema {
  readonly name: string;
  readonly from: "server" | "client" | "both";
  readonly schema: JsonSchema;
}

/**
 * Reads an AsyncAPI document, a map of messages to schemas as `CONTRACT` takes it, or one JSON Schema, whose messages the
 * server sends.
 *
 * @param described whose operations an AsyncAPI document describes
 * @throws AsyncApiError if it is neither
 */
export function readKinds(file: string, read: ReadText, described: Side): readonly KindSchema[] {
  const files = new Files(read);
  const root = files.open(file);
  if (isAsyncApi(root.value)) return kindsOfDocument(file, read, described);
  const schemas = new Schemas(files);
  if (!isFields(root.value)) return refuse(root, "a contract, which is an object", root.value);
  if (!isFields(root.value.messages))
    return [{ name: "message", from: "server", schema: schemas.bundle(root) }];
  const messages = inside(root, "messages");
  return Object.entries(root.value.messages).map(([name, value]): KindSchema => {
    const at = inside(messages, name);
    const hasSchema = isFields(value) && Object.hasOwn(value, "schema");
    const from = hasSchema ? (value.from ?? "server") : "server";
    if (from !== "server" && from !== "client" && from !== "both")
      return refuse(inside(at, "from"), "server, client or both", from);
    return { name, from, schema: schemas.bundle(hasSchema ? inside(at, "schema") : at) };
  });
}

function kindsOfDocument(file: string, read: ReadText, described: Side): readonly KindSchema[] {
  const document = loadAsyncApi(file, read);
  const { fromServer, fromClient } = sidesOf(document, described);
  return kindsOf(document).flatMap(({ name, message }): KindSchema[] => {
    const [isSent, isReceived] = [fromClient.includes(message), fromServer.includes(message)];
    if (!(isSent || isReceived) || message.unreadFormat !== undefined) return [];
    const from = isSent && isReceived ? "both" : isSent ? "client" : "server";
    return [{ name, from, schema: message.payload ?? true }];
  });
}
