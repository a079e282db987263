import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createInterface, type Interface } from "node:readline/promises";
import { AnswerError, type Ask, objection, type Question } from "../../lib/import/question.ts";
import { closest, EXIT, UserError } from "../command.ts";
import { printable } from "../try/safe-text.ts";

/** An answer that was guessed. */
export interface Taken {
  readonly name: string;
  readonly value: string;
  readonly why: string;
}

interface Source {
  /** `NAME=VALUE`, as `--answer` has them. */
  readonly given: readonly string[];
  /** A file of them, a line each. */
  readonly file: string | undefined;
  readonly cwd: string;
  /** The output for questions. They are asked only if both it and the input are terminals. */
  readonly err: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly input?: NodeJS.ReadableStream & { readonly isTTY?: boolean };
}

/** Answers questions: from the command line, a file, the terminal, or by the guess. */
export class Interview {
  readonly taken: Taken[] = [];
  readonly #answers: ReadonlyMap<string, string>;
  readonly #asked = new Set<string>();
  readonly #terminal: Interface | undefined;
  readonly #err: NodeJS.WritableStream;

  /** @throws {@link UserError} where an answer has no name */
  constructor({ given, file, cwd, err, input = process.stdin }: Source) {
    this.#answers = new Map([...(file === undefined ? [] : linesOf(file, cwd)), ...given].map(pairOf));
    this.#err = err;
    const isTerminal = input.isTTY === true && err.isTTY === true;
    this.#terminal = isTerminal ? createInterface({ input, output: err }) : undefined;
  }

  readonly ask: Ask = async (question) => {
    const { name, guess } = question;
    this.#asked.add(name);
    const answer = this.#answers.get(name);
    if (answer !== undefined) {
      const expected = objection(question, answer);
      if (expected === undefined) return answer;
      throw new AnswerError(
        `--answer ${name}: expected ${printable(expected)}, got ${JSON.stringify(answer)}`,
      );
    }
    if (this.#terminal) return await this.#askAt(this.#terminal, question);
    if (guess) {
      this.taken.push({ name, ...guess });
      return guess.value;
    }
    throw new AnswerError(
      `the document leaves this open: ${printable(asText(question))}. Say --answer ${name}=…`,
    );
  };

  /** @throws AnswerError where an answer was given that nothing asked for */
  finish(): void {
    for (const name of this.#answers.keys()) {
      if (this.#asked.has(name)) continue;
      const meant = closest(name, [...this.#asked]);
      const instead = meant === undefined ? `one of ${[...this.#asked].join(", ")}` : meant;
      throw new AnswerError(`--answer: expected ${instead}, got ${JSON.stringify(name)}`);
    }
  }

  close(): void {
    this.#terminal?.close();
  }

  /** @throws {@link UserError} where the terminal is closed instead */
  #typed(terminal: Interface, prompt: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const closed = () => reject(new UserError("import: stopped before all was answered", EXIT.undecided));
      terminal.once("close", closed);
      terminal.question(prompt).then((text) => {
        terminal.off("close", closed);
        resolve(text);
      }, reject);
    });
  }

  async #askAt(terminal: Interface, question: Question): Promise<string> {
    const { guess } = question;
    const preset = guess ? ` [${printable(guess.value)}]` : "";
    for (;;) {
      const typed = (await this.#typed(terminal, `${printable(asText(question))}${preset} `)).trim();
      const answer = typed === "" && guess ? guess.value : typed;
      const expected = objection(question, answer);
      if (expected === undefined) return answer;
      this.#err.write(`Expected ${printable(expected)}.\n`);
    }
  }
}

function asText({ ask, choices, form }: Question): string {
  const shown = choices && choices.length > 20 ? [...choices.slice(0, 20), "…"] : choices;
  const how = shown?.join(", ") ?? form;
  return how === undefined ? ask : `${ask} (${how})`;
}

function linesOf(file: string, cwd: string): string[] {
  try {
    return readFileSync(resolve(cwd, file), "utf8")
      .split(/\r?\n/)
      .filter((line) => line.trim() !== "" && !line.startsWith("#"));
  } catch (error) {
    throw new UserError(`--answers: expected a readable file, got ${file} (${(error as Error).message})`);
  }
}

function pairOf(text: string): readonly [name: string, value: string] {
  const at = text.indexOf("=");
  if (at < 1) throw new UserError(`--answer: expected NAME=VALUE, got ${JSON.stringify(text)}`);
  return [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}
