import { type Checked, ContractSession, LEFT_OUT } from "../../lib/contract/checker.ts";
import type { Contract, Sender } from "../../lib/contract/contract.ts";
import type { MessageRole } from "../../lib/protocols/protocol.ts";
import { checkerFor } from "../contract-file.ts";

export type ContractCheck = ReturnType<typeof checkBy>;

/** Checks the messages of one connection against a contract. */
export function checkBy(contract: Contract) {
  const checker = checkerFor(contract);
  const session = new ContractSession();
  const check = (message: string, role: MessageRole | undefined, sender: Sender): Checked | undefined => {
    const checked = checker.check(session, message, role, sender);
    return checked === LEFT_OUT ? undefined : checked;
  };
  return {
    received: (message: string, role: MessageRole | undefined) => check(message, role, "server"),
    /** Of several messages in one the first that breaks it, otherwise the first. */
    sent(messages: readonly string[]): Checked | undefined {
      if (!contract.checksSent) return undefined;
      const all = messages.flatMap((message) => check(message, undefined, "client") ?? []);
      return all.find(({ breaches }) => breaches.length > 0) ?? all[0];
    },
  };
}
