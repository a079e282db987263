/** Smaller forms of a sequence, the boldest first: fast-check tries them one after another. Pure. */
import { edited, jsonIn, type Path, pathsOf } from "./json-edit.ts";
import type { Opening, Sequence, Step } from "./sequence.ts";

/** Sequences that are simpler than this one, each by one thing. */
export function* smaller(sequence: Sequence): Generator<Sequence> {
  const { connections, steps } = sequence;
  const count = steps.length;
  if (count > 1) {
    yield without(sequence, (_, i) => i === count - 1);
    for (let i = count - 2; i >= 0; i--) yield without(sequence, (_, at) => at === i);
    for (let size = count >> 1; size > 1; size >>= 1) {
      for (let from = 0; from < count; from += size) {
        yield without(sequence, (_, i) => i < from || i >= from + size);
      }
    }
    if (count > 2) for (let i = count - 1; i >= 0; i--) yield without(sequence, (_, at) => at !== i);
  } else if (count === 1) yield without(sequence, () => false);
  if (connections.length > 1) {
    for (const on of connections.keys()) {
      const together = { ...sequence, steps: steps.map((step) => ({ ...step, on })) };
      yield withoutIdle(together);
    }
  }
  for (const [on, opening] of connections.entries()) {
    for (const plainer of plainerOpenings(opening)) {
      yield { ...sequence, connections: connections.with(on, plainer) };
    }
  }
  for (const [i, step] of steps.entries()) {
    for (const plainer of plainerSteps(step)) yield { ...sequence, steps: steps.with(i, plainer) };
  }
}

function without({ connections, steps }: Sequence, keep: (step: Step, index: number) => boolean): Sequence {
  return withoutIdle({ connections, steps: steps.filter(keep) });
}

/** Without connections that do nothing, unless how they are opened is all that there is. */
function withoutIdle({ connections, steps }: Sequence): Sequence {
  const isNeeded = (opening: Opening, on: number) => steps.some((step) => step.on === on) || hasOdd(opening);
  const kept = [...connections.keys()].filter((on) => isNeeded(connections[on]!, on));
  if (kept.length === 0) return { connections: connections.slice(0, 1), steps: [] };
  return {
    connections: kept.map((on) => connections[on]!),
    steps: steps.map((step) => ({ ...step, on: kept.indexOf(step.on) })),
  };
}

const hasOdd = ({ variables, subprotocols, query }: Opening): boolean =>
  variables !== undefined || subprotocols !== undefined || query !== undefined;

function* plainerOpenings(opening: Opening): Generator<Opening> {
  const { variables: _, ...withoutVariables } = opening;
  const { subprotocols: __, ...withoutSubprotocols } = opening;
  const { query: ___, ...withoutQuery } = opening;
  if (opening.variables) yield withoutVariables;
  if (opening.subprotocols) yield withoutSubprotocols;
  if (opening.query !== undefined) yield withoutQuery;
}

function* plainerSteps(step: Step): Generator<Step> {
  const { burst, ...calm } = step;
  if (burst) yield calm;
  if (step.text !== undefined) for (const text of shorterTexts(step.text)) yield { ...step, text };
  if (step.hex !== undefined) {
    for (const hex of shorterBytes(step.hex)) yield { ...step, hex };
  }
  if (step.valid && step.valid.payload !== "") {
    for (const payload of shorterTexts(step.valid.payload))
      yield { ...step, valid: { ...step.valid, payload } };
  }
  if (step.frames && step.frames.length > 1) {
    for (const i of step.frames.keys()) yield { ...step, frames: step.frames.toSpliced(i, 1) };
  }
  if (step.close && step.close.reason !== "") yield { ...step, close: { ...step.close, reason: "" } };
}

/** Of a long text only: what is short says most as it stands. */
const SHORT = 24;

function* shorterTexts(text: string): Generator<string> {
  const json = jsonIn(text);
  if (json) {
    for (const [path, value] of pathsOf(json.value)) {
      for (const simpler of simplerValues(value, path)) {
        yield `${json.head}${edited(json.value, path, { kind: "replace", json: simpler })}${json.foot}`;
      }
    }
  }
  if (text.length <= SHORT || json) return;
  yield text.slice(0, text.length >> 1);
  yield text.slice(0, text.length - (text.length >> 2));
  yield text.slice(0, -1);
}

/** A long text or list of JSON, cut. */
function* simplerValues(value: unknown, path: Path): Generator<string> {
  if (path.length === 0) return;
  if (typeof value === "string" && value.length > SHORT) {
    yield JSON.stringify(value.slice(0, value.length >> 1));
    yield JSON.stringify(value.slice(0, value.length - (value.length >> 2)));
    yield JSON.stringify(value.slice(0, -1));
  }
  if (Array.isArray(value) && value.length > 4) yield JSON.stringify(value.slice(0, value.length >> 1));
}

function* shorterBytes(hex: string): Generator<string> {
  const bytes = hex.length / 2;
  if (bytes <= SHORT) return;
  yield hex.slice(0, (bytes >> 1) * 2);
  yield hex.slice(0, -2);
}
