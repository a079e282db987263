/** Where runs are stored, as the command line reads it; the output of k6 runs the same table. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { describe, test } from "node:test";
import { parsePlace } from "../../cli/influxdb/place.ts";
import { openStore } from "../../cli/influxdb/read.ts";

interface Row {
  readonly name: string;
  readonly address: string;
  readonly error?: string;
  /** Default "t". */
  readonly token?: string;
  readonly server: string;
  readonly org?: string;
  readonly bucket?: string;
  readonly database?: string;
  readonly retentionPolicy?: string;
}

const rows: Row[] = JSON.parse(readFileSync(new URL("addresses.json", import.meta.url), "utf8"));
const env = { INFLUX_TOKEN: "t", INFLUX_USERNAME: "u", INFLUX_PASSWORD: "p" };

describe("an address", () => {
  for (const row of rows) {
    const { name, address, error, token, server: url, org, bucket, database, retentionPolicy } = row;
    test(name, () => {
      if (error === undefined) {
        const expected = database
          ? { major: 1, url, database, retentionPolicy, user: "u", password: "p" }
          : { major: 2, url, org, bucket, token: "t" };
        assert.deepEqual(parsePlace(address, env), expected);
        return;
      }
      assert.throws(
        () => parsePlace(address, { ...env, ...(token !== undefined && { INFLUX_TOKEN: token }) }),
        ({ name, message }: Error) =>
          name === "UserError" && message.includes(error) && !message.includes("s3cret"),
      );
    });
  }

  test("of InfluxDB 2 without a token", () =>
    assert.throws(() => parsePlace("http://h/?org=o&bucket=b", {}), /set INFLUX_TOKEN/));
});

describe("who answers in InfluxDB's place is told", () => {
  const PAGE = { "content-type": "text/html" };
  const answers: [sentence: string, status: number, headers: Record<string, string>, said: RegExp][] = [
    [
      "a login page",
      200,
      PAGE,
      /HTTP 200 with text\/html, where InfluxDB answers \w+: that is not InfluxDB$/,
    ],
    ["no content", 204, {}, /HTTP 204 with no content type, where InfluxDB answers \w+/],
    ...[301, 302, 303, 307, 308].map((status): [string, number, Record<string, string>, RegExp] => [
      `a redirect by ${status}`,
      status,
      { location: "https://sso.test/login?token=s3cret" },
      new RegExp(`HTTP ${status}, a redirect to https://sso\\.test/login, which is not followed`),
    ]),
    ["a proxy whose server is away", 502, PAGE, /reading from InfluxDB: HTTP 502$/],
  ];
  for (const [sentence, status, headers, said] of answers) {
    test(sentence, async (t) => {
      const asked: string[] = [];
      const server = createServer((request, response) => {
        asked.push(request.url!);
        response.writeHead(status, headers).end(status === 204 ? undefined : "<html>log in</html>");
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      t.after(() => server.close());
      const at = `http://127.0.0.1:${(server.address() as { port: number }).port}/below`;
      for (const address of [`${at}/db`, `${at}?org=o&bucket=b`]) {
        await assert.rejects(openStore(parsePlace(address, env)).runs("chat-soak"), (error: Error) => {
          assert.match(error.message, said);
          assert.doesNotMatch(error.message, /s3cret/);
          return error.name === "UserError";
        });
      }
      assert.deepEqual(asked, ["/below/query", "/below/api/v2/query?org=o"]);
    });
  }
});
