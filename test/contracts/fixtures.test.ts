/** Two tables hold the checkers of TypeScript and of Go together: contracts with messages, and schemas that are refused. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Checker, type CheckerOptions, ContractSession } from "../../lib/contract/checker.ts";
import {
  type Breach,
  type Contract,
  ContractError,
  type ContractRole,
  type Sender,
} from "../../lib/contract/contract.ts";
import { loadContract } from "../../lib/contract/load.ts";
import type { Json } from "../../lib/contract/refs.ts";

interface Fixture {
  readonly about: string;
  readonly file: string;
  readonly files: Readonly<Record<string, Json>>;
  /** What the checker in Go is given. */
  readonly spec: Contract;
  readonly sessions: readonly (readonly {
    readonly message: string;
    readonly role?: ContractRole;
    /** Default: server. */
    readonly sender?: Sender;
    /** null for a message that needs no schema. */
    readonly kind: string | null;
    readonly breaches?: readonly Breach[];
  }[])[];
  readonly unseen: readonly string[];
}

const fixtures: readonly Fixture[] = JSON.parse(
  readFileSync(new URL("../../lib/contract/fixtures.json", import.meta.url), "utf8"),
);

for (const { about, file, files, spec, sessions, unseen } of fixtures) {
  test(about, () => {
    const contract = loadContract(`/somewhere/${file}`, (path) => {
      assert.ok(Object.hasOwn(files, path), `reads ${path}`);
      return files[path]!;
    });
    assert.deepEqual(JSON.parse(JSON.stringify(contract)), spec);
    const checker = new Checker(contract);
    for (const messages of sessions) {
      const session = new ContractSession();
      for (const { message, role, sender, kind, breaches = [] } of messages) {
        const checked = checker.check(session, message, role, sender);
        assert.deepEqual(checked, kind === null ? undefined : { kind, breaches }, message);
      }
    }
    const missing = contract.items.filter((_, i) => !checker.coverage.seen.has(i));
    assert.deepEqual(
      missing.map(({ name }) => name),
      unseen,
    );
  });
}

test("the absence of a first message is not the server's where the client may have passed it over", () => {
  const contract = loadContract("/somewhere/c.json", () => ({
    messages: {
      welcome: { first: true, schema: { properties: { type: { const: "welcome" } }, required: ["type"] } },
      order: { properties: { type: { const: "order" } }, required: ["type"] },
      fill: { after: "order", schema: { properties: { type: { const: "fill" } }, required: ["type"] } },
    },
  }));
  const rules = (options: CheckerOptions, ...kinds: string[]) => {
    const [checker, session] = [new Checker(contract, options), new ContractSession()];
    return kinds.map((type) => {
      const checked = checker.check(session, JSON.stringify({ type }));
      return typeof checked === "object" ? checked.breaches.map(({ rule }) => rule) : checked;
    });
  };
  assert.deepEqual(rules({}, "order", "order"), [["wrong_time"], []]);
  assert.deepEqual(rules({ mayMissFirst: true }, "order", "order", "welcome"), [[], [], []]);
  assert.deepEqual(rules({ mayMissFirst: true }, "fill", "order"), [[], []]);
  assert.deepEqual(rules({ mayMissFirst: true }, "welcome", "fill"), [[], ["wrong_time"]]);
  assert.deepEqual(rules({ mayMissFirst: true }, "welcome", "order", "welcome"), [[], [], ["wrong_time"]]);
});

interface Refused extends Pick<Contract, "draft" | "documents"> {
  readonly about: string;
  readonly schema: string;
  /** What the refusal names; null for none. */
  readonly place: string | null;
}

const refused: readonly Refused[] = JSON.parse(
  readFileSync(new URL("../../lib/contract/refused.json", import.meta.url), "utf8"),
);

for (const { about, draft, documents, schema, place } of refused) {
  test(`refused: ${about}`, () => {
    const compile = () =>
      new Checker({
        ...{ source: "a.json", draft, documents, items: [] },
        kinds: [{ name: "m", schema, from: "server", marks: [] }],
        ...{ hasUnicodeClasses: false, isRecursive: false, checksSent: false },
      });
    if (place === null) return assert.ok(compile());
    const start = `${place}: expected a JSON Schema of draft ${draft}, got an invalid one (`;
    assert.throws(
      compile,
      (error: Error) => error instanceof ContractError && error.message.startsWith(start),
    );
  });
}
