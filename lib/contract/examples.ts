/** The messages that a run keeps as examples, one of each kind, as `try --json` writes messages. Pure. */
import { KIND_FIELD } from "../pact/kind-field.ts";
import { withoutSecrets } from "../peer-text.ts";
import type { Contract } from "./contract.ts";
import { looseOf } from "./expected.ts";
import { SECRET } from "./words.ts";

/** A message that kept to the contract, the first of its kind; or one of an exchange. */
export interface Example {
  /** The name of its kind, "" for a request that the contract does not check. */
  readonly kind: string;
  readonly from: "server" | "client";
  /** What the descriptor took it for, "" for nothing. */
  readonly role: string;
  /** JSON. */
  readonly text: string;
  /** Of a probe and the message that answered it the name of the reply, "" for others. */
  readonly exchange: string;
}

/** What follows the scenario's name in the name of the file. */
export const MESSAGES = ".messages.jsonl";

/**
 * A JSON object a line, for `pact write --messages`. With each message stands what the contract does not promise of
 * others of its kind.
 *
 * @param secrets what must not be in them
 */
export const exampleLines = (
  contract: Pick<Contract, "documents" | "kinds">,
  examples: readonly Example[],
  secrets: readonly string[],
): string => examples.map((example) => `${JSON.stringify(eventOf(contract, example, secrets))}\n`).join("");

function eventOf(
  contract: Pick<Contract, "documents" | "kinds">,
  { kind, from, role, text, exchange }: Example,
  secrets: readonly string[],
): object {
  const checked = kind !== "" && {
    checked: { kind, breaches: [], ...looseOf(contract, kind, JSON.parse(text)) },
  };
  // Texts of ours may be secrets of the user's, and nobody needs them to know what the server sends.
  if (from === "client") {
    // A try numbers its probes. Here each reply of the descriptor has one of its own.
    const probe = exchange !== "" && { purpose: "probe", probe: exchange };
    return { event: "sent", ...probe, text: redacted(text, () => HIDDEN), ...checked };
  }
  const hide = (value: string) => withoutSecrets(value, secrets);
  return {
    event: "received",
    meaning:
      exchange !== "" ? [{ kind: role, name: exchange, id: exchange }] : role === "" ? [] : [{ kind: role }],
    text: redacted(text, hide),
    ...checked,
  };
}

const HIDDEN = "***";

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** An object or a list, of which some was read. */
interface Open {
  readonly isObject: boolean;
  /** Whether a member with a secret's name holds it. */
  readonly isSecret: boolean;
}

/**
 * Replaces texts, and whatever a member with a secret's name holds. Types stay, and all else as it is written. A field
 * that tells the kind keeps its text.
 *
 * @param json JSON
 * @param hide what is left of a text
 */
export function redacted(json: string, hide: (text: string) => string): string {
  const around: Open[] = [];
  let name = "";
  let isName = false;
  const isSecret = () => {
    const open = around.at(-1);
    return open !== undefined && (open.isSecret || (open.isObject && SECRET.test(name)));
  };
  return json.replace(TOKEN, (token) => {
    switch (token[0]) {
      case "{":
      case "[":
        around.push({ isObject: token === "{", isSecret: isSecret() });
        isName = token === "{";
        return token;
      case "}":
      case "]":
        around.pop();
        isName = false;
        return token;
      case ",":
        isName = around.at(-1)?.isObject === true;
        return token;
      case ":":
        isName = false;
        return token;
      case '"':
        if (!isName) return isSecret() ? `"${HIDDEN}"` : hiddenText(token, around.at(-1), name, hide);
        name = JSON.parse(token);
        return token;
    }
    return isSecret() && /^[-\d]/.test(token) ? (/^-?\d+$/.test(token) ? "0" : "0.0") : token;
  });
}

function hiddenText(token: string, open: Open | undefined, name: string, hide: (text: string) => string) {
  if (open?.isObject === true && KIND_FIELD.test(name)) return token;
  const text = JSON.parse(token);
  const left = hide(text);
  return left === text ? token : JSON.stringify(left);
}
