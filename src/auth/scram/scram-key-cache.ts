/** Remembers derived keys: the derivation is slow by design, and the same for each login of a user. */
import { createHmac, randomBytes } from "node:crypto";
import type { Hidden } from "../hidden.ts";
import { type DeriveKeys, deriveKeys, type ScramKeys } from "./scram-keys.ts";

/** More users than that derive anew now and then; an entry takes some 300 bytes. */
const MAX_ENTRIES = 10_000;

/** Keys by password, salt and iterations; those not used for longest are forgotten first. */
export class ScramKeyCache {
  readonly #derive: DeriveKeys;
  readonly #maxEntries: number;
  readonly #entries = new Map<string, Promise<ScramKeys>>();
  /** Passwords themselves are not kept, nor hashes of them that could be guessed at. */
  readonly #fingerprintKey = randomBytes(32);

  constructor(derive: DeriveKeys = deriveKeys, maxEntries: number = MAX_ENTRIES) {
    this.#derive = derive;
    this.#maxEntries = maxEntries;
  }

  /** The keys; logins at the same time share one derivation. Only for passwords known to be right. */
  readonly keysOf: DeriveKeys = (password, salt, iterations) => {
    const fingerprint = this.#fingerprint(password, salt, iterations);
    const known = this.#entries.get(fingerprint);
    const keys = known ?? this.#derive(password, salt, iterations);
    this.#entries.delete(fingerprint);
    this.#entries.set(fingerprint, keys);
    if (known === undefined) this.#watch(fingerprint, keys);
    return keys;
  };

  #fingerprint(password: Hidden<string>, salt: Uint8Array, iterations: number): string {
    return createHmac("sha256", this.#fingerprintKey)
      .update(`${iterations}:${Buffer.from(salt).toString("base64")}:${password.reveal()}`)
      .digest("base64");
  }

  #watch(fingerprint: string, keys: Promise<ScramKeys>): void {
    // A failure is told to who awaits the keys; here it only must not stay.
    keys.catch(() => this.#entries.delete(fingerprint));
    if (this.#entries.size <= this.#maxEntries) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }
}
