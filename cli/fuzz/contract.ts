/** What messages were agreed to be: samples to send, and a check of what comes. From AsyncAPI or a map of JSON Schemas. */
import { readFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
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
import { ContractSession, LEFT_OUT } from "../../lib/contract/checker.ts";
import type { KnownMessage } from "../../lib/fuzz/vocabulary.ts";
import { sampleOf } from "../../lib/import/sample.ts";
import type { MessageRole } from "../../lib/protocols/protocol.ts";
import { UserError } from "../command.ts";
import { checkerFor, readContractFile } from "../contract-file.ts";

/** A contract as a fuzzing run needs it. */
export interface FuzzContract {
  /** One for each message that clients send. */
  readonly messages: readonly KnownMessage[];
  /** The breach of a message of the server's; undefined if it keeps to the contract, or is not JSON. */
  violation(text: string, role: MessageRole | undefined): string | undefined;
}

/** @throws {@link UserError} */
export async function readFuzzContract(given: string, cwd: string): Promise<FuzzContract> {
  const path = resolve(cwd, given);
  const checker = checkerFor(readContractFile(given, cwd, "--contract"));
  const { fromClient } = sidesIn(path);
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
  return {
    messages: samples.filter((sample) => sample !== undefined),
    violation(text, role) {
      // Neighbours are looked at run by run, so that what came before on their connections is not known.
      const checked = checker.check(new ContractSession(), text, role);
      if (checked === LEFT_OUT) return undefined;
      const breach = checked?.breaches.find(({ rule }) => rule !== "wrong_time" && rule !== "not_json");
      return (
        checked &&
        breach &&
        `${checked.kind}: ${breach.at || "the message"}: expected ${breach.expected}, got ${breach.found}`
      );
    },
  };
}

interface Sides {
  readonly fromClient: readonly Described[];
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
  if (!isAsyncApi(document)) return mapOf(document);
  try {
    const loaded = loadAsyncApi(basename(path), read);
    return sidesOf(loaded, describedBy(loaded).side);
  } catch (error) {
    if (!(error instanceof AsyncApiError)) throw error;
    throw wrong("an AsyncAPI document", error.message);
  }
}

/** A map of message kinds, each with its schema and who sends it: `{"messages": {"said": {"schema": …, "from": "server"}}}`. */
function mapOf(document: unknown): Sides {
  const { messages, definitions } = (document ?? {}) as {
    messages?: Record<string, { schema?: JsonSchema; from?: string }>;
    definitions?: unknown;
  };
  // One JSON Schema for all messages does not tell who sends which.
  if (typeof messages !== "object" || messages === null) return { fromClient: [] };
  const all = Object.entries(messages).flatMap(([name, { schema, from = "both" }]) => {
    if (schema === undefined) return [];
    const payload =
      typeof schema === "object" && definitions !== undefined ? { ...schema, definitions } : schema;
    return {
      from,
      message: { name, payload, contentType: "application/json", examples: [] } satisfies Described,
    };
  });
  return { fromClient: all.flatMap(({ from, message }) => (from === "server" ? [] : [message])) };
}
