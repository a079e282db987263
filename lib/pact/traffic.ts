/** Messages that went to a server and came from it, as `try --json` writes them. Pure. */
import { parse } from "lossless-json";
import { loosened } from "./loosen.ts";
import { PactError } from "./problem.ts";
import { requireShallow } from "./read.ts";

export interface Passed {
  readonly from: "client" | "server";
  readonly text: string;
  /** Of JSON its value, numbers by their digits; of other texts the text. */
  readonly value: unknown;
  /** Words on what it was taken for: `reply echo`, `delivery`. Undefined where it was nothing. */
  readonly meaning?: string;
  /** The kind of a contract that it is of and keeps to. Undefined without a contract. */
  readonly kind?: string;
  /** Its value, without what the contract leaves open for messages of the kind. Undefined for those of a try. */
  readonly promised?: unknown;
  /** The probe that it is, or answers. */
  readonly probe?: string;
}

type Fields = { readonly [name: string]: unknown };

/**
 * @param lines a JSON object a line
 * @throws PactError if `try --json` did not write them
 */
export function readTraffic(lines: string, source: string): readonly Passed[] {
  const events = lines.split("\n").flatMap((line, i): Fields[] => {
    if (line.trim() === "") return [];
    try {
      const event = JSON.parse(line);
      if (typeof event?.event === "string") return [event];
    } catch {
      // told below
    }
    throw new PactError(`${source} line ${i + 1}: expected an event of "k6-realtime try --json"`);
  });
  return events.flatMap((event): Passed[] => {
    if (typeof event.text !== "string") return [];
    const kind = kindOf(event.checked, event.text);
    if (event.event === "sent") {
      const probe = typeof event.probe === "string" ? { probe: event.probe } : {};
      const meaning = typeof event.purpose === "string" ? { meaning: event.purpose } : {};
      return [
        {
          from: "client",
          text: event.text,
          value: jsonOf(event.text),
          ...meaning,
          ...probe,
          ...kind,
        },
      ];
    }
    if (event.event !== "received") return [];
    return [
      { from: "server", text: event.text, value: jsonOf(event.text), ...meaningOf(event.meaning), ...kind },
    ];
  });
}

function kindOf(checked: unknown, text: string): Pick<Passed, "kind" | "promised"> {
  const { kind, breaches, optional, numbers } = (checked ?? {}) as Fields;
  if (typeof kind !== "string" || !Array.isArray(breaches) || breaches.length > 0) return {};
  if (!Array.isArray(optional) || !Array.isArray(numbers)) return { kind };
  return { kind, promised: loosened(jsonOf(text), new Set(optional), new Set(numbers)) };
}

function meaningOf(meanings: unknown): Pick<Passed, "meaning" | "probe"> {
  const [first] = Array.isArray(meanings) ? (meanings as Fields[]) : [];
  if (!first || typeof first.kind !== "string") return {};
  const meaning = typeof first.name === "string" ? `${first.kind} ${first.name}` : first.kind;
  return { meaning, ...(first.kind === "reply" && typeof first.id === "string" && { probe: first.id }) };
}

function jsonOf(text: string): unknown {
  try {
    requireShallow(text, "a message");
    return parse(text);
  } catch {
    return text;
  }
}
