/**
 * Protocols in code: a descriptor in which functions stand where templates, conditions and places of fields may.
 * A copy without the functions is checked and compiled as any descriptor; then each function takes its place.
 */
import { deliveriesOf, errorsOf } from "./check.ts";
import {
  type Capture,
  type Compiled,
  type CompiledDelivery,
  type CompiledList,
  type CompiledStep,
  compileParts,
  type DeliveryFields,
  type Outgoing,
  protocolOf,
} from "./compile.ts";
import { parseDescriptor } from "./descriptor.ts";
import { DescriptorError, describe } from "./problem.ts";
import type { Protocol } from "./protocol.ts";
import type { Condition, Locator, Message } from "./reader.ts";
import type { ConditionSpec, DeliverySpec, Descriptor, ErrorSpec } from "./schema.ts";
import { CODE } from "./template.ts";
import type { VariableName } from "./variables.ts";

/** Values that a message is made from: the connection's variables, captured values, and `id`, `seq` and `payload`. */
export type Variables = { readonly [K in VariableName]: string } & { readonly [name: string]: string };

/**
 * Makes a message: text, or bytes for a binary one. Called when the message is sent and never otherwise, in the order in
 * which messages go out, so that it may count them in `state`.
 */
export type Encode<S> = (variables: Variables, state: S) => string | Uint8Array | ArrayBuffer;
/** Whether the message is meant. It should not throw on what a peer may send. */
export type Test<S> = (message: Message, state: S) => boolean;
/** A field's value; undefined where the message has none. */
export type Read<S> = (message: Message, state: S) => string | number | boolean | undefined;

/** Any of them. */
type Code = (...args: never[]) => unknown;

/** `T` with these fields instead of its own. */
type With<T, O> = Omit<T, keyof O> & O;
type Fields<S, K extends string> = { readonly [F in K]?: string | Read<S> };
/**
 * The deliveries that a message brings, each as a text, as bytes, or as a value that JSON can hold; undefined where it
 * brings no list. Each is then read as a message of its own.
 */
type List<S> = (message: Message, state: S) => readonly unknown[] | undefined;
/** As in a descriptor, or with a function at `where`. */
type ConditionInCode<S> = With<ConditionSpec, { readonly where?: ConditionSpec["where"] | Test<S> }>;
type Captures<S> = { readonly [name: string]: string | Read<S> };
type Step = NonNullable<Descriptor["session"]>[number];
type Awaits<S> = { readonly await?: ConditionInCode<S> | Test<S> };
type StepInCode<S> = With<
  Step,
  Awaits<S> & { readonly send?: string | Encode<S>; readonly capture?: Captures<S> }
>;
type Later<S, T> = With<T, Awaits<S> & { readonly send: string | Encode<S> }>;
type ReplyInCode<S> = With<
  Omit<NonNullable<Descriptor["reply"]>[number], keyof ConditionSpec>,
  Fields<S, "id">
> &
  ConditionInCode<S>;
type DeliveryInCode<S> = With<
  Omit<DeliverySpec, keyof ConditionSpec>,
  Fields<S, "id" | "seq" | "cursor" | "publisher" | "room"> & {
    readonly each?: string | List<S>;
    readonly sentAt?: With<NonNullable<DeliverySpec["sentAt"]>, { readonly at: string | Read<S> }>;
  }
> &
  ConditionInCode<S>;
type ErrorInCode<S> = With<Omit<ErrorSpec, keyof ConditionSpec>, Fields<S, "id" | "reason">> &
  ConditionInCode<S>;
type HeartbeatInCode<S> = With<
  NonNullable<Descriptor["heartbeat"]>[number],
  {
    readonly when?: ConditionInCode<S> | Test<S>;
    readonly capture?: Captures<S>;
    readonly answer?: string | Encode<S>;
    readonly send?: string | Encode<S>;
  }
>;

/**
 * A descriptor (docs/reference/protocols.md) with a function wherever a template, a condition or the place of a field may stand.
 * `S` is what one connection remembers.
 */
export type ProtocolInCode<S = undefined> = With<
  Omit<Descriptor, "publisher">,
  {
    /** What a connection remembers, made anew for each. Default: nothing. */
    readonly state?: () => S;
    /** What to append to the URL; a function gives it percent-encoded. */
    readonly path?: string | ((variables: Variables) => string);
    readonly session?: readonly StepInCode<S>[];
    readonly probe?: With<NonNullable<Descriptor["probe"]>, { readonly send: string | Encode<S> }>;
    readonly reply?: readonly ReplyInCode<S>[];
    readonly publish?: With<NonNullable<Descriptor["publish"]>, { readonly send: string | Encode<S> }>;
    readonly delivery?: DeliveryInCode<S> | readonly DeliveryInCode<S>[];
    readonly error?: ErrorInCode<S> | readonly ErrorInCode<S>[];
    readonly heartbeat?: readonly HeartbeatInCode<S>[];
    readonly refresh?: Later<S, NonNullable<Descriptor["refresh"]>>;
    readonly resume?: Later<S, NonNullable<Descriptor["resume"]>>;
  }
