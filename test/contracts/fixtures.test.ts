/** One table of contracts and messages holds the two checkers, of TypeScript and of Go, together. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Checker, ContractSession } from "../../lib/contract/checker.ts";
import type { Breach, Contract, ContractRole, Sender } from "../../lib/contract/contract.ts";
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
