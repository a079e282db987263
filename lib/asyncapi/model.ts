/** An AsyncAPI document, 2.x or 3.x, as the rest of the toolkit sees it: resolved, and in the terms of 3.x. */

/** A JSON Schema that needs nothing beside it: each `$ref` in it leads into its own `definitions` or `$defs`. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

export interface AsyncApiDocument {
  /** The path that it was read from. */
  readonly source: string;
  /** The version of AsyncAPI, such as `2.6.0`. */
  readonly version: string;
  readonly title: string;
  readonly servers: readonly Server[];
  readonly channels: readonly Channel[];
  readonly operations: readonly Operation[];
  /** All messages of the channels and operations, each once. */
  readonly messages: readonly Message[];
}

export interface Server {
  readonly name: string;
  /** Such as `ws`, `wss`, `mqtt`, in lower case. */
  readonly protocol: string;
  /** Host and, where there is one, port; may hold `{variables}`. */
  readonly host: string;
  /** Empty, or begins with a slash; may hold `{variables}`. */
  readonly pathname: string;
  readonly variables: readonly Parameter[];
  readonly security: readonly Security[];
  /** Whether `x-remoteServers` names it: the application that the document describes is then its client. */
  readonly isRemote: boolean;
}

/** One way to show who one is. */
export interface Security {
  /** `http`, `httpApiKey`, `apiKey`, `userPassword`, `oauth2`, … */
  readonly type: string;
  /** Of `httpApiKey`: `query`, `header` or `cookie`. Of `apiKey`: `user` or `password`. */
  readonly in?: string;
  /** Of `httpApiKey`: the name of the parameter, header or cookie. */
  readonly name?: string;
  /** Of `http`: such as `bearer`. */
  readonly scheme?: string;
}

/** A part of an address, or of a server's URL, that is chosen for each connection. */
export interface Parameter {
  readonly name: string;
  /** Empty where the document does not say. */
  readonly enum: readonly string[];
  readonly default?: string;
  readonly examples: readonly string[];
}

export interface Channel {
  readonly name: string;
  /** Over WebSocket usually the path; may hold `{parameters}`. Undefined where the document leaves it open. */
  readonly address?: string;
  readonly parameters: readonly Parameter[];
  /** Names of the servers that have it. */
  readonly servers: readonly string[];
  readonly messages: readonly Message[];
  /** What the `ws` binding asks of the handshake. */
  readonly ws: { readonly query?: JsonSchema; readonly headers?: JsonSchema };
}

export interface Message {
  /** No other message of the document has it. */
  readonly name: string;
  readonly title?: string;
  readonly contentType: string;
  /** Undefined where any payload will do, and where {@link unreadFormat} says why it is not known. */
  readonly payload?: JsonSchema;
  /** The schema's format if that is not JSON Schema, such as `application/vnd.apache.avro`. */
  readonly unreadFormat?: string;
  readonly headers?: JsonSchema;
  readonly correlationId?: CorrelationId;
  readonly examples: readonly Example[];
}

/** The place in a message of the identifier that ties a reply to its request. */
export interface CorrelationId {
  readonly in: "payload" | "header";
  /** A JSON Pointer (RFC 6901). */
  readonly pointer: string;
}

export interface Example {
  readonly name?: string;
  readonly payload?: unknown;
  readonly headers?: unknown;
}

export interface Operation {
  readonly name: string;
  /** What the application that the document describes does with the messages. */
  readonly action: "send" | "receive";
  /** The channel's name. */
  readonly channel: string;
  readonly messages: readonly Message[];
  /** What the other side answers with; empty where the document says only that it answers. */
  readonly reply?: readonly Message[];
}
