/**
 * SCRAM in the role of the client: how we log in to a server.
 *
 * States: `new` -first()-> `first sent` -answer()-> `proof sent` -finish()-> `verified`.
 * A message out of turn, or one that is not right, throws; the login is over then. Only `verified`
 * says that the server knows the password too: a login that ends before it must not be accepted.
 */
import { GatewayError } from "../../errors.ts";
import type { Hidden } from "../hidden.ts";
import {
  type DeriveKeys,
  deriveKeys,
  hmac,
  type PassedKeys,
  sameBytes,
  type ScramKeys,
  sha256,
  xor,
} from "./scram-keys.ts";
import {
  AttributeReader,
  BINDING_TYPE,
  messageBytes,
  messageText,
  SCRAM,
  SCRAM_PLUS,
} from "./scram-messages.ts";

/** What proves who we are. */
export type ScramCredential =
  | { readonly kind: "password"; readonly password: Hidden<string> }
  /** SCRAM pass-through: keys from a client's proof, good where the server has the same verifier. */
  | { readonly kind: "keys"; readonly keys: Hidden<PassedKeys> };

export interface ScramClientOptions {
  /** Mechanisms the server offers, in its AuthenticationSASL. */
  readonly offered: readonly string[];
  readonly credential: ScramCredential;
  /** tls-server-end-point of the server's certificate; undefined without TLS or without such data. */
  readonly channelBinding: Uint8Array | undefined;
  readonly randomBytes: (count: number) => Uint8Array;
  /** How to derive keys from the password; give that of a cache. Default: without one. */
  readonly deriveKeys?: DeriveKeys;
  /** Most rounds the server may ask for. Default {@link MAX_SERVER_ITERATIONS}. */
  readonly maxIterations?: number;
}

/** A hostile server could burn our time with more; PostgreSQL's default is 4,096. */
const MAX_SERVER_ITERATIONS = 100_000;

/** As many as PostgreSQL uses. */
const NONCE_BYTES = 18;

type State = "new" | "first sent" | "proof sent" | "verified";

export class ScramClient {
  /** The mechanism chosen, for SASLInitialResponse. */
  readonly mechanism: string;

  readonly #options: ScramClientOptions;
  readonly #gs2Header: string;
  readonly #nonce: string;
  #state: State = "new";
  #serverSignature: Uint8Array = new Uint8Array();

  /** @throws GatewayError ERR_SERVER_LOGIN if none of the offered mechanisms can be used */
  constructor(options: ScramClientOptions) {
    const { offered, channelBinding } = options;
    const isPlusOffered = offered.includes(SCRAM_PLUS);
    const isBound = isPlusOffered && channelBinding !== undefined;
    if (!isBound && !offered.includes(SCRAM)) {
      throw fault(`offers none of the known mechanisms: ${printable(offered.join(", "))}`);
    }
    this.mechanism = isBound ? SCRAM_PLUS : SCRAM;
    // "y" says: we could bind and you did not offer it. A server that did knows then of a man in the middle.
    const couldBind = channelBinding !== undefined;
    this.#gs2Header = isBound ? `p=${BINDING_TYPE},,` : couldBind ? "y,," : "n,,";
    this.#nonce = Buffer.from(options.randomBytes(NONCE_BYTES)).toString("base64");
    this.#options = options;
  }

  /** Whether the server has proved that it knows the verifier. */
  get isVerified(): boolean {
    return this.#state === "verified";
  }

  /** The data of SASLInitialResponse. */
  first(): Uint8Array {
    this.#expect("new", "first sent");
    return messageBytes(this.#gs2Header + this.#firstBare);
  }

  /**
   * From the data of AuthenticationSASLContinue to that of SASLResponse.
   * @throws GatewayError ERR_SERVER_LOGIN if the server's message is not right
   */
  async answer(serverFirst: Uint8Array): Promise<Uint8Array> {
    this.#expect("first sent", "proof sent");
    const text = messageText(serverFirst, malformed);
    const reader = new AttributeReader(text, malformed);
    const nonce = reader.takeNonce();
    const salt = reader.takeBytes("s");
    const iterations = this.#checkIterations(reader.take("i"));
    reader.skipExtensions();
    // A nonce without a part of the server's own could be a replay.
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce) throw fault("gives a wrong nonce");

    const withoutProof = `c=${this.#binding.toString("base64")},r=${nonce}`;
    const authMessage = `${this.#firstBare},${text},${withoutProof}`;
    const keys = await this.#keysFor(salt, iterations);
    const proof = xor(keys.clientKey, hmac(sha256(keys.clientKey), authMessage));
    this.#serverSignature = hmac(keys.serverKey, authMessage);
    return messageBytes(`${withoutProof},p=${proof.toString("base64")}`);
  }

  /**
   * Checks the data of AuthenticationSASLFinal.
   * @throws GatewayError ERR_SERVER_LOGIN if the server does not know the verifier, or reports an error
   */
  finish(serverFinal: Uint8Array): void {
    if (this.#state !== "proof sent") throw fault("sends a message out of turn");
    const text = messageText(serverFinal, malformed);
    if (text.startsWith("e=")) throw fault(`reports: ${printable(text.slice(2))}`);
    const reader = new AttributeReader(text, malformed);
    const signature = reader.takeBytes("v");
    reader.skipExtensions();
    if (!sameBytes(signature, this.#serverSignature)) {
      throw fault("does not know the password: its signature is wrong");
    }
    this.#state = "verified";
  }

  /** PostgreSQL takes the user from the startup message and ignores this one; libpq leaves it empty. */
  get #firstBare(): string {
    return `n=,r=${this.#nonce}`;
  }

  get #binding(): Buffer {
    const header = Buffer.from(this.#gs2Header, "latin1");
    const { channelBinding } = this.#options;
    const isBound = this.mechanism === SCRAM_PLUS && channelBinding !== undefined;
    return isBound ? Buffer.concat([header, channelBinding]) : header;
  }

  #expect(state: State, next: State): void {
    if (this.#state !== state) throw fault("sends a message out of turn");
    this.#state = next;
  }

  #checkIterations(text: string): number {
    const limit = this.#options.maxIterations ?? MAX_SERVER_ITERATIONS;
    if (!/^[1-9]\d*$/.test(text)) throw fault("gives an iteration count that is no number");
    if (Number(text) > limit) {
      throw fault(`asks for ${text.slice(0, 20)} iterations; at most ${limit} are allowed`);
    }
    return Number(text);
  }

  async #keysFor(salt: Uint8Array, iterations: number): Promise<ScramKeys> {
    const { credential } = this.#options;
    if (credential.kind === "password") {
      return await (this.#options.deriveKeys ?? deriveKeys)(credential.password, salt, iterations);
    }
    const keys = credential.keys.reveal();
    if (!sameBytes(keys.salt, salt) || keys.iterations !== iterations) {
      throw fault("has another verifier of this user than the one its client logged in with");
    }
    return keys;
  }
}

function fault(what: string): GatewayError {
  return new GatewayError("ERR_SERVER_LOGIN", `SCRAM login: the server ${what}`);
}

function malformed(what: string): GatewayError {
  return fault(`sent ${what}`);
}

/** A server's words, fit for a log. */
function printable(text: string): string {
  return text.replace(/[^ -~]/g, "?").slice(0, 100);
}
