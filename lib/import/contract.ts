/** A contract, as `CONTRACT` takes it, made of a document's messages. Pure. */
import { isFields } from "../asyncapi/files.ts";
import type { Sides } from "../asyncapi/index.ts";
import type { Kind } from "./kinds.ts";

/** @returns undefined where no message of the connection has a schema */
export function contractOf(kinds: readonly Kind[], { fromClient, fromServer }: Sides, title: string) {
  const definitions: Record<string, unknown> = {};
  const messages: Record<string, unknown> = {};
  let $schema = "http://json-schema.org/draft-07/schema#";
  for (const { name, message } of kinds) {
    const [isSent, isReceived] = [fromClient.includes(message), fromServer.includes(message)];
    if (message.payload === undefined || !(isSent || isReceived)) continue;
    const { $schema: own, definitions: parts, ...schema } = isFields(message.payload) ? message.payload : {};
    // Definitions have their names from the document: the same name is the same schema.
    if (isFields(parts)) Object.assign(definitions, parts);
    if (typeof own === "string") $schema = own;
    const from = isSent && isReceived ? "both" : isSent ? "client" : "server";
    messages[name] = { schema: isFields(message.payload) ? schema : message.payload, from };
  }
  if (Object.keys(messages).length === 0) return undefined;
  return {
    $schema,
    ...(title !== "" && { title }),
    messages,
    ...(Object.keys(definitions).length > 0 && { definitions }),
  };
}
