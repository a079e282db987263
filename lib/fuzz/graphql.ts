/** Messages of GraphQL over WebSocket: those of `graphql-transport-ws`, and operations made from the server's schema. Pure. */
import type { Message } from "./vocabulary.ts";

/** What introspection told: each operation with its arguments and whether its result has fields. */
export interface GraphqlShapes {
  readonly operations: readonly GraphqlOperation[];
}

export interface GraphqlOperation {
  readonly kind: "subscription" | "query" | "mutation";
  readonly name: string;
  readonly args: readonly {
    readonly name: string;
    readonly type: string;
    /** Values at the edges, as GraphQL writes them. */
    readonly values: readonly string[];
  }[];
  readonly hasFields: boolean;
}

/** Asks for the operations and for what their arguments are made of, without the types of results. */
export const INTROSPECTION =
  "{ __schema { queryType { name } mutationType { name } subscriptionType { name } types { name kind enumValues { name } inputFields { name type { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } fields { name args { name type { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } type { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } }";

interface TypeRef {
  readonly kind: string;
  readonly name: string | null;
  readonly ofType?: TypeRef | null;
}

/** Reads what introspection answered; no operations where it is something else. */
export function shapesOf(data: unknown): GraphqlShapes {
  const schema = (data as { __schema?: Record<string, unknown> } | undefined)?.__schema;
  const types = (schema?.types ?? []) as Type[];
  const kinds = ["subscription", "query", "mutation"] as const;
  const operations = kinds.flatMap((kind) => {
    const root = (schema?.[`${kind}Type`] as { name: string } | null | undefined)?.name;
    const fields = types.find(({ name }) => name === root)?.fields ?? [];
    return fields.map(
      ({ name, args, type }): GraphqlOperation => ({
        kind,
        name,
        args: args.map((arg) => ({
          name: arg.name,
          type: typeText(arg.type),
          values: [0, 1, 2, 3].map((edge) => exampleOf(arg.type, edge, types)),
        })),
        hasFields: ["OBJECT", "INTERFACE", "UNION"].includes(named(type).kind),
      }),
    );
  });
  return { operations };
}

interface Type {
  readonly name: string;
  readonly fields: readonly Field[] | null;
  readonly enumValues?: readonly { readonly name: string }[] | null;
  readonly inputFields?: readonly { readonly name: string; readonly type: TypeRef }[] | null;
}

interface Field {
  readonly name: string;
  readonly args: readonly { readonly name: string; readonly type: TypeRef }[];
  readonly type: TypeRef;
}

const named = (type: TypeRef): TypeRef => (type.ofType ? named(type.ofType) : type);

function typeText(type: TypeRef): string {
  if (type.kind === "NON_NULL") return `${typeText(type.ofType!)}!`;
  return type.kind === "LIST" ? `[${typeText(type.ofType!)}]` : (type.name ?? "String");
}

const EDGES: Readonly<Record<string, readonly string[]>> = {
  String: ['""', '"x"', '"\\u0000"', '"🙂"'],
  ID: ['""', '"x"', '"-1"'],
  Int: ["0", "-1", "2147483647"],
  Float: ["0", "-1.5", "1e308"],
  Boolean: ["true", "false"],
};

/** Input objects within one another that are filled in; those below have only what they must have. */
const DEEPEST = 2;

/** A value of a type. The number picks one of the values at the type's edges. */
function exampleOf(type: TypeRef, edge: number, types: readonly Type[], depth = 0): string {
  if (type.kind === "NON_NULL") return exampleOf(type.ofType!, edge, types, depth);
  if (type.kind === "LIST") return `[${exampleOf(type.ofType!, edge, types, depth)}]`;
  const { enumValues, inputFields } = types.find(({ name }) => name === type.name) ?? {};
  const choices = enumValues?.map(({ name }) => name) ?? EDGES[type.name ?? ""] ?? EDGES.String!;
  if (!inputFields) return choices[edge % choices.length] ?? "null";
  // A type that must hold itself cannot be had at all.
  if (depth > 2 * DEEPEST) return "{}";
  const fields = inputFields
    .filter((field) => depth < DEEPEST || field.type.kind === "NON_NULL")
    .map((field) => `${field.name}: ${exampleOf(field.type, edge, types, depth + 1)}`);
  return `{ ${fields.join(", ")} }`;
}

/** Protocol messages in and out of order, and each operation with values at the edges. */
export function graphqlMessages({ operations }: GraphqlShapes): Message[] {
  const message = (change: string, value: unknown): Message => ({
    origin: { name: "graphql", change },
    text: JSON.stringify(value),
  });
  const subscribe = (change: string, query: unknown, more: object = {}) =>
    message(change, { id: "fuzz-id-000000", type: "subscribe", payload: { query, ...more } });
  return [
    message("connection_init", { type: "connection_init" }),
    message("connection_init with a payload", { type: "connection_init", payload: { token: null } }),
    message("connection_init with a list", { type: "connection_init", payload: [] }),
    message("ping", { type: "ping" }),
    message("pong", { type: "pong", payload: {} }),
    message("complete of nothing", { id: "fuzz-id-000000", type: "complete" }),
    message("next, which only servers send", { id: "fuzz-id-000000", type: "next", payload: {} }),
    message("start of the older protocol", { id: "1", type: "start", payload: { query: "{ __typename }" } }),
    subscribe("a query for __typename", "{ __typename }"),
    subscribe("an empty query", ""),
    subscribe("a query that is null", null),
    subscribe("a query that is a number", 1),
    subscribe("a query that does not close", "{ __typename"),
    subscribe("a query nested deep", `${"{ a ".repeat(200)}${"}".repeat(200)}`),
    subscribe("an unknown operation name", "query A { __typename }", { operationName: "B" }),
    subscribe("variables that are a list", "{ __typename }", { variables: [] }),
    subscribe("variables that are null", "{ __typename }", { variables: null }),
    subscribe(
      "fragments that hold each other",
      "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
    ),
    subscribe(
      "a thousand aliases",
      `{ ${Array.from({ length: 1_000 }, (_, i) => `a${i}: __typename`).join(" ")} }`,
    ),
    ...operations
      .slice(0, 50)
      .flatMap((operation) => [
        subscribe(`${operation.kind} ${operation.name}`, queryOf(operation, 0)),
        subscribe(
          `${operation.kind} ${operation.name} without arguments`,
          `${operation.kind} { ${operation.name} }`,
        ),
        ...[1, 2, 3].map((edge) =>
          subscribe(`${operation.kind} ${operation.name} with other values`, queryOf(operation, edge)),
        ),
        ...operation.args.map(({ name, type }) =>
          subscribe(
            `${operation.kind} ${operation.name} with ${name} null`,
            `${operation.kind} F($v: ${type}) { ${operation.name}(${name}: $v)${operation.hasFields ? " { __typename }" : ""} }`,
            { variables: { v: null } },
          ),
        ),
      ]),
  ];
}

function queryOf({ kind, name, args, hasFields }: GraphqlOperation, edge: number): string {
  const given = args.map((arg) => `${arg.name}: ${arg.values[edge % arg.values.length]}`);
  const list = given.length > 0 ? `(${given.join(", ")})` : "";
  return `${kind} { ${name}${list}${hasFields ? " { __typename }" : ""} }`;
}
