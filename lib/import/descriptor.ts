/** A protocol descriptor, made of a plan. */
import type { Message } from "../asyncapi/index.ts";
import { parseDescriptor } from "../protocols/descriptor.ts";
import type { DeliverySpec, Descriptor, ErrorSpec } from "../protocols/schema.ts";
import { commonWhere, tell, type Where } from "./condition.ts";
import type { Tie } from "./exchanges.ts";
import { formsOf } from "./fields.ts";
import type { Kind } from "./kinds.ts";
import {
  connectionPlaces,
  inventedFields,
  isPlainText,
  type Places,
  templateOf,
  textField,
} from "./message.ts";
import type { Beat, Plan } from "./plan.ts";
import type { Sample } from "./sample.ts";
import { isIdName, isTextName } from "./words.ts";

export interface Imported {
  readonly descriptor: Descriptor;
  /** The guesses, and what else to know: a sentence each. */
  readonly notes: readonly string[];
}

/** A condition of a descriptor. */
type Condition = { readonly where: Where } | { readonly regex: string };

/** Above these, deliveries that differ by one field are told by that they have it. */
const MOST_DELIVERIES = 8;

/** @param samples an example of each message, by its kind */
export function descriptorOf(
  plan: Plan,
  name: string,
  samples: ReadonlyMap<Kind, Sample | undefined>,
): Imported {
  return new Writer(plan, samples).write(name);
}

class Writer {
  readonly #plan: Plan;
  readonly #samples: ReadonlyMap<Kind, Sample | undefined>;
  readonly #notes: string[] = [];
  readonly #noted = new Set<string>();

  constructor(plan: Plan, samples: ReadonlyMap<Kind, Sample | undefined>) {
    this.#plan = plan;
    this.#samples = samples;
  }

