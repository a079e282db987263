/** How a descriptor tells a message from the others, by what their schemas fix. Pure. */
import type { Message } from "../asyncapi/index.ts";
import type { ConditionSpec } from "../protocols/schema.ts";
import { type Form, fixedIn, formsOf, type Scalar } from "./fields.ts";

/** What a descriptor's `where` takes. */
export type Where = NonNullable<ConditionSpec["where"]>;

export interface Told {
  /** One for each form of the message; one without `where` where nothing is fixed. */
  readonly wheres: readonly Where[];
  /** Messages that it cannot be told from. */
  readonly likeness: readonly Message[];
}

const ANY: Where = { "": { exists: true } };

/** @param others what else may come */
export function tell(message: Message, others: readonly Message[]): Told {
  const forms = formsOf(message.payload ?? true);
  const strangers = others
    .filter((other) => other !== message)
    .map((other) => ({ other, forms: formsOf(other.payload ?? true) }));
  if (strangers.length === 0) return { wheres: [ANY], likeness: [] };
  const likeness = new Set<Message>();
  const wheres = forms.map((form) => {
    const { where, alike } = whereOf(
      form,
      strangers.flatMap((one) => one.forms),
    );
    for (const { other, forms } of strangers) if (forms.some((one) => alike.has(one))) likeness.add(other);
    return where;
  });
  return { wheres: withoutRepeats(wheres), likeness: [...likeness] };
}

/** The condition that most forms of a message fit: what all of its forms have in common. */
export function commonWhere({ wheres }: Told): Where {
  const [first = {}, ...others] = wheres;
  const shared = Object.entries(first).filter(([pointer, value]) =>
    others.every((other) => JSON.stringify(other[pointer]) === JSON.stringify(value)),
  );
  return shared.length > 0 ? Object.fromEntries(shared) : ANY;
}

function whereOf(form: Form, strangers: readonly Form[]): { where: Where; alike: ReadonlySet<Form> } {
  const candidates = [...form.keys()]
    .filter((pointer) => fixedIn(form, pointer) !== undefined)
    .map((pointer) => [pointer, fixedIn(form, pointer)!] as const);
  let alike = new Set(strangers);
  const where: Record<string, Scalar> = {};
  while (alike.size > 0) {
    const ranked = candidates
      .filter(([pointer]) => !Object.hasOwn(where, pointer))
      .map(([pointer, value]) => ({
        pointer,
        value,
        left: [...alike].filter((one) => fits(one, pointer, value)),
      }))
      .sort((a, b) => a.left.length - b.left.length);
    const [best] = ranked;
    if (!best || best.left.length === alike.size) break;
    where[best.pointer] = best.value;
    alike = new Set(best.left);
  }
  if (alike.size === 0) return { where, alike };
  // Nothing more is fixed: a field that the others have not.
  const own = [...form].find(
    ([pointer, field]) => pointer !== "" && field.isRequired && [...alike].every((one) => !one.has(pointer)),
  );
  if (own) return { where: { ...where, [own[0]]: { exists: true } }, alike: new Set() };
  // The type alone is worth having, even where another message may have it.
  for (const [pointer, value] of candidates.slice(0, 1)) where[pointer] = value;
  return { where: Object.keys(where).length > 0 ? where : ANY, alike };
}

/** Whether messages of the form may have the value there. One without the field has none. */
function fits(form: Form, pointer: string, value: Scalar): boolean {
  const field = form.get(pointer);
  if (!field) return form.size <= 1;
  return field.values === undefined || field.values.includes(value);
}

const withoutRepeats = (wheres: readonly Where[]): Where[] => [
  ...new Map(wheres.map((where) => [JSON.stringify(where), where])).values(),
];
