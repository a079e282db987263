/** The sentences of a Markdown block, with code as one word each and every character traced to its source. */
/** The used parts of a node of textlint's syntax tree. */
export interface MarkdownNode {
  readonly type: string;
  readonly range: readonly [number, number];
  readonly value?: string;
  readonly children?: readonly MarkdownNode[];
}

export interface Sentence {
  readonly text: string;
  /** The position in the source of a character of {@link text}, counted from the block's beginning. */
  readonly sourceOf: (index: number) => number;
}

interface Piece {
  readonly text: string;
  readonly at: number;
}

/** Between two sentences: behind a mark that ends one, before what can begin one. */
const END = /(?<=[.?!][)"*]*)(?<!\b(?:e\.g|i\.e|etc)\.)\s+(?=[\p{Lu}\p{N}"(*]|k6\b)/u;

/** Stands for a piece of code, or for the value of a placeholder. It counts as one word. */
export const CODE = "CODE";

/** The sentences of a text without markup. */
export const sentencesIn = (text: string): string[] => text.split(END);

/** @param block a paragraph or a table cell */
export function sentencesOf(block: MarkdownNode): Sentence[] {
  const pieces = [...piecesOf(block)];
  const text = pieces.map((piece) => piece.text).join("");
  const sourceOf = (index: number): number => {
    let rest = index;
    for (const piece of pieces) {
      if (rest < piece.text.length) return piece.at + rest - block.range[0];
      rest -= piece.text.length;
    }
    return 0;
  };
  let from = 0;
  return sentencesIn(text).map((sentence) => {
    const start = text.indexOf(sentence, from);
    from = start + sentence.length;
    return { text: sentence, sourceOf: (index) => sourceOf(start + index) };
  });
}

/** The words that a reader sees. A piece of code counts as one word, so that its dots end no sentence. */
function* piecesOf(node: MarkdownNode): Generator<Piece> {
  const at = node.range[0];
  if (node.type === "Code") yield { text: CODE, at };
  else if (node.type === "Str") yield { text: (node.value ?? "").replaceAll("\n", " "), at };
  else if (node.type === "Break") yield { text: " ", at };
  else if (node.type !== "Image" && node.type !== "Html") {
    for (const child of node.children ?? []) yield* piecesOf(child);
  }
}

/** Numbers, names and pieces of code count as words, a list of code as one. Dashes and arrows do not. */
export const wordsIn = (sentence: string): number =>
  sentence.replace(/CODE(?:(?:,| and| or|, and|, or) CODE)+/g, "CODE").match(/[\p{L}\p{N}]\S*/gu)?.length ??
  0;
