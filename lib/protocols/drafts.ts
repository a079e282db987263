/** The messages of a descriptor before there is a connection. Pure. */
import type { Compiled, Outgoing } from "./compile.ts";
import { variableValue } from "./composer.ts";
import type { Draft, DraftsOf } from "./protocol.ts";
import { NO_VALUE, numberValue, stringValue, type Value } from "./template.ts";
import { messagesIn } from "./write.ts";

/** See {@link Protocol.drafts}. */
export function draftsOf(compiled: Compiled, { variables, payload }: DraftsOf): readonly Draft[] {
  const common: Record<string, Value> = {
    nowMs: numberValue(String(Date.now())),
    payload: stringValue(payload),
  };
  for (const [name, text] of Object.entries(variables)) common[name] = variableValue(name, text);
  return outgoingOf(compiled).flatMap(({ path, message, own }): Draft[] => {
    const values = { ...common, ...own };
    if (message.encode || message.template.variables.some((name) => !Object.hasOwn(values, name))) return [];
    const text = message.template.expand((name) => values[name]!);
    return [{ path, messages: messagesIn(text, message.wire) }];
  });
}

interface Outlined {
  readonly path: string;
  readonly message: Outgoing;
  /** Variables that only this message has. */
  readonly own?: Readonly<Record<string, Value>>;
}

function outgoingOf({ session, refresh, probe, publish, answers, beats }: Compiled): Outlined[] {
  // A first connection has had no delivery.
  const steps = [...(refresh ? [refresh.step] : []), ...session].flatMap(({ path, message }) =>
    message ? [{ path, message, own: { lastSeq: NO_VALUE } }] : [],
  );
  const id = probe?.numericId ? numberValue("1") : stringValue("1");
  return [
    ...steps,
    ...(probe ? [{ path: "probe", message: probe, own: { id } }] : []),
    ...(publish
      ? [{ path: "publish", message: publish, own: { id: stringValue("1"), seq: numberValue("1") } }]
      : []),
    ...beats.map(({ message }) => ({ path: "heartbeat", message })),
    ...answers.flatMap(({ answer }) => (answer ? [{ path: "heartbeat", message: answer }] : [])),
  ];
}