>;

/**
 * Compiles a protocol in code.
 *
 * @param columns variables of the users' file, which its templates may have too
 * @param source what to call it in an error. Default: its name.
 * @throws {@link DescriptorError} with every problem found
 */
export function defineProtocol<S = undefined>(
  definition: ProtocolInCode<S>,
  columns: readonly string[] = [],
  source?: string,
): Protocol {
  if (typeof definition !== "object" || definition === null) {
    throw new DescriptorError(source ?? "the protocol", [
      { path: "the document", expected: "an object", got: typeof definition },
    ]);
  }
  const { state, path, ...rest } = definition;
  if ("publisher" in rest) {
    throw new DescriptorError(source ?? `protocol "${String(definition.name)}"`, [
      { path: "publisher", expected: "none in a protocol in code", got: describe(rest.publisher) },
    ]);
  }
  const functions = new Map<string, Code>();
  const plain = withoutFunctions(rest, "", functions) as Record<string, unknown>;
  const isComputed = typeof path === "function";
  const json = path === undefined || isComputed ? plain : { ...plain, path };
  const name = source ?? `protocol "${String(definition.name)}"`;
  const descriptor = parseDescriptor(json, name, columns);
  const compiled = new Places(descriptor.name, functions).filled(compileParts(descriptor), descriptor);
  return {
    ...protocolOf(descriptor, { ...compiled, newState: state ?? (() => undefined) }, columns),
    inCode: true,
    ...(isComputed && { computePath: path as NonNullable<Protocol["computePath"]> }),
  };
}

/** What stands for a function until it takes its place, by the field's name; others may have none. */
const STAND_INS: { readonly [field: string]: unknown } = {
  send: CODE,
  answer: CODE,
  where: { "": { exists: true } },
  await: { where: { "": { exists: true } } },
  when: { where: { "": { exists: true } } },
  ...Object.fromEntries(
    ["id", "seq", "cursor", "publisher", "room", "at", "reason", "each"].map((field) => [field, ""]),
  ),
};

/** A copy with stand-ins; `functions` gets each function by its path. */
function withoutFunctions(value: unknown, path: string, functions: Map<string, Code>): unknown {
  if (Array.isArray(value)) return value.map((item, i) => withoutFunctions(item, `${path}[${i}]`, functions));
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([field, inner]) => {
      const at = path === "" ? field : `${path}.${field}`;
      if (inner === undefined) return [];
      if (typeof inner !== "function") return [[field, withoutFunctions(inner, at, functions)]];
      const standIn = /\.capture$/.test(path) ? "" : STAND_INS[field];
      if (standIn === undefined) return [[field, inner]]; // which the check refuses
      functions.set(at, inner as Code);
      return [[field, at === "probe.send" ? `${CODE}\${id}` : standIn]];
    }),
  );
}

/** A function of the protocol's own code threw. `message` names the field. */
export class ProtocolCodeError extends Error {
  override name = "ProtocolCodeError";
}

/** The functions by their paths, put where they belong. */
class Places {
  readonly #protocol: string;
  readonly #functions: ReadonlyMap<string, Code>;

  constructor(protocol: string, functions: ReadonlyMap<string, Code>) {
    this.#protocol = protocol;
    this.#functions = functions;
  }

