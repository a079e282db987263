/** What `try` makes of k6's network and TLS options. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { getCiphers } from "node:tls";
import { reasonOf } from "../../cli/try/handshake.ts";
import { inOpenSsl, networkFor, unhonoured } from "../../cli/try/network.ts";
import { aliasOf } from "../../cli/try/route.ts";
import { trustedRoots, trustProblems } from "../../cli/try/trust.ts";
import { selfSignedCertificate } from "../../server/tls.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

describe("hosts", () => {
  const hosts = {
    "a.example": "10.0.0.1",
    "a.example:81": "10.0.0.2:82",
    "*.b.example": "[::1]:83",
    "*.x.b.example": "::2",
    "10.0.0.9": "10.0.0.3",
  };
  const rows: [host: string, port: number, to: string | undefined][] = [
    ["a.example", 80, "10.0.0.1 80"],
    ["A.Example", 81, "10.0.0.2 82"],
    ["y.b.example", 80, "::1 83"],
    ["y.x.b.example", 80, "::2 80"],
    ["b.example", 80, undefined],
    ["10.0.0.9", 80, "10.0.0.3 80"],
    ["c.example", 80, undefined],
  ];
  for (const [host, port, to] of rows) {
    test(`${host}:${port} goes to ${to ?? "its own address"}`, () => {
      const found = aliasOf(hosts, host, port);
      assert.equal(found && `${found.address} ${found.port}`, to);
    });
  }
});

test("k6's cipher suites are OpenSSL's", () => {
  const names = {
    TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: "ECDHE-RSA-AES128-SHA",
    TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: "ECDHE-ECDSA-AES128-SHA256",
    TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: "ECDHE-RSA-AES256-GCM-SHA384",
    TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305: "ECDHE-RSA-CHACHA20-POLY1305",
    TLS_RSA_WITH_AES_128_GCM_SHA256: "AES128-GCM-SHA256",
    TLS_RSA_WITH_AES_256_CBC_SHA: "AES256-SHA",
  };
  for (const [name, expected] of Object.entries(names)) {
    assert.equal(inOpenSsl(name), expected);
    assert.ok(getCiphers().includes(expected.toLowerCase()), expected);
  }
});

const network = (config: object) =>
  networkFor(
    ["wss://a.example/"],
    { CONNECT_TO: [] },
    { config, source: "--config k6.json", insecure: false, env: {} },
  );

const wrong: [sentence: string, config: object, message: RegExp][] = [
  ["hosts that are none", { hosts: ["a"] }, /^--config k6\.json: hosts: expected an object of addresses/],
  ["an address that is no text", { hosts: { a: 5 } }, /^--config k6\.json: hosts: expected/],
  ["a policy that k6 has not", { dns: { policy: "ipv4" } }, /dns\.policy: expected preferIPv4, /],
  ["a version that k6 has not", { tlsVersion: { min: "1.2" } }, /tlsVersion\.min: expected tls1\.0, /],
  [
    "a cipher suite that nobody has",
    { tlsCipherSuites: ["TLS_NONE_WITH_SUCH"] },
    /tlsCipherSuites: expected/,
  ],
  ["a certificate without its key", { tlsAuth: [{ cert: "secret" }] }, /tlsAuth: expected cert and key/],
  [
    "a certificate that is none",
    { tlsAuth: [{ cert: "secret", key: "secret" }] },
    /tlsAuth: expected what TLS can use/,
  ],
];
for (const [sentence, config, message] of wrong) {
  test(`${sentence} is refused by name, without its value`, () =>
    assert.rejects(network(config), (error: Error) => {
      assert.equal(error.name, "UserError");
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    }));
}

test("of several certificates, the host's own is sent, or the first", async () => {
  const [one, two] = [await selfSignedCertificate(), await selfSignedCertificate()];
  const tlsAuth = [
    { ...one, domains: null },
    { ...two, domains: ["*.example"] },
  ];
  assert.equal((await network({ tlsAuth })).tls.cert, two.cert);
  assert.equal((await network({ tlsAuth: [{ ...one, domains: ["b.example"] }, two] })).tls.cert, one.cert);
});

test("what try cannot do is named", () => {
  assert.deepEqual(unhonoured({ blacklistIPs: ["10.0.0.0/8"], hosts: {} }), ["blacklistIPs"]);
});

test("SSL_CERT_FILE and SSL_CERT_DIR are the authorities that are trusted", {
  skip: process.platform === "win32" || process.platform === "darwin",
}, async (t) => {
  const [one, two] = [await selfSignedCertificate(), await selfSignedCertificate()];
  const directory = await temporaryDirectory(t);
  const file = join(directory, "one.pem");
  const more = join(directory, "more");
  await mkdir(more);
  await writeFile(file, `# Authorities\n${one.cert}`);
  await writeFile(join(more, "two.pem"), two.cert);
  await writeFile(join(more, "README"), "none");
  const plain = (certificate: string) => certificate.trim();
  assert.deepEqual(await trustedRoots({ SSL_CERT_FILE: file, SSL_CERT_DIR: more }), [
    plain(one.cert),
    plain(two.cert),
  ]);
  assert.deepEqual(await trustedRoots({ SSL_CERT_FILE: join(directory, "none"), SSL_CERT_DIR: more }), [
    plain(two.cert),
  ]);
});

test("what SSL_CERT_FILE and SSL_CERT_DIR name in vain is said, without its content", {
  skip: process.platform === "win32" || process.platform === "darwin",
}, async (t) => {
  const directory = await temporaryDirectory(t);
  const [good, junk, none, empty] = ["good.pem", "junk.pem", "none.pem", "empty"].map((name) =>
    join(directory, name),
  ) as [string, string, string, string];
  await writeFile(good, (await selfSignedCertificate()).cert);
  await writeFile(junk, "secret");
  await mkdir(empty);
  const file = "SSL_CERT_FILE: expected a file of certificates (PEM), got";
  assert.deepEqual(await trustProblems({}), []);
  assert.deepEqual(await trustProblems({ SSL_CERT_FILE: good, SSL_CERT_DIR: directory }), []);
  assert.deepEqual(await trustProblems({ SSL_CERT_FILE: none, SSL_CERT_DIR: `${directory}:${empty}` }), [
    `${file} ${none} (no such file or directory)`,
    `SSL_CERT_DIR: expected a directory of certificates (PEM), got ${empty} (no certificate in it)`,
  ]);
  assert.deepEqual(await trustProblems({ SSL_CERT_FILE: junk }), [`${file} ${junk} (no certificate in it)`]);
  assert.match(
    String(await trustProblems({ SSL_CERT_FILE: empty })),
    /\(illegal operation on a directory\)$/,
  );
});

for (const [code, more, words] of [
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", {}, "unable to verify"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", {}, "unable to verify"],
  ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", { reason: "certificate required" }, "certificate required"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", { reason: "not in the list" }, "unable to verify"],
] as const)
  test(`${code} is tls, in words without OpenSSL's file and line`, () =>
    assert.deepEqual(reasonOf(Object.assign(new Error("unable to verify"), { code, ...more })), [
      "tls",
      `no trusted TLS connection (${words})`,
    ]));
