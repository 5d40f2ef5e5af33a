import { expect, test } from "bun:test";
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { tlsServerEndPoint } from "./channel-binding.ts";

const TLS = join(import.meta.dir, "..", "..", "..", "tests", "fixtures", "tls");

/** A DER element of any length below 64 KiB. */
function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const length = body.length < 0x80 ? [body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

const identifier = (hex: string): Buffer => der(0x06, Buffer.from(hex, "hex"));
const algorithm = (hex: string, ...parameters: readonly Uint8Array[]): Buffer =>
  der(0x30, identifier(hex), ...parameters);
const certificate = (signature: Uint8Array): Buffer =>
  der(0x30, der(0x30, Buffer.alloc(300, 1)), signature, der(0x03, Buffer.alloc(70)));
const PSS = "2a864886f70d01010a";

test("a certificate signed with ECDSA and SHA-256 is hashed with SHA-256", () => {
  const { raw } = new X509Certificate(readFileSync(join(TLS, "server.crt")));
  expect(tlsServerEndPoint(raw)).toEqual(createHash("sha256").update(raw).digest());
});

test.each([
  ["MD5 with RSA", algorithm("2a864886f70d010104"), "sha256"],
  ["SHA-1 with RSA", algorithm("2a864886f70d010105"), "sha256"],
  ["SHA-256 with RSA", algorithm("2a864886f70d01010b"), "sha256"],
  ["SHA-384 with RSA", algorithm("2a864886f70d01010c"), "sha384"],
  ["SHA-512 with RSA", algorithm("2a864886f70d01010d"), "sha512"],
  ["SHA-224 with ECDSA", algorithm("2a8648ce3d040301"), "sha224"],
  ["SHA-384 with ECDSA", algorithm("2a8648ce3d040303"), "sha384"],
  ["SHA-512 with ECDSA", algorithm("2a8648ce3d040304"), "sha512"],
  ["RSASSA-PSS of the default hash", algorithm(PSS, der(0x30)), "sha256"],
  [
    "RSASSA-PSS with SHA-384",
    algorithm(PSS, der(0x30, der(0xa0, algorithm("608648016503040202")))),
    "sha384",
  ],
])("%s: the hash follows from the signature", (_name, signature, hash) => {
  const bytes = certificate(signature);
  expect(tlsServerEndPoint(bytes)).toEqual(createHash(hash).update(bytes).digest());
});

test("a signature without a hash of its own gives no binding", () => {
  expect(tlsServerEndPoint(certificate(algorithm("2b6570")))).toBeUndefined();
});

test("bytes that are no certificate give no binding", () => {
  const whole = certificate(algorithm("2a864886f70d01010b"));
  expect(tlsServerEndPoint(Buffer.alloc(0))).toBeUndefined();
  expect(tlsServerEndPoint(Buffer.from("no certificate"))).toBeUndefined();
  for (let length = 0; length < whole.length; length++) {
    expect(tlsServerEndPoint(whole.subarray(0, length))).toBeUndefined();
  }
});