  filled(c: Compiled, d: Descriptor): Compiled {
    const answers = indicesOf(d.heartbeat, ({ when }) => when !== undefined);
    const beats = indicesOf(d.heartbeat, ({ every }) => every !== undefined);
    const deliveries = deliveriesOf(d);
    const whole = indicesOf(deliveries, ({ each }) => each === undefined);
    const lists = indicesOf(deliveries, ({ each }) => each !== undefined);
    const deliveryAt = (i: number) => (Array.isArray(d.delivery) ? `delivery[${i}]` : "delivery");
    const errorAt = (i: number) => (Array.isArray(d.error) ? `error[${i}]` : "error");
    return {
      ...c,
      session: c.session.map((step, i) => this.#step(step, `session[${i}]`)),
      resume: c.resume && this.#step(c.resume, "resume"),
      refresh: c.refresh && { ...c.refresh, step: this.#step(c.refresh.step, "refresh") },
      probe: c.probe && this.#outgoing(c.probe, "probe.send"),
      publish: c.publish && this.#outgoing(c.publish, "publish.send"),
      replies: c.replies.map((reply, i) => ({
        ...reply,
        condition: this.#condition(reply.condition, `reply[${i}]`),
        id: this.#locator(reply.id, `reply[${i}].id`),
      })),
      deliveries: c.deliveries.map((one, i) => this.#delivery(one, deliveryAt(whole[i]!))),
      lists: c.lists.map((one, i) => this.#list(one, deliveryAt(lists[i]!))),
      errors: c.errors.map((error, i) => ({
        ...error,
        condition: this.#condition(error.condition, errorAt(i)),
        reason: this.#locator(error.reason, `${errorAt(i)}.reason`),
        // If it names none itself, it takes the first reply's, even if that is a function.
        id: this.#locator(error.id, errorsOf(d)[i]?.id === undefined ? replyWithId(d) : `${errorAt(i)}.id`),
      })),
      answers: c.answers.map((answer, i) => {
        const path = `heartbeat[${answers[i]}]`;
        return {
          ...answer,
          condition: this.#condition(answer.condition, `${path}.when`),
          captures: this.#captures(answer.captures, path),
          answer: answer.answer && this.#outgoing(answer.answer, `${path}.answer`),
        };
      }),
      beats: c.beats.map((beat, i) => ({
        ...beat,
        message: this.#outgoing(beat.message, `heartbeat[${beats[i]}].send`),
      })),
    };
  }

  #step(step: CompiledStep, path: string): CompiledStep {
    const awaits = step.awaits && this.#condition(step.awaits, `${path}.await`);
    return {
      ...step,
      message: step.message && this.#outgoing(step.message, `${path}.send`),
      awaits,
      awaited: awaits?.test ? "message that its function takes" : step.awaited,
      captures: this.#captures(step.captures, path),
    };
  }

  #delivery(delivery: CompiledDelivery, path: string): CompiledDelivery {
    const fields = this.#fields(delivery, path);
    const condition = this.#condition(delivery.condition, path);
    return { ...delivery, ...fields, condition, isJson: Object.values(fields).some(isInJson) };
  }

  #list(list: CompiledList, path: string): CompiledList {
    const fields = this.#fields(list, path);
    const find = this.#at<NonNullable<CompiledList["find"]>>(`${path}.each`);
    const test = this.#at<NonNullable<CompiledList["test"]>>(`${path}.where`);
    return {
      ...list,
      ...fields,
      isJson: Object.values(fields).some(isInJson),
      ...(find && { find }),
      ...(test && { test, element: [] }),
    };
  }

  #fields(delivery: DeliveryFields, path: string): DeliveryFields {
    const at = (field: keyof DeliveryFields, name: string = field) =>
      this.#locator(delivery[field], `${path}.${name}`);
    return {
      id: at("id"),
      seq: at("seq"),
      cursor: at("cursor"),
      publisher: at("publisher"),
      room: at("room"),
      sentAt: at("sentAt", "sentAt.at"),
    };
  }

  #captures(captures: readonly Capture[], path: string): Capture[] {
    return captures.map((capture) => ({
      ...capture,
      locator: this.#locator(capture.locator, `${path}.capture.${capture.name}`)!,
    }));
  }

  #outgoing<T extends Outgoing>(message: T, path: string): T {
    const make = this.#at<NonNullable<Outgoing["encode"]>>(path);
    if (!make) return message;
    const encode: typeof make = (variables, state) => {
      const made: unknown = make(variables, state);
      if (typeof made === "string" || made instanceof Uint8Array || made instanceof ArrayBuffer) return made;
      const got = made === null ? "null" : Array.isArray(made) ? "a list" : typeof made;
      throw new ProtocolCodeError(
        `protocol "${this.#protocol}": ${path}: expected a text, an ArrayBuffer or a Uint8Array to send, got ${got}`,
      );
    };
    return { ...message, encode };
  }

  /** The function is either the condition itself, or its `where`. */
  #condition(condition: Condition, path: string): Condition {
    const test =
      this.#at<NonNullable<Condition["test"]>>(path) ??
      this.#at<NonNullable<Condition["test"]>>(`${path}.where`);
    return test ? { ...condition, where: [], always: false, test } : condition;
  }

  #locator(locator: Locator | undefined, path: string | undefined): Locator | undefined {
    const read = path === undefined ? undefined : this.#at<Read<unknown>>(path);
    return read ? { read } : locator;
  }

  /** The function at a path, whose errors say where it stands. */
  #at<F extends (...args: never[]) => unknown>(path: string): F | undefined {
    const given = this.#functions.get(path);
    if (!given) return undefined;
    return ((...args: never[]) => {
      try {
        return given(...args);
      } catch (error) {
        throw new ProtocolCodeError(`protocol "${this.#protocol}": ${path} threw ${String(error)}`);
      }
    }) as F;
  }
}

const indicesOf = <T>(items: readonly T[] = [], isMeant: (item: T) => boolean): number[] =>
  items.flatMap((item, i) => (isMeant(item) ? [i] : []));

const replyWithId = ({ reply = [] }: Descriptor): string | undefined => {
  const i = reply.findIndex(({ match }) => match === "id");
  return i < 0 ? undefined : `reply[${i}].id`;
};

const isInJson = (locator: Locator | undefined): boolean => locator !== undefined && "tokens" in locator;