  write(name: string): Imported {
    const { address, session, beats, probe, publish, deliveries, errors } = this.#plan;
    const delivery = this.#deliveries(deliveries);
    const error = errors
      .filter((kind) => this.#isTold(kind, "left out of the errors"))
      .map((kind) => this.#error(kind));
    const beat = beats.filter((beat) => "every" in beat || this.#isTold(beat.when, "not answered"));
    const descriptor = {
      name,
      ...(address.subprotocols.length > 0 && { subprotocols: [...address.subprotocols] }),
      ...(address.path !== undefined && { path: address.path }),
      ...(session.length > 0 && { session: this.#session() }),
      ...(probe && this.#probe(probe)),
      ...(publish && { publish: this.#publish(publish) }),
      ...(delivery.length > 0 && { delivery: delivery.length === 1 ? delivery[0] : delivery }),
      ...(error.length > 0 && { error: error.length === 1 ? error[0] : error }),
      ...(beat.length > 0 && { heartbeat: beat.map((one) => this.#beat(one)) }),
    };
    return { descriptor: parseDescriptor(descriptor, name), notes: this.#notes };
  }

  #note(text: string): void {
    if (!this.#noted.has(text)) this.#notes.push(text);
    this.#noted.add(text);
  }

  #send(kind: Kind, places: Places = {}): string {
    const sample = this.#samples.get(kind);
    const all = { ...connectionPlaces(kind.message, sample), ...places };
    for (const [pointer, variable] of Object.entries(all)) {
      if (variable !== "id" && variable !== CAPTURED)
        this.#note(`${kind.name}${pointer} is \${${variable}}, which its name suggests`);
    }
    if (!sample)
      this.#note(`${kind.name} is sent empty: the document has no example of it, and its schema gives none`);
    else if (sample.breach !== undefined)
      this.#note(`the example of ${kind.name} does not follow its own schema: ${sample.breach}`);
    else if (sample.from === "schema") {
      const invented = inventedFields(kind.message, sample, all);
      if (invented.length > 0)
        this.#note(`made-up values in ${kind.name}, within its schema: ${listOf(invented)}`);
    }
    return templateOf(kind.message, sample, all);
  }

  /** What tells the message from all others that the server sends. */
  #condition(kind: Kind): Condition {
    if (isPlainText(kind.message)) return { regex: "^" };
    const told = tell(kind.message, this.#plan.sides.fromServer);
    if (told.likeness.length > 0)
      this.#note(
        `${kind.name} cannot be told from ${this.#namesOf(told.likeness)}: their schemas fix nothing that differs`,
      );
    return { where: commonWhere(told) };
  }

  /** Whether it is told from all others; what would take their place is better left out. */
  #isTold(kind: Kind, otherwise: string): boolean {
    if (isPlainText(kind.message)) return this.#plan.sides.fromServer.length === 1;
    const { likeness } = tell(kind.message, this.#plan.sides.fromServer);
    if (likeness.length > 0)
      this.#note(`${kind.name} is ${otherwise}: its schema does not tell it from ${this.#namesOf(likeness)}`);
    return likeness.length === 0;
  }

  #namesOf(messages: readonly Message[]): string {
    const names = messages.map((message) => this.#plan.kinds.find((kind) => kind.message === message)!.name);
    return names.length > 4
      ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more`
      : names.join(" and ");
  }

  #session() {
    const steps: { send?: string; await?: Condition }[] = [];
    for (const { does, kind } of this.#plan.session) {
      const last = steps.at(-1);
      if (does === "send") steps.push({ send: this.#send(kind) });
      else if (last?.send !== undefined && last.await === undefined) last.await = this.#condition(kind);
      else steps.push({ await: this.#condition(kind) });
    }
    return steps;
  }

  #probe({ kind, reply, match, tie }: NonNullable<Plan["probe"]>) {
    const isEcho = match === "whole";
    const at = tie?.request ?? (isEcho ? textField(kind.message, isTextName) : undefined);
    if (tie && !tie.isTold)
      this.#note(`${kind.name} and ${reply.name} are matched by ${tie.request}, which both have`);
    if (match === "fifo")
      this.#note(
        `no field ties ${reply.name} to ${kind.name}: they are matched by order, the nth to the nth`,
      );
    // Its answer is told by itself: nothing else is the message that was sent, and others have no such identifier.
    const where = isEcho ? {} : this.#replyCondition(reply, tie);
    return {
      probe: {
        send: this.#send(kind, at === undefined ? {} : { [at]: "id" }),
        ...(tie?.type === "number" && { id: "number" }),
      },
      reply: [{ name: reply.name, ...where, match, ...(tie && { id: tie.reply }) }],
    };
  }

  /** One that nothing tells from others is told by that it has an identifier. */
  #replyCondition(reply: Kind, tie: Tie | undefined): Condition {
    const condition = this.#condition(reply);
    const isAny = "where" in condition && Object.hasOwn(condition.where, "");
    return tie && isAny ? { where: { [tie.reply]: { exists: true } } } : condition;
  }

  #publish(kind: Kind) {
    const at = textField(kind.message, isIdName) ?? textField(kind.message, isTextName);
    this.#note(`${kind.name} goes both ways: the server is taken to deliver publications`);
    return { send: this.#send(kind, at === undefined ? {} : { [at]: "id" }) };
  }

  #deliveries(kinds: readonly Kind[]): DeliverySpec[] {
    const { publish } = this.#plan;
    const conditions = kinds.map((kind) => ({ kind, ...this.#conditions(kind) }));
    const shared = sharedPointer(conditions.flatMap(({ wheres }) => wheres));
    if (kinds.length > MOST_DELIVERIES && shared !== undefined)
      return [{ where: { [shared]: { exists: true } } }];
    const at = publish && (textField(publish.message, isIdName) ?? textField(publish.message, isTextName));
    return conditions.flatMap(({ kind, wheres, plain }): DeliverySpec[] => {
      const id = kind === publish && at ? { id: at } : {};
      if (plain) return [{ regex: "^" }];
      return wheres.map((where) => ({ where, ...id }));
    });
  }

  #conditions(kind: Kind): { wheres: readonly Where[]; plain: boolean } {
    if (isPlainText(kind.message)) return { wheres: [], plain: true };
    const told = tell(kind.message, this.#plan.sides.fromServer);
    return { wheres: told.wheres, plain: false };
  }

  #error(kind: Kind): ErrorSpec {
    const { probe } = this.#plan;
    const [form] = formsOf(kind.message.payload ?? true);
    const reason = REASONS.find((pointer) => form?.has(pointer));
    const names = probe?.tie && form?.has(probe.tie.reply);
    return {
      ...this.#condition(kind),
      ...(reason !== undefined && { reason }),
      ...(names && { settles: "id" as const, id: probe.tie!.reply }),
    };
  }

  #beat(beat: Beat) {
    if ("every" in beat) return { every: beat.every, send: this.#send(beat.send) };
    const { when, answer, tie } = beat;
    const isDelivery = this.#plan.deliveries.includes(when);
    return {
      when: this.#condition(when),
      ...(tie && { capture: { [CAPTURED]: tie.request } }),
      answer: this.#send(answer, tie ? { [tie.reply]: CAPTURED } : {}),
      ...(isDelivery && { consume: false }),
    };
  }
}

const listOf = (names: readonly string[]): string =>
  names.length > 4 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(" and ");

/** The variable that carries what the server's message is answered with. */
const CAPTURED = "answered";

const REASONS = [
  "/reason",
  "/message",
  "/errorMessage",
  "/error/message",
  "/error/msg",
  "/msg",
  "/error",
  "/code",
];

/** A pointer that all conditions have. */
function sharedPointer(wheres: readonly Where[]): string | undefined {
  const [first = {}, ...others] = wheres;
  return Object.keys(first).find(
    (pointer) => pointer !== "" && others.every((where) => Object.hasOwn(where, pointer)),
  );
}
