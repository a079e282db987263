/** A problem with one field. */
export interface Problem {
  /** The field, as one writes it in JavaScript: `session[0].within`. */
  readonly path: string;
  readonly expected: string;
  readonly got: string;
}

/** A descriptor that cannot be used, with everything that is wrong with it. */
export class DescriptorError extends Error {
  readonly problems: readonly Problem[];

  constructor(source: string, problems: readonly Problem[]) {
    const lines = problems.map((p) => `  ${p.path}: expected ${p.expected}, got ${p.got}`);
    super(`${source} is not a protocol descriptor:\n${lines.join("\n")}`);
    this.name = "DescriptorError";
    this.problems = problems;
  }
}

/** A value as an error shows it: JSON, cut short. */
export function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  const json = JSON.stringify(value) ?? typeof value;
  return json.length > 60 ? `${json.slice(0, 57)}...` : json;
}
