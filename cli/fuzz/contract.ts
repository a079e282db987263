/** What messages were agreed to be: samples to send, and a check of what comes. From AsyncAPI or a map of JSON Schemas. */
import { readFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import type { ValidateFunction } from "ajv";
import { parse } from "yaml";
import {
  AsyncApiError,
  type Message as Described,
  describedBy,
  isAsyncApi,
  type JsonSchema,
  loadAsyncApi,
  sidesOf,
} from "../../lib/asyncapi/index.ts";
import type { KnownMessage } from "../../lib/fuzz/vocabulary.ts";
import { sampleOf, validatorOf } from "../../lib/import/sample.ts";
import { UserError } from "../command.ts";

/** A contract as a fuzzing run needs it. */
export interface FuzzContract {
  /** One for each message that clients send. */
  readonly messages: readonly KnownMessage[];
  /** Says what is wrong with a message of the server's; undefined for one that was agreed on, or that is no JSON. */
  violation(text: string): string | undefined;
}

/** @throws {@link UserError} */
export async function readFuzzContract(given: string, cwd: string): Promise<FuzzContract> {
  const path = resolve(cwd, given);
  const { fromClient, fromServer } = sidesIn(path);
  const samples = await Promise.all(
    fromClient.map(async (message) => {
      const sample = await sampleOf(message);
      return (
        sample && {
          name: message.name,
          text: JSON.stringify(sample.value),
          coded: true,
          source: "contract" as const,
        }
      );
    }),
  );
  const checks = fromServer.map(({ name, payload = true }) => ({ name, validate: validatorOf(payload) }));
  return {
    messages: samples.filter((sample) => sample !== undefined),
    violation: (text) => violationOf(text, checks),
  };
}

interface Sides {
  readonly fromClient: readonly Described[];
  readonly fromServer: readonly Described[];
}

const wrong = (expected: string, got: string) =>
  new UserError(`--contract: expected ${expected}, got ${got}`);

function sidesIn(path: string): Sides {
  const read = (file: string) => readFileSync(resolve(dirname(path), file), "utf8");
  let document: unknown;
  try {
    document = parse(read(basename(path)), { maxAliasCount: 100 });
  } catch (error) {
    throw wrong("a readable file of JSON or YAML", `${path} (${(error as Error).message.split("\n")[0]})`);
  }
  if (!isAsyncApi(document)) return mapOf(document, path);
  try {
    const loaded = loadAsyncApi(basename(path), read);
    return sidesOf(loaded, describedBy(loaded).side);
  } catch (error) {
    if (!(error instanceof AsyncApiError)) throw error;
    throw wrong("an AsyncAPI document", error.message);
  }
}

/** A map of message kinds, each with its schema and who sends it: `{"messages": {"said": {"schema": …, "from": "server"}}}`. */
function mapOf(document: unknown, path: string): Sides {
  const { messages, definitions } = (document ?? {}) as {
    messages?: Record<string, { schema?: JsonSchema; from?: string }>;
    definitions?: unknown;
  };
  if (typeof messages !== "object" || messages === null) {
    throw wrong('an AsyncAPI document, or an object with "messages"', path);
  }
  const all = Object.entries(messages).map(([name, { schema, from = "both" }]) => {
    if (schema === undefined) throw wrong(`a schema of messages.${name}`, path);
    const payload =
      typeof schema === "object" && definitions !== undefined ? { ...schema, definitions } : schema;
    return {
      from,
      message: { name, payload, contentType: "application/json", examples: [] } satisfies Described,
    };
  });
  const sentBy = (side: string) =>
    all.flatMap(({ from, message }) => (from === side || from === "both" ? [message] : []));
  return { fromClient: sentBy("client"), fromServer: sentBy("server") };
}

function violationOf(
  text: string,
  checks: readonly { readonly name: string; readonly validate: ValidateFunction }[],
): string | undefined {
  if (checks.length === 0) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // which the descriptor judges
  }
  let nearest: { name: string; errors: NonNullable<ValidateFunction["errors"]> } | undefined;
  for (const { name, validate } of checks) {
    if (validate(value)) return undefined;
    const errors = validate.errors ?? [];
    // The one that it is like: its type fits, something else does not.
    const isNearer = (validate.errors?.every(({ keyword }) => keyword !== "const") ?? false) || !nearest;
    if (isNearer) nearest = { name, errors };
  }
  const [first] = nearest?.errors ?? [];
  return `no message of the contract; nearest is ${nearest?.name}, but ${first?.instancePath || "the message"} ${first?.message}`;
}
