/** The trusted authorities: on Linux and BSD the ones that k6 trusts, elsewhere the ones of Node.js. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** The places that Go reads (crypto/x509/root_linux.go): the first file that there is, and every directory. */
const FILES = [
  "/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Gentoo
  "/etc/pki/tls/certs/ca-bundle.crt", // Fedora, RHEL 6
  "/etc/ssl/ca-bundle.pem", // openSUSE
  "/etc/pki/tls/cacert.pem", // OpenELEC
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // CentOS, RHEL 7
  "/etc/ssl/cert.pem", // Alpine
];
const DIRECTORIES = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

/** What a file may hold many of. */
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/**
 * The certificates of the trusted authorities, in PEM, by SSL_CERT_FILE and SSL_CERT_DIR if these are set; undefined
 * for the ones that Node.js brings along.
 */
export async function trustedRoots({
  SSL_CERT_FILE,
  SSL_CERT_DIR,
}: NodeJS.ProcessEnv): Promise<string[] | undefined> {
  if (process.platform === "win32" || process.platform === "darwin") return undefined; // nor does Go read them there
  const roots = new Set<string>();
  for (const file of SSL_CERT_FILE ? [SSL_CERT_FILE] : FILES) {
    const found = await certificatesIn(file);
    for (const certificate of found ?? []) roots.add(certificate);
    if (found) break;
  }
  for (const directory of SSL_CERT_DIR ? SSL_CERT_DIR.split(":") : DIRECTORIES) {
    for (const name of await readdir(directory).catch(() => [])) {
      for (const certificate of (await certificatesIn(join(directory, name))) ?? []) roots.add(certificate);
    }
  }
  return roots.size > 0 || SSL_CERT_FILE || SSL_CERT_DIR ? [...roots] : undefined;
}

/** Undefined where the file cannot be read. */
async function certificatesIn(file: string): Promise<string[] | undefined> {
  const text = await readFile(file, "latin1").catch(() => undefined);
  return text?.match(CERTIFICATE) ?? (text === undefined ? undefined : []);
}
