/** Which of several schemas a message follows. Pure. */
import type { ValidateFunction } from "ajv";
import { parsePointer, resolvePointer } from "../protocols/pointer.ts";
import type { Form } from "./fields.ts";

/** A schema, and what it says of fields. */
export interface Known {
  readonly validate: ValidateFunction;
  readonly forms: readonly Form[];
}

/** Of the schemas that a message follows, the one that describes most of its fields. */
export function nearest<T extends Known>(
  candidates: readonly T[],
  valueFor: (candidate: T) => unknown,
): T | undefined {
  return candidates
    .filter((candidate) => candidate.validate(valueFor(candidate)))
    .map((candidate) => ({ candidate, known: knownFields(candidate.forms, valueFor(candidate)) }))
    .sort((a, b) => b.known - a.known)[0]?.candidate;
}

const knownFields = (forms: readonly Form[], value: unknown): number =>
  Math.max(
    ...forms.map(
      (form) =>
        [...form.keys()].filter((at) => resolvePointer(value, parsePointer(at) ?? []) !== undefined).length,
    ),
  );
