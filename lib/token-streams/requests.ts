/** What each request says: a template and what is put into it. Pure. */
import { SettingsError } from "../settings.ts";

/** What one request is about: `prompt`, `max_tokens`, and what else a line of PROMPTS has. */
export type Prompt = Readonly<Record<string, string | number>>;

/** Asked where PROMPTS gives nothing. */
const DEFAULT_PROMPT = "Explain in a few sentences how tides work.";

/** The largest file of prompts, in lines: each is a body in memory. */
const MOST_PROMPTS = 10_000;

/**
 * Reads a file of prompts, a line each: a JSON object with `prompt`, and optionally `max_tokens` and what else the body
 * has a place for; or a line of text.
 *
 * @throws {@link SettingsError} naming the line
 */
export function parsePrompts(text: string, maxTokens: number): Prompt[] {
  const lines = text.split(/\r?\n/).map((line, index) => ({ line: line.trim(), number: index + 1 }));
  const prompts = lines.filter(({ line }) => line !== "").map((one) => promptOf(one, maxTokens));
  if (prompts.length === 0) throw new SettingsError("PROMPTS: expected at least one prompt, got none");
  if (prompts.length > MOST_PROMPTS) {
    throw new SettingsError(`PROMPTS: expected at most ${MOST_PROMPTS} lines, got ${prompts.length}`);
  }
  return prompts;
}

/** The prompt of a run without a file of them. */
export const defaultPrompts = (maxTokens: number): Prompt[] => [
  { prompt: DEFAULT_PROMPT, max_tokens: maxTokens },
];

function promptOf({ line, number }: { line: string; number: number }, maxTokens: number): Prompt {
  if (!line.startsWith("{")) return { prompt: line, max_tokens: maxTokens };
  const wrong = (expected: string, got: string) =>
    new SettingsError(`PROMPTS: line ${number}: expected ${expected}, got ${got}`);
  let given: Record<string, unknown>;
  try {
    given = JSON.parse(line) as Record<string, unknown>;
  } catch {
    throw wrong("a JSON object or a text without { at its start", "no JSON");
  }
  for (const [name, value] of Object.entries(given)) {
    if (typeof value !== "string" && typeof value !== "number")
      throw wrong(`a text or a number as "${name}"`, typeof value);
  }
  const { prompt, max_tokens = maxTokens } = given;
  if (typeof prompt !== "string") throw wrong('a text as "prompt"', typeof prompt);
  if (!Number.isSafeInteger(max_tokens) || Number(max_tokens) < 1) {
    throw wrong('a whole number from 1 as "max_tokens"', JSON.stringify(max_tokens));
  }
  return { ...(given as Prompt), max_tokens: Number(max_tokens) };
}

/** The variable that the engine fills: the number of the request, from 0 within the run. */
const REQUEST = "request";

/**
 * The bodies of requests as JSON, one for each prompt. A text that is one variable and no more takes over a number as it
 * is; `${request}` stays.
 *
 * @throws {@link SettingsError} on a variable that is unknown
 */
export function bodiesOf(
  template: unknown,
  prompts: readonly Prompt[],
  model: string,
  source: string,
): string[] {
  return prompts.map((prompt) => JSON.stringify(filled(template, { model, ...prompt }, source)));
}

function filled(value: unknown, variables: Prompt, source: string): unknown {
  if (typeof value === "string") return filledText(value, variables, source);
  if (Array.isArray(value)) return value.map((element) => filled(element, variables, source));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, element]) => [name, filled(element, variables, source)]),
  );
}

function filledText(text: string, variables: Prompt, source: string): string | number {
  const variable = (name: string): string | number => {
    if (name === REQUEST) return `\${${REQUEST}}`;
    if (Object.hasOwn(variables, name)) return variables[name]!;
    throw new SettingsError(
      `${source}: unknown variable "${name}", expected one of ${[...Object.keys(variables), REQUEST].join(", ")}`,
    );
  };
  const [, whole] = /^\$\{([^}]*)\}$/.exec(text) ?? [];
  if (whole !== undefined) return variable(whole);
  return text.replace(/\$\{([^}]*)\}/g, (_, name: string) => String(variable(name)));
}
