/** The keys of SCRAM-SHA-256 (RFC 5802, section 3), and PostgreSQL's notation of a verifier. */
import { createHash, createHmac, pbkdf2, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import type { Hidden } from "../hidden.ts";
import { normalizePassword } from "./normalize-password.ts";
import { decodeBase64 } from "./scram-messages.ts";

/** Rounds for verifiers that we derive; PostgreSQL's default of `scram_iterations`. */
export const DEFAULT_ITERATIONS = 4_096;

/** Length of salts that we make, the same as PostgreSQL's. */
export const SALT_BYTES = 16;

export const KEY_BYTES = 32;

/** What `pbkdf2` takes at most. */
const MAX_ITERATIONS = 0x7fff_ffff;

/** What logs in to a server (ClientKey) and recognises the server (ServerKey). As good as a password. */
export interface ScramKeys {
  readonly clientKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/** Keys that a client's proof gave away, and where they fit: at the server that has the same verifier. */
export interface PassedKeys extends ScramKeys {
  readonly salt: Uint8Array;
  readonly iterations: number;
}

/** What a server keeps: it checks a proof and cannot make one. */
export interface ScramVerifier {
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/** The slow step from a password to its keys. */
export type DeriveKeys = (
  password: Hidden<string>,
  salt: Uint8Array,
  iterations: number,
) => Promise<ScramKeys>;

const derive = promisify(pbkdf2);

/** Derives keys on the thread pool, so that logins do not hold up traffic. */
export const deriveKeys: DeriveKeys = async (password, salt, iterations) => {
  const normal = normalizePassword(password.reveal());
  const saltedPassword = await derive(normal, salt, iterations, KEY_BYTES, "sha256");
  return {
    clientKey: hmac(saltedPassword, "Client Key"),
    serverKey: hmac(saltedPassword, "Server Key"),
  };
};

/** The verifier a server keeps for these keys. */
export function verifierOf(
  keys: ScramKeys,
  salt: Uint8Array,
  iterations: number = DEFAULT_ITERATIONS,
): ScramVerifier {
  return { iterations, salt, storedKey: sha256(keys.clientKey), serverKey: keys.serverKey };
}

const VERIFIER = /^SCRAM-SHA-256\$(\d{1,10}):([^$:]+)\$([^$:]+):([^$:]+)$/;

/** Reads `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`; undefined if it is not one. */
export function parseVerifier(text: string): ScramVerifier | undefined {
  const [, rounds, ...encoded] = VERIFIER.exec(text) ?? [];
  const iterations = Number(rounds);
  const [salt, storedKey, serverKey] = encoded.map(decodeBase64);
  if (salt === undefined || storedKey === undefined || serverKey === undefined) return undefined;
  if (storedKey.length !== KEY_BYTES || serverKey.length !== KEY_BYTES) return undefined;
  if (iterations < 1 || iterations > MAX_ITERATIONS) return undefined;
  return { iterations, salt, storedKey, serverKey };
}

/** PostgreSQL's notation, as in `pg_authid.rolpassword`. */
export function formatVerifier(verifier: ScramVerifier): string {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
  const { iterations, salt, storedKey, serverKey } = verifier;
  return `SCRAM-SHA-256$${iterations}:${base64(salt)}$${base64(storedKey)}:${base64(serverKey)}`;
}

export function hmac(key: Uint8Array, text: string): Buffer {
  // Texts of SCRAM messages hold one byte in each character; labels are ASCII.
  return createHmac("sha256", key).update(text, "latin1").digest();
}

export function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}

/** One key or signature laid over the other: from proof to key and back. */
export function xor(left: Uint8Array, right: Uint8Array): Buffer {
  return Buffer.from(left.map((byte, index) => byte ^ (right[index] ?? 0)));
}

/** Whether two byte strings are equal, in a time that does not tell where they differ. */
export function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}
