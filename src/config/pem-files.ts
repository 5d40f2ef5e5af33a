/** Certificates and keys in files, as TLS wants them: read, and known to be what they should be. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { GatewayError } from "../errors.ts";

/** PEM texts of a certificate and its private key. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/**
 * The certificates in a file; what follows the first one is not looked at.
 * @throws GatewayError ERR_CONFIG_INVALID naming the file, and why it cannot be used
 */
export function readCertificates(file: string): string {
  return readPem(file, (pem) => new X509Certificate(pem)).pem;
}

/**
 * A certificate and its key.
 * @throws GatewayError ERR_CONFIG_INVALID naming the file, and why it cannot be used, also when the two
 *   do not belong together
 */
export function readKeyPair(certFile: string, keyFile: string): KeyPair {
  const cert = readPem(certFile, (pem) => new X509Certificate(pem));
  const key = readPem(keyFile, (pem) => createPrivateKey(pem));
  if (!cert.parsed.checkPrivateKey(key.parsed)) {
    throw new GatewayError(
      "ERR_CONFIG_INVALID",
      `${keyFile} is not the private key of the certificate in ${certFile}`,
    );
  }
  return { cert: cert.pem, key: key.pem };
}

function readPem<T>(file: string, parse: (pem: string) => T): { pem: string; parsed: T } {
  try {
    const pem = readFileSync(file, "utf8");
    return { pem, parsed: parse(pem) };
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new GatewayError("ERR_CONFIG_INVALID", `cannot use ${file}: ${reason}`, {
      cause: thrown,
    });
  }
}
