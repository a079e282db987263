/** Run by k6: prints which rows of the table come out otherwise. */
import fixtures from "../../lib/protocols/fixtures.json" with { type: "json" };
import { type Fixtures, type Row, runFixtures } from "./run-fixtures.ts";

export const options = { iterations: 1 };
export default function () {}

export function handleSummary() {
  const rows: Row[] = [...runFixtures(fixtures as unknown as Fixtures)];
  const differing = rows.filter(({ actual, expected }) => canonical(actual) !== canonical(expected));
  return { stdout: JSON.stringify({ rows: rows.length, differing }) };
}

/** JSON with the keys of objects in order: the order they were made in says nothing. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`);
  return `{${entries.sort().join()}}`;
}
