/** A k6 threshold expression, taken apart: `p(95)<500` → p(95), <, 500. */
export interface Limit {
  readonly aggregate: string;
  readonly operator: "<" | "<=" | ">" | ">=" | "==" | "===" | "!=";
  readonly bound: number;
}

const EXPRESSION =
  /^\s*(count|rate|value|min|max|avg|med|p\(\d+(?:\.\d+)?\))\s*(<=|>=|===|==|!=|<|>)\s*(-?[\d.]+(?:e[+-]?\d+)?)\s*$/;

/** Takes a threshold expression apart; undefined if k6 would not take it. */
export function parseLimit(expression: string): Limit | undefined {
  const [, aggregate, operator, bound] = EXPRESSION.exec(expression) ?? [];
  if (aggregate === undefined || !Number.isFinite(Number(bound))) return undefined;
  if (Number(/^p\((.+)\)$/.exec(aggregate)?.[1] ?? 0) > 100) return undefined;
  return {
    aggregate,
    operator: operator as Limit["operator"],
    bound: Number(bound),
  };
}

/** Whether a value keeps a limit. */
export function holds(value: number, { operator, bound }: Limit): boolean {
  switch (operator) {
    case "<":
      return value < bound;
    case "<=":
      return value <= bound;
    case ">":
      return value > bound;
    case ">=":
      return value >= bound;
    case "==":
    case "===":
      return value === bound;
    case "!=":
      return value !== bound;
  }
}
