/** Tells who asks: by a bearer token, by a client certificate, or nobody in particular. */
import { timingSafeEqual } from "node:crypto";
import { GatewayError } from "../../errors.ts";
import type { Caller, Role } from "./caller.ts";

/** Somebody who may use the API. */
export interface Identity {
  readonly name: string;
  readonly role: Role;
}

/** Known by a token. */
export interface TokenIdentity extends Identity {
  /** SHA-256 of the token, 64 hexadecimal digits. */
  readonly sha256: string;
}

export interface GatekeeperOptions {
  readonly tokens: readonly TokenIdentity[];
  /** Names that certificates of clients may bear; the authorities are a matter of TLS. */
  readonly certificates: readonly Identity[];
  /** Of who says nothing of himself; undefined: he is refused. */
  readonly anonymous: Role | undefined;
}

/** What a request says of who sent it. */
export interface Credentials {
  readonly door: Caller["door"];
  readonly address: string;
  /** The header `Authorization`. */
  readonly authorization: string | undefined;
  /** Of a verified client certificate. */
  readonly certificateNames: readonly string[];
}

const BEARER = /^Bearer +([\x21-\x7e]+)$/i;

export class Gatekeeper {
  #options: GatekeeperOptions;
  #digests: readonly (readonly [Buffer, Identity])[];
  readonly #strangerCame: (credentials: Credentials) => void;

  /** @param strangerCame told of whoever has shown something, and is refused */
  constructor(options: GatekeeperOptions, strangerCame: (credentials: Credentials) => void) {
    this.#options = options;
    this.#digests = digestsOf(options);
    this.#strangerCame = strangerCame;
  }

  /** From the next request on. */
  follow(options: GatekeeperOptions): void {
    this.#options = options;
    this.#digests = digestsOf(options);
  }

  /** @throws GatewayError ERR_ADMIN_UNAUTHENTICATED */
  identify(credentials: Credentials): Caller {
    const { door, address, authorization, certificateNames } = credentials;
    const { certificates, anonymous } = this.#options;
    // A token that is not known is never made up for by something else.
    const identity =
      authorization === undefined
        ? certificates.find(({ name }) => certificateNames.includes(name))
        : this.#byToken(authorization);
    if (identity !== undefined) {
      return { name: identity.name, role: identity.role, door, address };
    }
    if (authorization !== undefined || anonymous === undefined) {
      if (authorization !== undefined || certificateNames.length > 0) {
        this.#strangerCame(credentials);
      }
      throw new GatewayError("ERR_ADMIN_UNAUTHENTICATED", WHO_ARE_YOU);
    }
    return { name: "anonymous", role: anonymous, door, address };
  }

  /** Takes the same time whichever token it is, and whether it is one. */
  #byToken(authorization: string): Identity | undefined {
    const token = BEARER.exec(authorization)?.[1];
    const digest = new Bun.CryptoHasher("sha256").update(token ?? "").digest();
    let found: Identity | undefined;
    for (const [known, identity] of this.#digests) {
      if (timingSafeEqual(known, digest)) found = identity;
    }
    return token === undefined ? undefined : found;
  }
}

function digestsOf({ tokens }: GatekeeperOptions): readonly (readonly [Buffer, Identity])[] {
  return tokens.map((token) => [Buffer.from(token.sha256, "hex"), token]);
}

const WHO_ARE_YOU = "a token or a certificate that the gateway knows is needed";
