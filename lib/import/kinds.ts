import type { AsyncApiDocument, Message } from "../asyncapi/index.ts";
import { Names } from "../asyncapi/names.ts";

/** A message by the name that descriptors, contracts and metrics take. */
export interface Kind {
  readonly name: string;
  readonly message: Message;
}

const LONGEST = 60;

/** All messages of a document, each by a name of its own of letters, digits, dots, dashes and underscores. */
export function kindsOf({ messages }: AsyncApiDocument): readonly Kind[] {
  const names = new Names();
  return messages.map((message) => {
    const plain = message.name
      .replace(/[^\w.-]+/g, "_")
      .replace(/^[^A-Za-z\d]+|[^A-Za-z\d]+$/g, "")
      .slice(0, LONGEST);
    // Of a contract's kinds this one is taken.
    return { message, name: names.take(plain === "" || plain === "unknown" ? "message" : plain) };
  });
}
