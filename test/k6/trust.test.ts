/** TLS: whoever makes a connection takes the same options, from k6's configuration file and the environment. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { WebSocketServer } from "ws";
import { type Certificate, selfSignedCertificate } from "../../server/tls.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { type How, MAKERS } from "./clients.ts";

/** Echoes over TLS. `agreed` is what each connection agreed on. */
async function secureEcho(t: TestContext, options: ServerOptions) {
  const server = createServer(options);
  const sockets = new WebSocketServer({ server });
  const agreed: { version: string | null; cipher: string; serverName: string; client: string }[] = [];
  sockets.on("connection", (socket, request) => {
    const tls = request.socket as TLSSocket;
    agreed.push({
      version: tls.getProtocol(),
      cipher: tls.getCipher().name,
      serverName: String((tls as { servername?: string | false }).servername ?? ""),
      client: String(tls.getPeerCertificate().subject?.CN ?? ""),
    });
    socket.on("error", () => {});
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const client of sockets.clients) client.terminate();
    server.close();
  });
  return { url: `wss://localhost:${(server.address() as AddressInfo).port}/`, agreed };
}

async function files(t: TestContext, { cert }: Certificate) {
  const directory = await temporaryDirectory(t);
  const file = join(directory, "ca.pem");
  const empty = join(directory, "none");
  await writeFile(file, cert);
  await mkdir(empty);
  return { file, directory, empty };
}

interface Row {
  readonly sentence: string;
  readonly server?: ServerOptions;
  how(certificate: Certificate, t: TestContext): Promise<How>;
  readonly verdict: "pass" | "other";
  /** Stock k6 alone cannot. */
  readonly says?: RegExp;
  /** Of each connection. */
  agrees?(agreed: { version: string | null; cipher: string; serverName: string; client: string }): void;
}

const trusted = async (certificate: Certificate, t: TestContext) => ({
  SSL_CERT_FILE: (await files(t, certificate)).file,
});

const ROWS: readonly Row[] = [
  {
    sentence: "SSL_CERT_FILE is trusted, and the server name is the URL's",
    how: async (certificate, t) => ({ processEnv: await trusted(certificate, t) }),
    verdict: "pass",
    agrees: ({ serverName }) => assert.equal(serverName, "localhost"),
  },
  {
    sentence: "SSL_CERT_DIR is trusted",
    how: async (certificate, t) => ({
      processEnv: { SSL_CERT_DIR: (await files(t, certificate)).directory },
    }),
    verdict: "pass",
  },
  {
    sentence: "nobody's certificate is not",
    how: async (certificate, t) => ({
      processEnv: { SSL_CERT_DIR: (await files(t, certificate)).empty },
    }),
    verdict: "other",
    says: /SSL_CERT_DIR: expected a directory of certificates \(PEM\), got \S+ \(no certificate in it\)/,
  },
  {
    sentence: "insecureSkipTLSVerify takes any",
    how: async () => ({ config: { insecureSkipTLSVerify: true } }),
    verdict: "pass",
  },
  {
    sentence: "tlsAuth sends a client certificate",
    server: { requestCert: true },
    how: async ({ cert, key }) => ({
      config: { insecureSkipTLSVerify: true, tlsAuth: [{ cert, key, domains: ["localhost"] }] },
    }),
    verdict: "pass",
    agrees: ({ client }) => assert.equal(client, "localhost"),
  },
  {
    sentence: "without one, who wants one refuses",
    server: { requestCert: true, maxVersion: "TLSv1.2" }, // before the handshake is over
    how: async () => ({ config: { insecureSkipTLSVerify: true } }),
    verdict: "other",
  },
  {
    sentence: "tlsVersion bounds the version, tlsCipherSuites chooses the cipher",
    how: async () => ({
      config: {
        insecureSkipTLSVerify: true,
        tlsVersion: { min: "tls1.2", max: "tls1.2" },
        tlsCipherSuites: ["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305"],
      },
    }),
    verdict: "pass",
    agrees: ({ version, cipher }) =>
      assert.deepEqual([version, cipher], ["TLSv1.2", "ECDHE-ECDSA-CHACHA20-POLY1305"]),
  },
  {
    sentence: "a version that the server does not have is refused",
    server: { minVersion: "TLSv1.3" },
    how: async () => ({ config: { insecureSkipTLSVerify: true, tlsVersion: "tls1.2" } }),
    verdict: "other",
  },
];

for (const [name, make] of MAKERS.filter(([name]) => name !== "mass-soak")) {
  describe(name, () => {
    for (const { sentence, server, how, verdict, says, agrees } of ROWS) {
      test(sentence, async (t) => {
        const certificate = await selfSignedCertificate();
        const { url, agreed } = await secureEcho(t, { ...certificate, ca: certificate.cert, ...server });
        const { env, ...more } = await how(certificate, t);
        const made = await make(t, url, { ...more, env: { PROTOCOL: "echo", ...env } });
        if (verdict === "pass") {
          assert.equal(made.verdict, "pass", made.said);
          assert.ok(agreed.length > 0);
          for (const one of agreed) agrees?.(one);
          return;
        }
        assert.notEqual(made.verdict, "pass", made.said);
        assert.ok(made.failures("tls") > 0, made.said);
        assert.equal(agreed.length, 0);
        if (says && name !== "stock sockets") assert.match(made.said, says);
      });
    }
  });
}
