import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { SettingsError } from "../../lib/settings.ts";
import { NO_USERS, parseUsers, RESERVED, tableOf, type UserTable, usersOf } from "../../lib/users.ts";
import { findUsers, piecesOf } from "../../lib/users-bytes.ts";

interface Fixture {
  readonly name: string;
  readonly csv: string;
  readonly columns?: readonly string[];
  readonly rows?: readonly (readonly string[])[];
  readonly error?: string;
}

/** A file as the scenarios keep it. */
function table(csv: string) {
  const file = parseUsers(csv, "u.csv");
  return tableOf(file, (index) => file.blocks[index]!);
}

/** The same file found in its bytes, of which some lines make a piece; undefined where it must be read whole. */
function found(csv: string, pieceBytes: number): UserTable | undefined {
  const pieces = piecesOf(new TextEncoder().encode(csv), pieceBytes);
  const users = pieces && findUsers(pieces);
  if (!users) return undefined;
  const texts = [...users.texts()];
  assert.equal(texts.length, users.blocks);
  assert.ok(
    pieces.every(({ length }) => length === 0),
    "every piece was let go of",
  );
  return tableOf(users, (index) => texts[index]!);
}

const rowsOf = ({ length, row }: UserTable) => Array.from({ length }, (_, index) => row(index));

/** The extension's reader runs the same table. */
const { reserved, files }: { reserved: string[]; files: Fixture[] } = JSON.parse(
  readFileSync(new URL("../../lib/users-fixtures.json", import.meta.url), "utf8"),
);

describe("a file of users", () => {
  for (const { name, csv, columns, rows, error } of files) {
    test(name, () => {
      if (error === undefined) {
        const read = table(csv);
        assert.deepEqual([read.columns, rowsOf(read)], [columns, rows]);
      } else {
        assert.throws(() => parseUsers(csv, "u.csv"), new SettingsError(`USERS: u.csv, ${error}`));
      }
    });
  }
});

describe("a file of users is found in its bytes as it is read whole", () => {
  for (const { name, csv, columns, rows, error } of files) {
    test(name, () => {
      for (const pieceBytes of [1, 40, 1_000]) {
        const read = found(csv, pieceBytes);
        if (read === undefined) continue;
        assert.equal(error, undefined);
        assert.deepEqual([read.columns, rowsOf(read)], [columns, rows]);
      }
    });
  }

  test("in pieces of some lines each, with characters of several bytes", () => {
    const field = fc.stringMatching(/^[a-zé漢😀]{1,8}$/u);
    const lines = fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(lines, fc.boolean(), fc.constantFrom("\n", "\r\n"), (rows, hasMark, end) => {
        const csv = `${hasMark ? "\ufeff" : ""}user,tenant${end}${rows.map((row) => row.join(",") + end).join("")}${end}`;
        for (const pieceBytes of [1_200, 100_000]) {
          const read = found(csv, pieceBytes);
          assert.deepEqual(rowsOf(read!), rows);
        }
      }),
    );
  });

  test("lines whose quotes or blanks go over the end of a piece are left to who reads it whole", () => {
    const lines = Array.from({ length: 40 }, (_, n) => `user${n},acme`);
    const csv = (...more: string[]) => ["user,tenant", ...lines, ...more, ...lines].join("\n");
    assert.equal(found(csv(), 300)?.length, 80);
    for (const wrong of ["", 'ann,"acme', "ann", "ann,a,b", "ann,\0", "ann,\ufffd\n"]) {
      assert.throws(() => parseUsers(csv(wrong), "u.csv"));
      // Some of these pieces end right behind it.
      for (let pieceBytes = 250; pieceBytes < 650; pieceBytes++)
        assert.equal(found(csv(wrong), pieceBytes), undefined, `${JSON.stringify(wrong)} ${pieceBytes}`);
    }
  });
});

test("the names that no column may have are those of the table", () => assert.deepEqual(RESERVED, reserved));

test("every table that is written as CSV reads back as it was", () => {
  const field = fc.stringMatching(/^[ -~é]{1,8}$/).filter((text) => text.trim() !== "");
  const lines = fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 40 });
  const quote = (text: string, always: boolean) =>
    always || /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  fc.assert(
    fc.property(lines, fc.boolean(), fc.constantFrom("\n", "\r\n"), (rows, always, end) => {
      const csv = [["user", "tenant"], ...rows].map((row) => row.map((one) => quote(one, always)).join(","));
      assert.deepEqual(rowsOf(table(csv.join(end))), rows);
    }),
  );
});

describe("who a connection is", () => {
  test("its line, over again when there are fewer lines", () => {
    const users = usersOf(table("user,token,tenant\nann,t1,acme\nbob,t2,umbrella\n"), "t0");
    assert.equal(users.length, 2);
    assert.deepEqual(users.at(3), { user: "bob", token: "t2", tenant: "umbrella" });
  });

  test("what its line does not say comes from its number and WS_TOKEN", () => {
    const users = usersOf(table("tenant\nacme\n"), "t0");
    assert.deepEqual(users.at(7), { user: "user-7", token: "t0", tenant: "acme" });
  });

  test("all of it where there is no file", () =>
    assert.deepEqual(usersOf(NO_USERS, "t0").at(7), { user: "user-7", token: "t0" }));
});
