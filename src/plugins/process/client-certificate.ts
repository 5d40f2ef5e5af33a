/** The certificate by which a plugin recognises the gateway. */
/** Key and certificate of one end of a connection (PEM). */
export interface ClientCertificate {
  readonly key: string;
  readonly certificate: string;
}

/** The plugin's clock may be a little behind. */
const BACKDATED_MS = 30_000;
/** As long as go-plugin's: the certificate must outlive every process. */
const VALID_MS = 262_980 * 3_600_000;

/**
 * Makes a new self-signed certificate of the shape go-plugin's hosts have (reference: its AutoMTLS), with a key
 * on P-256: plugins verify it by being the very certificate they were given.
 */
export async function makeClientCertificate(): Promise<ClientCertificate> {
  // The library looks for it as it is loaded; a bundle does not keep the order of two plain imports.
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=localhost, O=HashiCorp",
    keys,
    signingAlgorithm: { ...algorithm, hash: "SHA-256" },
    notBefore: new Date(now - BACKDATED_MS),
    notAfter: new Date(now + VALID_MS),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.digitalSignature |
          x509.KeyUsageFlags.keyEncipherment |
          x509.KeyUsageFlags.keyAgreement |
          x509.KeyUsageFlags.keyCertSign,
        true,
      ),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.clientAuth,
        x509.ExtendedKeyUsage.serverAuth,
      ]),
      new x509.SubjectAlternativeNameExtension([{ type: "dns", value: "localhost" }]),
    ],
  });
  const key = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    key: x509.PemConverter.encode(key, "PRIVATE KEY"),
    certificate: certificate.toString("pem"),
  };
}
