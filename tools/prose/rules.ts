/**
 * The rules that prose is checked by. The reader is a busy engineer who has never seen the project: one idea a
 * sentence, the noun before any pronoun for it, the subject before its verb.
 */
import type { TextlintRuleModule } from "@textlint/types";
import { type MarkdownNode, type Sentence, sentencesOf, wordsIn } from "./sentences.ts";

/** The longest sentence, in words. */
export const LONGEST_SENTENCE = 30;

interface Habit {
  readonly pattern: RegExp;
  /** What to write in its place. */
  readonly instead: string;
}

const PARTICIPLE = "\\w+ed|sent|shown|held|made|read|given|told|sought|known|due|empty|wrong|missing|meant";

/** Habits of writing that make a reader start over. Questions may begin as they like. */
const HABITS: readonly Habit[] = [
  {
    pattern: new RegExp(`\\bwhat (is|are|was|were|has been|have been) (${PARTICIPLE})\\b(?!.*\\?)`, "i"),
    instead: 'a noun: "the missing parts", not "what is missing"',
  },
  {
    pattern: /\bwhat (a|an|the) \w+( \w+)? (is|are|was|has|lacks?)\b(?!.*\?)/i,
    instead: 'a noun: "how to treat a message", not "what a message is that …"',
  },
  {
    pattern: new RegExp(`\\b(those (that|which|who|${PARTICIPLE})|that which)\\b`, "i"),
    instead: "the noun that the pronoun stands for",
  },
  { pattern: /\bone of (these|those)\b/i, instead: "the noun that the pronoun stands for" },
  { pattern: /^Where\b(?!.*\?)/, instead: '"If …" or "When …", or the main clause first' },
  { pattern: /\bso (is|are|was|were|do|does|did|has|have)\b/i, instead: "the subject before its verb" },
  { pattern: /\bsays? so\b/i, instead: "what it says" },
  {
    pattern: /\bmak(e|es|ing)\b[^.,;]{0,40}? of (it|them|that)\b/i,
    instead: "one verb: reads, becomes, handles",
  },
  {
    pattern: /(?<!\bthere )\b(is|are|was|were|be) no (?!\w+er\b|more\b|less\b)\w+/i,
    instead: '"is not a …"',
  },
  { pattern: /(?<!\bthere )\b(is|are|was|were) none\b/i, instead: '"is not", "is empty"' },
  { pattern: /, no \w+\.$/i, instead: '"not a …"' },
  { pattern: /\bnothing of\b/i, instead: '"none of", "does not"' },
  { pattern: /\bthe question is\b/i, instead: "the question itself, or who asks it" },
  { pattern: /\bat the (most|least)\b/i, instead: '"at most", "at least"' },
  { pattern: /\b(tell|tells|told|telling) of\b/i, instead: '"describes", "reports"' },
  { pattern: /\bone's own\b/i, instead: '"your own"' },
];

/** One word for one thing. */
const WORDS: readonly Habit[] = [
  { pattern: /\btime-outs?\b/i, instead: '"timeout"' },
  { pattern: /\bset-up\b/i, instead: '"setup"' },
  { pattern: /\bmisspelt\b/i, instead: '"misspelled"' },
];

const quoted = (text: string): string => `"${text.length > 60 ? `${text.slice(0, 59)}…` : text}"`;

interface Fault {
  readonly message: string;
  readonly index: number;
}

/** The habits in a text, whatever its length. */
export function* habitsIn(text: string): Generator<Fault> {
  for (const { pattern, instead } of [...HABITS, ...WORDS]) {
    const match = pattern.exec(text);
    if (match) yield { message: `${quoted(match[0])}: write ${instead}`, index: match.index };
  }
}

/** The faults of a sentence, each with the character at which it begins. */
export function* faultsOf(sentence: string): Generator<Fault> {
  const words = wordsIn(sentence);
  if (words > LONGEST_SENTENCE)
    yield { message: `${words} words, at most ${LONGEST_SENTENCE}: ${quoted(sentence)}`, index: 0 };
  yield* habitsIn(sentence);
}

/** Checks paragraphs, list items and table cells. Headings and code are free. */
export const plainWords: TextlintRuleModule = ({ Syntax, RuleError, report, locator }) => {
  const reportOn = (block: Parameters<typeof report>[0], sentence: Sentence): void => {
    for (const { message, index } of faultsOf(sentence.text)) {
      report(block, new RuleError(message, { padding: locator.at(sentence.sourceOf(index)) }));
    }
  };
  const check = (block: Parameters<typeof report>[0]): void => {
    for (const sentence of sentencesOf(block as MarkdownNode)) reportOn(block, sentence);
  };
  return { [Syntax.Paragraph]: check, [Syntax.TableCell]: check };
};
