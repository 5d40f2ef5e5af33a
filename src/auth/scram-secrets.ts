/** What SCRAM proofs are checked against: for users with a password, with a verifier, and for nobody. */
import { Hidden } from "./hidden.ts";
import {
  type ExchangeSecret,
  hmac,
  SALT_BYTES,
  ScramKeyCache,
  type ScramVerifier,
  verifierOf,
} from "./scram/index.ts";
import type { Secret } from "./secret.ts";
import type { Decoy, UserLookup } from "./users/index.ts";

/** One for the process, or for a group. */
export class ScramSecrets {
  readonly #processSecret: Uint8Array;
  readonly #cache: ScramKeyCache;

  /** @param processSecret random bytes, 32 or more, the same for the life of the process */
  constructor(processSecret: Uint8Array, cache: ScramKeyCache = new ScramKeyCache()) {
    this.#processSecret = processSecret;
    this.#cache = cache;
  }

  /** For a user that can log in by SCRAM its own, for all others one that no proof fits. */
  of(name: string, { user, decoy }: UserLookup): ExchangeSecret {
    const secret = user?.secret;
    if (secret?.kind === "scram") return exchangeOf(secret.verifier.reveal(), false);
    if (secret?.kind !== "plain") return exchangeOf(this.#mockVerifier(name, decoy), true);
    const { iterations } = decoy;
    const salt = this.#salt(name);
    const keys = async (): Promise<ScramVerifier> => {
      const derived = await this.#cache.keysOf(secret.password, salt, iterations);
      return verifierOf(derived, salt, iterations);
    };
    return { salt, iterations, keys, isMock: false };
  }

  /** A stored password that nobody knows, in the form that most users have theirs. */
  mockSecret(name: string, decoy: Decoy): Secret {
    const unknown = this.#bytes("password", name).toString("hex");
    switch (decoy.kind) {
      case "plain":
        return { kind: "plain", password: new Hidden(unknown) };
      case "md5":
        return { kind: "md5", hash: new Hidden(`md5${unknown.slice(0, 32)}`) };
      case "scram":
        return { kind: "scram", verifier: new Hidden(this.#mockVerifier(name, decoy)) };
    }
  }

  #mockVerifier(name: string, { iterations }: Decoy): ScramVerifier {
    return {
      iterations,
      salt: this.#salt(name),
      storedKey: this.#bytes("stored", name),
      serverKey: this.#bytes("server", name),
    };
  }

  /** The same whenever it is asked for: a salt that changes would tell that nobody has it. */
  #salt(name: string): Uint8Array {
    return this.#bytes("salt", name).subarray(0, SALT_BYTES);
  }

  #bytes(purpose: string, name: string): Buffer {
    return hmac(this.#processSecret, Buffer.from(`${purpose}:${name}`).toString("latin1"));
  }
}

function exchangeOf(verifier: ScramVerifier, isMock: boolean): ExchangeSecret {
  const { salt, iterations } = verifier;
  return { salt, iterations, keys: () => Promise.resolve(verifier), isMock };
}
