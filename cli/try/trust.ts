/** The trusted authorities: on Linux and BSD the ones that k6 trusts, elsewhere the ones of Node.js. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { getSystemErrorMap } from "node:util";

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

/**
 * The faults of the files that SSL_CERT_FILE and SSL_CERT_DIR name, in sentences. Go and {@link trustedRoots} pass over it in
 * silence.
 */
export async function trustProblems({ SSL_CERT_FILE, SSL_CERT_DIR }: NodeJS.ProcessEnv): Promise<string[]> {
  if (process.platform === "win32" || process.platform === "darwin") return [];
  const problems = [];
  if (SSL_CERT_FILE) {
    const wrong = await wrongWith(() => readFile(SSL_CERT_FILE, "latin1"));
    if (wrong)
      problems.push(`SSL_CERT_FILE: expected a file of certificates (PEM), got ${SSL_CERT_FILE} (${wrong})`);
  }
  for (const directory of SSL_CERT_DIR ? SSL_CERT_DIR.split(":") : []) {
    const wrong = await wrongWith(async () => {
      const names = await readdir(directory);
      const all = await Promise.all(
        names.map((name) => readFile(join(directory, name), "latin1").catch(() => "")),
      );
      return all.join("\n");
    });
    if (wrong)
      problems.push(`SSL_CERT_DIR: expected a directory of certificates (PEM), got ${directory} (${wrong})`);
  }
  return problems;
}

async function wrongWith(read: () => Promise<string>): Promise<string | undefined> {
  try {
    return (await read()).match(CERTIFICATE) ? undefined : "no certificate in it";
  } catch (error) {
    const { errno, code } = error as NodeJS.ErrnoException;
    return getSystemErrorMap().get(errno ?? 0)?.[1] ?? code ?? "unreadable";
  }
}
