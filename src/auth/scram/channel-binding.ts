/** Channel binding data of type tls-server-end-point (RFC 5929, section 4). */
import { createHash } from "node:crypto";

/** Hash functions by the object identifiers of signature algorithms, and of the hashes themselves. */
const HASHES: Readonly<Record<string, string>> = {
  "1.2.840.113549.1.1.4": "md5",
  "1.2.840.113549.1.1.5": "sha1",
  "1.2.840.113549.1.1.14": "sha224",
  "1.2.840.113549.1.1.11": "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
  "1.2.840.10045.4.1": "sha1",
  "1.2.840.10045.4.3.1": "sha224",
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
  "1.2.840.10040.4.3": "sha1",
  "2.16.840.1.101.3.4.3.2": "sha256",
  "1.3.14.3.2.26": "sha1",
  "2.16.840.1.101.3.4.2.4": "sha224",
  "2.16.840.1.101.3.4.2.1": "sha256",
  "2.16.840.1.101.3.4.2.2": "sha384",
  "2.16.840.1.101.3.4.2.3": "sha512",
};

/** The signature algorithm whose parameters name the hash. */
const RSASSA_PSS = "1.2.840.113549.1.1.10";

const Tag = { ObjectIdentifier: 0x06, Sequence: 0x30, Context0: 0xa0 } as const;

/**
 * The hash that both ends of a TLS connection can make of the server's certificate, given in DER.
 * Undefined if its signature has no hash of its own (Ed25519) or is unknown: then there is no binding.
 */
export function tlsServerEndPoint(certificate: Uint8Array): Uint8Array | undefined {
  const hash = signatureHash(certificate);
  if (hash === undefined) return undefined;
  // RFC 5929: the weak ones are replaced.
  const isWeak = hash === "md5" || hash === "sha1";
  return createHash(isWeak ? "sha256" : hash)
    .update(certificate)
    .digest();
}

/** Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm { OID, parameters }, signature }. */
function signatureHash(certificate: Uint8Array): string | undefined {
  const [, algorithm] = childrenOf(elementAt(certificate, 0, Tag.Sequence));
  const [identifier, parameters] = childrenOf(algorithm);
  const name = objectIdentifier(identifier);
  return name === RSASSA_PSS ? pssHash(parameters) : HASHES[name ?? ""];
}

/** RSASSA-PSS-params ::= SEQUENCE { [0] { OID, parameters } DEFAULT sha1, ... }. */
function pssHash(parameters: DerElement | undefined): string | undefined {
  const explicit = childrenOf(parameters).find(({ tag }) => tag === Tag.Context0);
  if (explicit === undefined) return "sha1";
  const [algorithm] = childrenOf(explicit);
  return HASHES[objectIdentifier(childrenOf(algorithm)[0]) ?? ""];
}

interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  /** Of the element with its header. */
  readonly byteLength: number;
}

function elementAt(bytes: Uint8Array, at: number, tag?: number): DerElement | undefined {
  const [found, first] = [bytes[at], bytes[at + 1]];
  if (found === undefined || first === undefined) return undefined;
  if (tag !== undefined && found !== tag) return undefined;
  // Below 128 the length itself, else the number of bytes that hold it.
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (lengthBytes > 3) return undefined;
  const from = at + 2 + lengthBytes;
  const length =
    lengthBytes === 0
      ? first
      : bytes.subarray(at + 2, from).reduce((sum, byte) => sum * 256 + byte, 0);
  if (from + length > bytes.length) return undefined;
  return {
    tag: found,
    content: bytes.subarray(from, from + length),
    byteLength: from - at + length,
  };
}

function childrenOf(element: DerElement | undefined): readonly DerElement[] {
  const children: DerElement[] = [];
  if (element === undefined) return children;
  for (let at = 0; at < element.content.length;) {
    const child = elementAt(element.content, at);
    if (child === undefined) return children;
    children.push(child);
    at += child.byteLength;
  }
  return children;
}

/** `1.2.840...`: base 128, the first two numbers in one. */
function objectIdentifier(element: DerElement | undefined): string | undefined {
  if (element?.tag !== Tag.ObjectIdentifier) return undefined;
  const numbers: number[] = [];
  let value = 0;
  for (const byte of element.content) {
    value = value * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    const [first, ...rest] = numbers.length === 0 ? splitFirst(value) : [value];
    numbers.push(first, ...rest);
    value = 0;
  }
  return numbers.join(".");
}

function splitFirst(value: number): [number, number] {
  const first = Math.min(Math.floor(value / 40), 2);
  return [first, value - 40 * first];
}
